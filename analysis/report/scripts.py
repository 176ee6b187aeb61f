"""The scripts that draw a page's charts, as text: nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_STATIC = Path(__file__).parent / "static"


def static(name: str) -> str:
    """A file that is the same in every report."""
    return (_STATIC / name).read_text("utf-8")


def charts(specifications: Mapping[str, Mapping[str, Any]]) -> str:
    """Vega-Lite specifications by the name under which a page asks for them."""
    return f"const CHARTS = {json.dumps(specifications)};\n"


def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script that loads nothing from elsewhere; gzip halves the report."""
    import altair
    import vl_convert

    major, minor, *_ = altair.SCHEMA_VERSION.removeprefix("v").split(".")
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed", vl_version=f"{major}.{minor}")
    packed = base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()
    return f'const VEGA = "{packed}";\n'
