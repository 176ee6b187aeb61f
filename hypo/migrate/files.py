"""The files of one run of schema 1, as they are now."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from hypo.measurements import certificate, pictures, targeted
from hypo.measurements.finding import Finding, Point
from hypo.measurements.risks import Share
from hypo.migrate import first_schema
from hypo.migrate.commands import retyped
from hypo.migrate.settings import Renewed, said
from hypo.runs.status import to_json
from hypo.settings.components import build
from hypo.settings.errors import InputError
from hypo.settings.identity import SCHEMA

PICTURE = ("hidden.png", "measurements/pictures/hidden.png")
"""What is moved as it is, and where to."""

FROM = "migrated_from"
"""Where status.json keeps what a run was called: `schema`, `run` (its directory) and `training_id`."""

# The C parser is five times as fast, and of equal safety.
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def config(directory: Path) -> dict[str, Any]:
    """config.yaml, of whichever schema; InputError when it is missing or broken."""
    try:
        content = yaml.load((directory / "config.yaml").read_bytes(), Loader=_YamlLoader)
    except FileNotFoundError:
        raise InputError("is no run directory, it has no config.yaml") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"config.yaml cannot be read: {said(error)}") from None
    if not isinstance(content, dict):
        raise InputError("config.yaml cannot be read: it holds no settings")
    return content


def renewed_files(directory: Path, settings: Renewed, names: Mapping[str, str]) -> dict[str, bytes]:
    """What is to be written in a run directory, in this order; config.yaml, which says the schema, comes last.

    Files that are up to date already, because an earlier migration was cut short, come out as they are.

    Args:
        names: what run directories are called now, by what they were called.

    Raises:
        InputError: when one of them cannot be read.
    """
    makers: dict[str, Callable[[bytes], bytes]] = {
        "examples.parquet": _examples,
        "checkpoint.previous.pt": _checkpoint,
        "checkpoint.pt": _checkpoint,
        "result.json": lambda content: _result(content, settings, directory),
        "status.json": lambda content: _status(content, settings, directory.name, names),
    }
    files = {}
    for name, make in makers.items():
        try:
            files[name] = make((directory / name).read_bytes())
        except FileNotFoundError:
            continue
        except Exception as error:
            # Of a broken file, torch and pyarrow each report half a dozen types of exception.
            raise InputError(f"{name} cannot be taken over: {said(error)[:200]}") from None
    files["config.yaml"] = yaml.safe_dump(dict(settings.config), sort_keys=False, allow_unicode=True).encode()
    return files


def _examples(content: bytes) -> bytes:
    """With the search that decided each flag: the only one, wherever the clean prediction did not."""
    import numpy as np
    import pandas

    examples = pandas.read_parquet(io.BytesIO(content))
    if "search" in examples:
        return content
    decided = examples["adv"].where(examples["correct"], examples["hyp"])
    at = list(examples).index("margin")
    for name, by in (("sta_search", examples["sta"] & ~examples["correct"]), ("search", decided)):
        examples.insert(at, name, np.array([None, "attack"], dtype=object)[by.to_numpy(np.int64)])
    buffer = io.BytesIO()
    examples.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _checkpoint(content: bytes) -> bytes:
    import torch

    checkpoint = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if checkpoint["schema"] == SCHEMA:
        return content
    buffer = io.BytesIO()
    torch.save({**checkpoint, "schema": SCHEMA}, buffer)
    return buffer.getvalue()


def _result(content: bytes, settings: Renewed, directory: Path) -> bytes:
    """With what was measured besides the flags as findings, each under the measurement that it now is of."""
    earlier = json.loads(content)
    if earlier["schema"] == SCHEMA:
        return content
    counts = earlier["counts"]
    beside = [name for name in counts if name in certificate.ABOUT]
    result = {key: value for key, value in earlier.items() if key not in (*beside, "targeted")}
    for entry in ("counts", "intervals"):
        result[entry] = {key: value for key, value in earlier[entry].items() if key not in beside}
    conditional = {"adv": "R_adv_plus", "hyp": "R_hyp_minus", "sta": "R_sta_minus"}
    attack = {flag: counts[name]["count"] for flag, name in conditional.items()}
    result |= {"schema": SCHEMA, "run_id": settings.run_id, "searches": {"attack": attack}, "findings": {}}
    # What lacks here, because it came later or the file is gone, is measured when it is asked for.
    findings: dict[str, Finding] = {}
    if "targeted" in earlier:
        findings["targeted"] = _targeted(earlier["targeted"])
    if beside or not getattr(build(settings.config["arch"], "arch"), "lipschitz", False):
        findings["certificate"] = certificate.finding({name: _share(counts[name]) for name in beside})
    picture = next((path for path in (directory / name for name in PICTURE) if path.exists()), None)
    if picture or not attack["hyp"]:
        findings["pictures"] = pictures.finding(picture.read_bytes() if picture else None)
    for name, finding in findings.items():
        result = finding.entered(result, name, settings.measured[name])
    return to_json(result)


def _targeted(rates: Any) -> Finding:
    curves = [[Point(rate["class"], _share(rate[curve])) for rate in rates] for curve in ("already", "moved")]
    return targeted.finding(*curves)


def _share(counted: Mapping[str, Any]) -> Share:
    return Share(counted["count"], counted["of"])


def _status(content: bytes, settings: Renewed, name: str, names: Mapping[str, str]) -> bytes:
    """With the names and the command of today; `migrated_from` keeps what the run was called."""
    status = json.loads(content)
    if status["schema"] == SCHEMA:
        return content
    if "trained_in" in status:
        trained_in = names.get(status["trained_in"], status["trained_in"])
        if trained_in == names.get(name):  # of two that are one run now, one trained and the other stays
            del status["trained_in"]
        else:
            status["trained_in"] = trained_in
    earlier = {"schema": first_schema.SCHEMA, "run": name, "training_id": settings.earlier_training_id}
    return to_json({**status, "schema": SCHEMA, "command": retyped(status.get("command", "")), FROM: earlier})
