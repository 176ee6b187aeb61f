"""Everything a run leaves on disk, each file written whole or not at all.

`load_model` and `load_test_data` are the way back from a run directory to Python.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from hypo.architectures.normalised import Normalised
from hypo.atomic import Lock, write_atomically
from hypo.errors import InputError
from hypo.identity import GROUPS, SCHEMA
from hypo.risks import Flags, Share
from hypo.settings import build, describe


class RunDirectory:
    """One run's folder, `<readable name>-<run id>`. Files of a higher layer's choosing may lie beside these."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def create(self, config: Mapping[str, Any], command: str) -> None:
        """Write config.yaml and a status "queued", where there is none yet."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / "config.yaml").exists():
                text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
                write_atomically(self.path / "config.yaml", text.encode())
            if not (self.path / "status.json").exists():
                self.update_status(state="queued", reason=None, command=command, queued_at=now())
        except OSError as error:
            raise InputError(f"output_dir: cannot write {self.path}: {error.strerror or error}") from None

    def lock(self, *, wait: bool = False) -> Lock:
        """A context that only one process can be in; LockedError, or with `wait` patience, when another is."""
        return Lock(self.path / ".lock", wait=wait)

    def config(self) -> dict[str, Any]:
        """config.yaml; InputError when it is broken or of another schema version."""
        path = self.path / "config.yaml"
        try:
            config = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read: {_one_line(error)}") from None
        _check_schema(path, config)
        if lacking := [group for group in GROUPS if not isinstance(config.get(group), Mapping)]:
            raise InputError(f"{path}: has no settings of {', '.join(lacking)}")
        return config

    def status(self) -> dict[str, Any]:
        """status.json, or an empty one where there is none that can be read."""
        try:
            status = json.loads((self.path / "status.json").read_text())
        except (OSError, ValueError):
            return {}
        return status if isinstance(status, dict) else {}

    def update_status(self, **changes: Any) -> None:
        """Change entries of status.json; the time is noted as `updated_at`."""
        status = {"schema": SCHEMA, **self.status(), **changes, "updated_at": now()}
        write_atomically(self.path / "status.json", _json(status), durable=False)

    def save_environment(self, environment: Mapping[str, Any]) -> None:
        """Write environment.json."""
        write_atomically(self.path / "environment.json", _json(environment))

    def save_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Write checkpoint.pt, keeping its predecessor, and the history in it as history.csv."""
        buffer = io.BytesIO()
        torch.save({"schema": SCHEMA, **checkpoint}, buffer)
        path = self.path / "checkpoint.pt"
        write_atomically(path, buffer.getbuffer(), keep=self.path / "checkpoint.previous.pt")
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(checkpoint["history"][0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(checkpoint["history"])
        write_atomically(self.path / "history.csv", text.getvalue().encode(), durable=False)

    def load_checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """The newest checkpoint, or None; InputError when it cannot be read."""
        newest, previous = self.path / "checkpoint.pt", self.path / "checkpoint.previous.pt"
        path = newest if newest.exists() else previous
        if not path.exists():
            return None
        try:
            checkpoint = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:
            # torch.load reports a broken file with half a dozen types of exception.
            remedy = "from the epoch before" if path == newest and previous.exists() else "from the start"
            raise InputError(
                f"{path}: the checkpoint cannot be read ({_one_line(error)[:80]}); "
                f"move it away and repeat the command to train {remedy}"
            ) from None
        _check_schema(path, checkpoint)
        return checkpoint

    def save_model(self, model: nn.Module, shape: Sequence[int], classes: int) -> None:
        """Write model.safetensors, with the image shape and the number of classes beside the weights."""
        from safetensors.torch import save

        tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
        # One entry, because safetensors writes several in any order, and equal models would be unequal files.
        metadata = {"interface": json.dumps({"shape": list(shape), "classes": classes})}
        write_atomically(self.path / "model.safetensors", save(tensors, metadata))

    def save_examples(self, flags: Flags) -> None:
        """Write examples.parquet: one row a test example."""
        import pandas

        columns = ("example", "label", "clean_prediction", "correct", "adv", "hyp", "sta", "margin")
        buffer = io.BytesIO()
        pandas.DataFrame({name: getattr(flags, name) for name in columns}).to_parquet(buffer, index=False)
        write_atomically(self.path / "examples.parquet", buffer.getbuffer())

    def save_result(self, run_id: str, shares: Mapping[str, Share]) -> None:
        """Write result.json, which is what makes a run done; so it comes last."""
        result = {
            "schema": SCHEMA,
            "run_id": run_id,
            "n": shares["D"].of,
            **{name: share.value for name, share in shares.items()},
            "counts": {name: {"count": share.count, "of": share.of} for name, share in shares.items()},
            "intervals": {name: share.interval for name, share in shares.items()},
        }
        write_atomically(self.path / "result.json", _json(result))
        (self.path / "checkpoint.previous.pt").unlink(missing_ok=True)

    def result(self) -> dict[str, Any] | None:
        """The valid result, or None where there is none; InputError when result.json is broken."""
        path = self.path / "result.json"
        if not path.exists():
            return None
        try:
            result = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: the result cannot be read ({_one_line(error)}); "
                "move it away and repeat the command to evaluate again"
            ) from None
        _check_schema(path, result)
        if lacking := [entry for entry in ("run_id", "n", "D", "counts", "intervals") if entry not in result]:
            raise InputError(
                f"{path}: the result has no {', '.join(lacking)}; "
                "move it away and repeat the command to evaluate again"
            )
        return result


def load_model(path: str | Path) -> nn.Module:
    """The trained model of a run, on the CPU and in `eval()` mode.

    It takes images in [0, 1], (batch, channels, height, width); its first layer normalises them.
    Only weights are read, nothing is unpickled.

    Raises:
        InputError: when the run has no model yet, or its files cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    directory = RunDirectory(Path(path))
    arch = build(directory.config()["arch"], "arch")
    weights = directory.path / "model.safetensors"
    if not weights.exists():
        state = directory.status().get("state", "not started")
        raise InputError(f"{weights}: there is no trained model; the run is {state}")
    try:
        with safe_open(weights, framework="pt") as file:
            interface = json.loads(file.metadata()["interface"])
            state_dict = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{weights}: cannot be read: {_one_line(error)}") from None
    shape = tuple(interface["shape"])
    channels = shape[0]
    model = Normalised(arch.build(shape, interface["classes"]), [0.0] * channels, [1.0] * channels)
    model.load_state_dict(state_dict)
    return model.eval()


def load_test_data(path: str | Path) -> tuple[Tensor, Tensor]:
    """The test images and labels of a run, in the order of its examples.parquet.

    Returns:
        (examples, channels, height, width) float32 in [0, 1], and (examples,) int64.

    Raises:
        InputError: when the data set is no longer where the run found it.
    """
    config = RunDirectory(Path(path)).config()
    dataset = build(config["dataset"], "dataset")
    if describe(dataset).get("fingerprint") != config["dataset"].get("fingerprint"):
        raise InputError(f"{path}: the images of its data set are not those that the run was tested on")
    data = dataset.load()
    split, _ = data.test.limited(config["evaluation"]["test_limit"])
    return split.images.float() / data.maximum, split.labels


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _check_schema(path: Path, content: Any) -> None:
    schema = content.get("schema") if isinstance(content, Mapping) else None
    if schema != SCHEMA:
        raise InputError(f"{path}: has schema version {schema}, this version of hypo reads {SCHEMA}")


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _finite(value: Any) -> Any:
    """JSON knows no nan: null stands for it."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
