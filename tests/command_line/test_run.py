"""`python -m hypo.run` as a user meets it: its output, its exit codes, and its answer to wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
import torch
import yaml
from typed_command import Typed
from typed_runs import SHORT, the_only_run

from hypo.runs.loading import load_model, load_test_data
from hypo.runs.tracking import close

CONF = Path(__file__).parents[2] / "conf"


def test_a_run_prints_its_table_and_leaves_its_files(run, tmp_path: Path) -> None:
    typed = run(*SHORT)
    assert typed.code == 0
    for label in ("D, clean accuracy", "R_hyp⁻", "R_adv⁺", "R_sta", "of 100", "95 % interval"):
        assert label in typed.out
    path = the_only_run(tmp_path)
    assert str(path.relative_to(tmp_path)) in typed.out
    assert "epoch 2 of 2" in typed.out
    assert {file.name for file in path.iterdir()} - {".lock"} == {
        *("config.yaml", "environment.json", "status.json", "history.csv"),
        *("model.safetensors", "examples.parquet", "measurements", "result.json"),
    }
    result = json.loads((path / "result.json").read_text())
    examples = pandas.read_parquet(path / "examples.parquet")
    assert list(examples) == [
        *("example", "label", "clean_prediction", "correct", "adv", "hyp", "sta"),
        *("hyp_moved", "hyp_by_stability", "search", "sta_search", "margin", "lead"),
    ]
    mistakes = examples[~examples["correct"]]
    assert result["R_hyp_bar_minus"] == mistakes["hyp_moved"].mean()
    assert result["decided"]["hyp"]["stability"] == mistakes["hyp_by_stability"].sum()
    assert sum(result["decided"]["hyp"].values()) == examples["hyp"].sum()
    reached = examples["adv"].where(examples["correct"], examples["hyp"])
    assert (examples["search"][reached] == "attack").all()
    assert examples["search"][~reached].isna().all()
    counts = {"adv": examples["adv"][examples["correct"]], "hyp": mistakes["hyp"], "sta": mistakes["sta"]}
    assert result["searches"]["attack"].pop("passes") > len(examples)  # each is looked at once at least
    assert result["searches"] == {"attack": {flag: found.sum() for flag, found in counts.items()}}
    assert result["D"] == examples["correct"].mean()
    assert result["A"] == (~examples["adv"]).mean()
    assert result["F"] == examples["hyp"].mean()
    assert result["R_hyp_minus"] == examples["hyp"][~examples["correct"]].mean()
    status = json.loads((path / "status.json").read_text())
    assert (status["state"], status["epoch"], status["epochs"]) == ("done", 2, 2)
    assert len((path / "history.csv").read_text().splitlines()) == 3


def test_a_repeated_run_trains_nothing_and_prints_the_same_figures(run, tmp_path: Path) -> None:
    first = run(*SHORT)
    model = the_only_run(tmp_path) / "model.safetensors"
    before = model.stat().st_mtime_ns
    second = run(*SHORT)
    assert second.code == 0
    assert "nothing was trained" in second.out
    assert model.stat().st_mtime_ns == before
    assert [line for line in first.out.splitlines() if "│" in line] == [
        line for line in second.out.splitlines() if "│" in line
    ]


def test_a_notebook_gets_model_and_data_back(run, tmp_path: Path) -> None:
    run(*SHORT)
    path = the_only_run(tmp_path)
    images, labels = load_test_data(path)
    examples = pandas.read_parquet(path / "examples.parquet")
    assert images.shape == (100, 1, 8, 8)
    assert float(images.min()) == 0.0
    assert float(images.max()) == 1.0
    assert labels.tolist() == examples["label"].tolist()
    with torch.no_grad():
        assert load_model(path)(images).argmax(1).tolist() == examples["clean_prediction"].tolist()


def test_tracking_is_offline_by_default(run, tmp_path: Path) -> None:
    assert run(*SHORT[:-1]).code == 0
    close()
    assert list((the_only_run(tmp_path) / "wandb").glob("offline-run-*"))


def test_help_names_groups_keys_and_examples(run) -> None:
    typed = run("--help")
    defenses = ", ".join(sorted(path.stem for path in (CONF / "defense").glob("*.yaml")))
    assert "linf_dist, pgd_at, standard" in defenses
    for text in (f"defense: {defenses}", "epsilon", "0,1,5,...,100", "lambda"):
        assert text in typed.out


def test_help_names_every_launcher_and_sweeper_and_says_what_it_is(run) -> None:
    lines = run("--help").out.splitlines()
    for kind in ("launcher", "sweeper"):
        heading = next(number for number, line in enumerate(lines) if f"hydra/{kind}=" in line)
        for name in (path.stem for path in (CONF / "hydra" / kind).glob("*.yaml")):
            (line,) = (line for line in lines[heading:] if line.split()[:1] == [name])
            assert len(line.split()) > 4
    (line,) = (line for line in lines if "What these take:" in line)
    assert "partition: null" in run(*line.partition("hypo.run")[2].split()).out


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("lambda=-1", ("lambda", ">= 0", "-1")),
        ("lambda=nan", ("lambda", "nan")),
        ("lambda=inf", ("lambda", "inf")),
        ("lambda=many", ("lambda", "'many'")),
        ("lambda=null", ("lambda", "None")),
        ("lambda=[1,2]", ("lambda", "[1, 2]")),
        ("lambda=1,2", ("lambda", "one value", "1,2", "-m")),
        ("lambda=0,1,5,...,100", ("lambda", "one value", "-m")),
        ("epsilon=0", ("epsilon", "> 0", "0")),
        ("epsilon=-0.1", ("epsilon", "> 0", "-0.1")),
        ("epsilon=8/0", ("epsilon", "'8/0'")),
        ("epsilon=[0.1]", ("epsilon", "[0.1]")),
        ("seed=-1", ("seed", ">= 0", "-1")),
        ("seed=1.5", ("seed", "1.5")),
        ("defense=foo", ("defense", "linf_dist, pgd_at, standard, thrm, trades", "'foo'")),
        ("defense=[thrm,trades]", ("defense", "one option")),
        ("tracking=foo", ("tracking", "disabled, offline, online", "'foo'")),
        ("epsilom=3", ("epsilom", "did you mean epsilon?")),
        ("recipe.foo=3", ("recipe.foo", "no such setting")),
        ("defense.attack.steps=2", ("defense.attack.steps: no such setting; set training_attack.steps instead",)),
        ("tracking.project=a/b", ("tracking.project", "up to 128 characters", "'a/b'")),
        ("recipe.epochs=0", ("recipe.epochs", ">= 1", "0")),
        ("recipe.precision=float16", ("recipe.precision", "float32, bfloat16", "'float16'")),
        ("evaluation.success=best", ("evaluation.success", "any_iterate, last_iterate", "'best'")),
        ("evaluation.attack.steps=0", ("error: evaluation.attack.steps:", ">= 1", "0")),
        ("evaluation.test_limit=0", ("error: evaluation.test_limit:", ">= 1", "0")),
        ("training_attack.steps=0", ("error: training_attack.steps:", ">= 1", "0")),
        ("training_attack.start=foo", ("error: training_attack.start:", "uniform", "'foo'")),
        ("recipe=null", ("recipe: takes the name of one option, got null",)),
        ("=5", ("=5: takes key=value",)),
        ("device=xyz", ("device", "cpu", "'xyz'")),
        ("device=cuda:99", ("device", "cuda:99")),
        ("dataset=mnist", ("dataset.root", "MNIST", "dataset.download=true")),
        ("dataset=image_folder", ("dataset.root", "data")),
        ("output_dir=/proc/nowhere", ("output_dir", "/proc/nowhere")),
    ],
)
def test_wrong_input_gets_one_line_and_starts_nothing(
    run, tmp_path: Path, argument: str, parts: tuple[str, ...]
) -> None:
    typed: Typed = run(argument)
    assert typed.code == 2
    assert typed.err.startswith("error: ")
    assert typed.err.count("\n") == 1
    assert typed.out == ""
    for part in parts:
        assert part in typed.err
    assert not (tmp_path / "outputs").exists()


def test_a_finished_run_keeps_its_checkpoint_where_that_is_asked_for(run, tmp_path: Path) -> None:
    run(*SHORT, "keep_checkpoint=true")
    path = the_only_run(tmp_path)
    assert (path / "checkpoint.pt").stat().st_size > 2 * (path / "model.safetensors").stat().st_size
    assert not (path / "checkpoint.previous.pt").exists()
    assert "keep_checkpoint: true" in (path / "config.yaml").read_text()


def test_m_may_stand_behind_the_settings(run) -> None:
    typed = run(*SHORT, "-m", "seed=0,1")
    assert typed.code == 0
    assert "2 jobs, 0 done, 2 to run" in typed.out


@pytest.mark.parametrize(("mode", "hidden", "rate"), [("false", [3072] * 2, 0.1), ("true", [3072] * 3, 0.01)])
def test_every_setting_of_a_command_can_be_looked_at(run, mode: str, hidden: list[int], rate: float) -> None:
    shown = run("dataset=cifar10", "arch=mlp_tao2022", f"authors_code={mode}", "--cfg", "job", "--resolve")
    assert shown.code == 0
    config = yaml.safe_load(shown.out)
    assert (config["arch"]["hidden"], config["recipe"]["learning_rate"]) == (hidden, rate)
