"""W&B mirrors a run."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pandas
import pytest
import torch
from tracked_processes import KEY, SUMMARY, recorded, run_script
from wandb_server import WandbServer

from hypo.measurements.pictures import Example, sheet
from hypo.runs.tracking import Tracking
from hypo.settings.errors import InputError


def test_another_mode_is_refused() -> None:
    with pytest.raises(InputError, match=r"^tracking\.mode: takes one of offline, online, disabled, got 'on'$"):
        Tracking("on")


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "x" * 129])
@pytest.mark.parametrize("key", ["project", "entity"])
def test_a_name_that_wandb_would_refuse_is_refused(key: str, name: str) -> None:
    with pytest.raises(
        InputError, match=f"^tracking.{key}: takes up to 128 characters, none of .*, got '{name}'$"
    ):
        Tracking(**{key: name})
    Tracking(**{key: "my team-2"})


def test_disabled_does_nothing(tmp_path: Path) -> None:
    done = run_script("train('run', 'a').finish({'A': 1.0}); print('wandb' in sys.modules)", "disabled", tmp_path)
    assert done == (0, "False\n", "")
    assert list((tmp_path / "run").iterdir()) == []


def test_offline_runs_in_sequence_are_separate_and_complete(tmp_path: Path) -> None:
    done = run_script(
        f"train('first', 'a').finish({SUMMARY})\ntrain('second', 'b', epochs=5).finish({{}}, exit_code=3)\n"
        "print('wandb' in sys.modules, 'WANDB_SERVICE' in os.environ, 'WANDB_ERROR_REPORTING' in os.environ)",
        "offline",
        tmp_path,
    )
    assert done == (0, "False False False\n", "")
    first, second = recorded(tmp_path / "first"), recorded(tmp_path / "second")
    assert first["run"]["run_id"] == "a"
    assert first["run"]["display_name"] == "thrm-lambda5-s0"
    assert first["run"]["run_group"] == "a-sweep"
    assert first["run"]["job_type"] == "train"
    assert first["run"]["project"] == "hypo"
    assert first["run"]["tags"] == ["thrm", "digits"]
    assert first["run"]["config"]["update"]["epsilon"] == "8/255"
    assert first["run"]["config"]["update"]["dataset"] == {"name": "digits"}
    assert [row["epoch"] for row in first["history"]] == [1, 2, 3]
    assert {key: first["summary"][key] for key in SUMMARY} == SUMMARY
    assert first["exit"].get("exit_code", 0) == 0
    assert second["run"]["run_id"] == "b"
    assert [row["epoch"] for row in second["history"]] == [1, 2, 3, 4, 5]
    assert second["exit"]["exit_code"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.relative_to(tmp_path).parts[1] == "wandb" for path in files)
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_a_killed_process_leaves_every_record(tmp_path: Path) -> None:
    done = run_script("train('run', 'a', epochs=60); os.kill(os.getpid(), 9)", "offline", tmp_path)
    assert done[0] == -9
    for _ in range(100):
        time.sleep(0.2)
        if list(tmp_path.glob("run/wandb/*/*.wandb")) and recorded(tmp_path / "run")["exit"]:
            break
    record = recorded(tmp_path / "run")
    assert [row["epoch"] for row in record["history"]] == list(range(1, 61))
    assert record["exit"]["exit_code"] == 1


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_forked_worker_records_for_itself(tmp_path: Path) -> None:
    done = run_script(
        "import multiprocessing, hypo.runs.tracking\n"
        "def work():\n    train('worker', 'b').finish({}); hypo.runs.tracking.close()\n"
        "mirror = train('parent', 'a')\n"
        "worker = multiprocessing.get_context('fork').Process(target=work)\n"
        "worker.start(); worker.join(); mirror.log({'epoch': 4}); mirror.finish({})",
        "offline",
        tmp_path,
    )
    assert done == (0, "", "")
    assert len(recorded(tmp_path / "worker")["history"]) == 3
    assert len(recorded(tmp_path / "parent")["history"]) == 4


def test_online_delivers_and_resumes(tmp_path: Path) -> None:
    with WandbServer() as server:
        done = run_script("train('run', 'a', epochs=2)", "online", tmp_path, WANDB_BASE_URL=server.url)
        assert done == (0, "", "")
        run = server.runs["a"]
        assert (run.name, run.group, run.job_type) == ("thrm-lambda5-s0", "a-sweep", "train")
        assert run.tags == ["thrm", "digits"]
        assert run.config.items() >= {"dataset": {"name": "digits"}, "lambda": 5}.items()
        assert [(row["epoch"], row["loss"]) for row in run.history] == [(1, 1.0), (2, 0.5)]
        assert run.exit_code == 1
        script = f"train('run', 'a', epochs=4).finish({SUMMARY})"
        done = run_script(script, "online", tmp_path, WANDB_BASE_URL=server.url)
        assert done == (0, "", "")
        assert list(server.runs) == ["a"]
        assert run.starts == 2
        assert [row["epoch"] for row in run.history] == [1, 2, 3, 4]
        assert {key: run.summary[key] for key in SUMMARY} == SUMMARY
        assert run.exit_code == 0


def test_results_come_with_pictures_and_the_margins_of_examples(tmp_path: Path) -> None:
    clean = torch.full((1, 4, 4), 0.2)
    pictures = tmp_path / "run" / "measurements" / "pictures"
    pictures.mkdir(parents=True)
    (pictures / "hidden.png").write_bytes(sheet([Example(clean, clean + 0.1, "3", "8", "3")]))
    table = {"correct": [True, False, False], "hyp": [True, True, False], "margin": [1.5, -0.5, -2.0]}
    pandas.DataFrame(table).to_parquet(tmp_path / "run" / "examples.parquet")
    with WandbServer() as server:
        done = run_script(f"train('run', 'a').finish({SUMMARY})", "online", tmp_path, WANDB_BASE_URL=server.url)
        assert done == (0, "", "")
        run = server.runs["a"]
        assert len(run.media) == 1
        examples = run.summary["examples"]
        assert examples["pictures/hidden"]["path"] == run.media[0]
        for name, margin in (("correct", 1.5), ("hidden_mistakes", -0.5), ("other_mistakes", -2.0)):
            histogram = examples[f"margin_of_{name}"]
            assert sum(histogram["values"]) == 1
            assert histogram["bins"][0] <= margin <= histogram["bins"][-1]
