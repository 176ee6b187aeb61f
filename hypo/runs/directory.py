"""Everything a run leaves on disk, each file written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from hypo.architectures import weights
from hypo.measurements.finding import Core, Finding
from hypo.measurements.risks import Flags
from hypo.runs import status as run_status
from hypo.runs.atomic import write_atomically
from hypo.runs.kept_files import KeptFiles, remove
from hypo.runs.lock import Claim, Lock
from hypo.runs.outcome import Outcome
from hypo.runs.status import to_json
from hypo.settings.components import describe
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS, SCHEMA, how_to_update


class RunDirectory:
    """One run's folder, `<readable name>-<run id>`. Files of a higher layer's choosing may lie beside these.

    While `lock` is held, every write makes sure that it still is: LockedError when a newer attempt took over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: Lock | None = None

    def __str__(self) -> str:
        return str(self.path)

    def create(self, config: Mapping[str, Any], command: str) -> None:
        """Write config.yaml and a status "queued", where there is none yet; InputError when that cannot be."""
        run_status.create(self.path, config, command)

    def save_config(self, config: Mapping[str, Any]) -> None:
        """Write config.yaml."""
        run_status.write_config(self.path, config, self.check)

    @contextmanager
    def lock(self, claim: Claim | None = None) -> Iterator[None]:
        """A context that only one process can be in; LockedError, or with `wait` patience, when another is.

        What a process that was killed had begun to write is removed.
        """
        with Lock(self.path / ".lock", claim) as self._lock:
            try:
                for pattern in (
                    *(".checkpoint.pt.*", ".model.safetensors.*", ".examples.parquet.*"),
                    "kept/*/.*.npz.*",
                ):
                    for begun in self.path.glob(pattern):
                        begun.unlink(missing_ok=True)
                yield
            finally:
                self._lock = None

    def check(self) -> None:
        """LockedError when a newer attempt took over: from then on nothing may be written."""
        if self._lock is not None:
            self._lock.check()

    def config(self) -> dict[str, Any]:
        """config.yaml; InputError when it is missing, broken or of another schema version."""
        path = self.path / "config.yaml"
        try:
            config = yaml.safe_load(path.read_text())
        except FileNotFoundError:
            raise InputError(f"{self.path}: is no run directory, it has no config.yaml") from None
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read: {_one_line(error)}") from None
        _check_schema(path, config)
        if lacking := [group for group in GROUPS if not isinstance(config.get(group), Mapping)]:
            raise InputError(f"{path}: has no settings of {', '.join(lacking)}")
        return config

    def status(self) -> dict[str, Any]:
        """status.json, or an empty one where there is none that can be read."""
        return run_status.read(self.path)

    def update_status(self, **changes: Any) -> None:
        """Change entries of status.json; the time is noted as `updated_at`."""
        run_status.update(self.path, changes, self.check)

    def end_attempt(self, outcome: Outcome, usage: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Note in status.json how the attempt that is running ended, and what it used, if that is known."""
        self.update_status(**run_status.ended(self.path, outcome, usage), **more)

    def save_environment(self, environment: Mapping[str, Any]) -> None:
        """Write environment.json."""
        self._write("environment.json", to_json(environment))

    def save_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Write checkpoint.pt, keeping its predecessor, and the history in it as history.csv."""
        buffer = io.BytesIO()
        torch.save({"schema": SCHEMA, **checkpoint}, buffer)
        self._write("checkpoint.pt", buffer.getbuffer(), keep=self.path / "checkpoint.previous.pt")
        text = io.StringIO()
        # The newest row names the columns: an epoch of an earlier version may have had fewer.
        writer = csv.DictWriter(text, fieldnames=list(checkpoint["history"][-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(checkpoint["history"])
        self._write("history.csv", text.getvalue().encode(), durable=False)

    def history(self) -> list[dict[str, float]]:
        """The rows of history.csv, each epoch once; none where there is no such file."""
        try:
            text = (self.path / "history.csv").read_text("utf-8")
        except OSError:
            return []
        rows = [
            {key: float(value) for key, value in row.items() if value} for row in csv.DictReader(io.StringIO(text))
        ]
        return list({row["epoch"]: row for row in rows}.values())

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
        self._write("model.safetensors", weights.to_bytes(model, shape, classes))

    def adopt_training(self, other: Path) -> None:
        """Take over model.safetensors and history.csv of the run at `other`, and note whose they are."""
        for name in ("model.safetensors", "history.csv"):
            self._write(name, (other / name).read_bytes())
        self.update_status(trained_in=other.name)

    def kept(self, of: str, settings: Mapping[str, Any], files: Sequence[str]) -> KeptFiles:
        """`Kept` of what is not done yet, "evaluation" or `measurement.<name>`; the rest is as of `KeptFiles`."""
        paths = [self.path / name for name in files]
        return KeptFiles(self.path / "kept" / of, settings, paths, self.check)

    def save_examples(self, flags: Flags) -> None:
        """Write examples.parquet: one row a test example."""
        import pandas

        about = ("example", "label", "clean_prediction", "correct")
        found = ("adv", "hyp", "sta", "hyp_moved", "hyp_by_stability", "search", "sta_search", "margin", "lead")
        buffer = io.BytesIO()
        pandas.DataFrame({name: getattr(flags, name) for name in (*about, *found)}).to_parquet(buffer, index=False)
        self._write("examples.parquet", buffer.getbuffer())

    def save_result(self, run_id: str, core: Core, *, keep_checkpoint: bool) -> None:
        """Write result.json, the end of training and of the attacks; so it comes last, and checkpoints can go."""
        result = {"schema": SCHEMA, "run_id": run_id, **core.as_json()}
        self._write("result.json", to_json(result))
        for name in ("checkpoint.previous.pt", *([] if keep_checkpoint else ["checkpoint.pt"])):
            (self.path / name).unlink(missing_ok=True)
        remove(self.path / "kept" / "evaluation")

    def add_finding(self, name: str, measurement: Any, finding: Finding) -> None:
        """Enter in result.json what the measurement `name` found; its files come to lie in measurements/`name`."""
        import pandas

        result = self.result()
        assert result is not None, "what is measured has a result"
        entered = finding.entered(result, name, describe(measurement, identity=True))
        folder = f"measurements/{name}"
        for picture, each in finding.pictures.items():
            self._write(f"{folder}/{picture}.png", each.png, durable=False)
        if finding.columns:
            columns = {column: each.values for column, each in finding.columns.items()}
            buffer = io.BytesIO()
            pandas.DataFrame({"example": self._examples(), **columns}).to_parquet(buffer, index=False)
            self._write(f"{folder}/examples.parquet", buffer.getbuffer())
        self._write("result.json", to_json(entered))
        remove(self.path / "kept" / f"measurement.{name}")

    def lacking(self, measurements: Mapping[str, Any]) -> list[str] | None:
        """The names of those of `measurements` that have not been made with these settings; None without a result.

        Raises:
            InputError: when result.json is broken.
        """
        result = self.result()
        if result is None:
            return None
        settings = {name: describe(each, identity=True) for name, each in measurements.items()}
        return run_status.unmeasured(result, settings)

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
        entries = ("run_id", "n", "D", "counts", "intervals", "findings")
        if lacking := [entry for entry in entries if entry not in result]:
            raise InputError(
                f"{path}: the result has no {', '.join(lacking)}; "
                "move it away and repeat the command to evaluate again"
            )
        return result

    def _examples(self) -> Any:
        """The index of each test example in the whole test set, in the order of examples.parquet."""
        import pandas

        return pandas.read_parquet(self.path / "examples.parquet", columns=["example"])["example"]

    def _write(self, name: str, content: bytes | memoryview, **how: Any) -> None:
        (self.path / name).parent.mkdir(exist_ok=True, parents=True)
        write_atomically(self.path / name, content, may_write=self.check, **how)


def _check_schema(path: Path, content: Any) -> None:
    schema = content.get("schema") if isinstance(content, Mapping) else None
    if schema != SCHEMA:
        raise InputError(
            f"{path}: has schema version {schema}, this version of hypo reads {SCHEMA}{how_to_update(schema)}"
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
