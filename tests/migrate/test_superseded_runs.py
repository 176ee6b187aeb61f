"""Directories of schema 1 that are one run now, because they differ in what was measured alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import composing
import pandas
import pytest
import yaml
from aged_outputs import aged_config, old_training_id
from compared_outputs import contents, files
from small_jobs import Silent
from small_outputs import RUNS, SMALL

from hypo.jobs.attempt import attempt
from hypo.migrate.__main__ import main
from hypo.runs.outcome import Outcome
from hypo.settings.identity import short_hash
from launchers.watching.moment import planned_sweep


def targeted(outputs: Path) -> Path:
    """The run that was measured towards each class."""
    (found,) = (path.parent for path in outputs.glob("runs/*/config.yaml") if "targeted: true" in path.read_text())
    return found


def twin(outputs: Path) -> Path:
    """The same run, as schema 1 had it without targets."""
    path = targeted(outputs)
    config = yaml.safe_load((path / "config.yaml").read_text())
    plain = aged_config({**config, "measurement": {}, "evaluation": {**config["evaluation"], "name": "pgd20"}})
    other = outputs / "runs" / f"{plain['name']}-{plain['run_id']}"
    shutil.copytree(path, other)
    (other / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    result = json.loads((other / "result.json").read_text())
    del result["targeted"]
    (other / "result.json").write_text(json.dumps({**result, "run_id": plain["run_id"]}))
    return other


def test_the_one_with_targets_stays_and_the_other_is_moved_aside(
    made: Path, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = twin(old)
    before = files(other)
    assert main([str(old)]) == 0
    moved, summary = capsys.readouterr().out.splitlines()
    kept = composing.job(*RUNS[0], *SMALL, f"output_dir={old}").directory.path.name
    assert moved == (
        f"{other.name} is in superseded/ now: it is the same run as {kept}; "
        "that has the mistakes by target class too"
    )
    assert summary == "7 runs: 6 renamed, 1 superseded, and 4 trainings, 1 crafted set, 1 sweep"
    assert files(old / "superseded" / other.name) == before
    shutil.rmtree(old / "superseded")
    assert contents(old) == contents(made)


def test_whoever_names_the_other_names_the_one_that_stays(old: Path) -> None:
    """A pointer, a run that took over the training, a sweep."""
    kept, other = targeted(old), twin(old)
    config = yaml.safe_load((other / "config.yaml").read_text())
    pointer = old / "trained" / f"{old_training_id(config)}.json"
    pointer.write_text(json.dumps({"run": other.name}))
    for name in (kept.name, *(path.name for path in old.glob("runs/*thrm*") if path not in (kept, other))):
        status = old / "runs" / name / "status.json"
        status.write_text(json.dumps(json.loads(status.read_text()) | {"trained_in": other.name}))
    (sweep,) = (old / "sweeps").iterdir()
    for path in (sweep / "sweep.json", sweep / "runs.jsonl"):
        text = path.read_text()
        record = json.dumps({"directory": other.name, "config": config, "command": "python -m hypo.run"})
        path.write_text(text + record + "\n" if path.suffix == ".jsonl" else add_run(text, other.name))
    assert main([str(old)]) == 0
    run = composing.job(*RUNS[0], *SMALL, f"output_dir={old}")
    name = run.directory.path.name
    assert name in [json.loads(path.read_text())["run"] for path in old.glob("trained/*.json")]
    assert "trained_in" not in run.directory.status()
    fgsm = composing.job(*RUNS[1], *SMALL, f"output_dir={old}").directory
    assert fgsm.status()["trained_in"] == name
    (sweep,) = (old / "sweeps").iterdir()
    planned = planned_sweep(sweep)
    assert len(planned.records) == 4
    assert list(planned.records[name]["config"]["measurement"]) == ["targeted", "certificate", "pictures"]
    assert json.loads((sweep / "sweep.json").read_text())["runs"].count(name) == 1
    assert sweep.name == short_hash(sorted(record["config"]["run_id"] for record in planned.records.values()))


def add_run(text: str, name: str) -> str:
    content = json.loads(text)
    return json.dumps({**content, "runs": [*content["runs"], name]})


def test_flags_that_differ_leave_both(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, other = targeted(old), twin(old)
    examples = pandas.read_parquet(other / "examples.parquet")
    examples.loc[0, "adv"] = not examples.loc[0, "adv"]
    examples.to_parquet(other / "examples.parquet", index=False)
    before = files(kept), files(other)
    assert main([str(old)]) == 1
    out, err = capsys.readouterr()
    assert f"left: {kept}: is the same run as {other.name}, with other flags: move one of them elsewhere\n" in err
    assert f"left: {other}: is the same run as {kept.name}, with other flags" in err
    assert out.startswith("7 runs: 5 renamed, 2 left, and ")
    assert (files(kept), files(other)) == before


def test_what_only_another_processor_rounds_differently_is_no_difference(old: Path) -> None:
    other = twin(old)
    examples = pandas.read_parquet(other / "examples.parquet")
    examples["margin"] += 1e-7
    examples.to_parquet(other / "examples.parquet", index=False)
    assert main([str(old)]) == 0
    assert (old / "superseded" / other.name).is_dir()


def test_a_finished_run_stays_and_one_that_was_only_begun_is_moved_aside(old: Path) -> None:
    kept, other = targeted(old), twin(old)
    (kept / "result.json").unlink()
    assert main([str(old)]) == 0
    assert (old / "superseded" / kept.name).is_dir()
    job = composing.job(*RUNS[0], *SMALL, f"output_dir={old}")
    assert job.directory.lacking(job.experiment.measurements) == ["targeted"]
    assert attempt(job, Silent()) == Outcome("done")
    assert not other.exists()


def test_a_run_that_was_made_anew_already_stays(made: Path, old: Path) -> None:
    """The command was repeated before it was known that the old run could be kept."""
    run = composing.job(*RUNS[0], *SMALL, f"output_dir={made}").directory.path
    shutil.copytree(run, old / "runs" / run.name)
    before = files(run)
    aside = targeted(old)
    assert main([str(old)]) == 0
    assert files(old / "runs" / run.name) == before
    assert (old / "superseded" / aside.name).is_dir()


def test_what_was_made_anew_with_less_to_show_gives_way(
    made: Path, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command was repeated without the targets, which would have to be attacked again."""
    run = composing.job(*RUNS[0], *SMALL, f"output_dir={made}").directory.path
    anew = shutil.copytree(run, old / "runs" / run.name)
    result = json.loads((anew / "result.json").read_text())
    del result["findings"]["targeted"]
    (anew / "result.json").write_text(json.dumps(result))
    assert main([str(old)]) == 0
    assert "that has the mistakes by target class too" in capsys.readouterr().out
    assert (old / "runs" / run.name / "result.json").read_bytes() == (run / "result.json").read_bytes()


def test_what_was_moved_aside_once_is_not_moved_over_it(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = twin(old)
    (old / "superseded" / other.name).mkdir(parents=True)
    assert main([str(old)]) == 1
    assert "and is in superseded/ already" in capsys.readouterr().err
    assert other.is_dir()
