"""Settings of the wrong kind as a user types them: one line, and nothing starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from typed_command import typed

REFERENCE, OPTION = "takes a value or a reference to one", "takes the name of one option"
SEVERAL = "takes a list of options, in brackets as in"


@pytest.mark.parametrize(
    ("arguments", "key", "rest"),
    [
        ("recipe.epochs=${nope}", "recipe.epochs", f"{REFERENCE}, got ${{nope}} ("),
        ("recipe.epochs=${oc.env:NOPE}", "recipe.epochs", f"{REFERENCE}, got ${{oc.env:NOPE}} ("),
        ("dataset=cifar10 defense.lambda_=${nope}", "defense.lambda_", f"{REFERENCE}, got ${{nope}} ("),
        ("tracking=[1,2]", "tracking", f"{OPTION}, got [1, 2]; several are a sweep, -m tracking=a,b"),
        ("search=random", "search", f"{SEVERAL} search=[a,b], got 'random'; python -m hypo.run --help"),
        ("search=null", "search", f"{SEVERAL} search=[a,b], got null; "),
        ("search=[random,nope]", "search", "has no 'nope'; python -m hypo.run --help lists what it has"),
        (
            "search=[../measurement/targeted]",
            "search",
            f"{SEVERAL} search=[a,b], got ['../measurement/targeted']; ",
        ),
        ("serch=[random]", "serch", "no such setting (did you mean search?); "),
        (
            "search.random.steps=3",
            "search.random.steps",
            "no such setting; set evaluation.then.random.steps instead",
        ),
        (
            "search=[random] evaluation.then.random.tries=3",
            "evaluation.then.random.tries",
            "no such setting; evaluation.then.random takes steps",
        ),
        (
            "+evaluation.then.attack._target_=hypo.attacks.searches.random_points.RandomPoints",
            "evaluation.then",
            "takes other names than attack, which is that of the first search",
        ),
        ("-m search=random", "search", f"{SEVERAL} search=[a,b], got 'random'; "),
        ("-m search=random,[]", "search", f"{SEVERAL} search=[a,b], got 'random'; "),
        ("-m search=[],[nope]", "search", "has no 'nope'; python -m hypo.run --help lists what it has"),
        ("recipe=null", "recipe", f"{OPTION}, got null; python -m hypo.run --help"),
        ("hydra/launcher=[1,2]", "hydra/launcher", f"{OPTION}, got [1, 2]; python -m hypo.run --help"),
        ("hydra/sweeper=null", "hydra/sweeper", f"{OPTION}, got null; "),
        (
            "hydra/launcher=abc",
            "hydra/launcher",
            "takes one of basic, local, sequential, slurm, slurm_preemptible; ",
        ),
        ("dataset=0/0", "dataset", "takes one of cifar10, cifar100, digits, "),
        ("recipe.epochs=[1", "recipe.epochs", "takes key=value, with quotes around what is no plain word, got "),
        ("defense.attack.steps=3", "defense.attack.steps", "no such setting; set training_attack.steps instead"),
        ("arch.hidden={a:1}", "arch.hidden", "takes a list, got {a:1}"),
        ("training_attack=[1]", "training_attack", "takes a group of settings, got [1]"),
        ("training_attack=abc", "training_attack", "takes a group of settings, got 'abc'"),
        ("hydra.job.chdir=abc", "hydra.job.chdir", "takes a value of another kind, got abc"),
        ("hydra.run.dir=${nope}", "hydra.run.dir", f"{REFERENCE} ("),
        ("-m hydra.launcher.retry_failed=${nope}", "hydra.launcher.retry_failed", f"{REFERENCE}, got ${{nope}} ("),
        ("-m hydra.launcher=null", "hydra.launcher", "takes a group of settings, got None"),
        ("-m +hydra.launcher.foo=3", "hydra.launcher.foo", "no such setting; "),
        (
            "-m hydra/launcher=local,slurm",
            "hydra/launcher",
            "takes one value for the whole sweep, got local,slurm",
        ),
        ("-m +hydra.sweeper.params.seed=${nope}", "hydra.sweeper.params.seed", f"{REFERENCE}, got ${{nope}} ("),
        ("-m hydra.sweeper.grids=3", "hydra.sweeper.grids", "takes a list of grids, got 3"),
        ("-m recipe.epochs=${nope}", "recipe.epochs", f"{REFERENCE}, got ${{nope}} ("),
        ("-m tracking=[1,2]", "tracking", f"{OPTION}, got [1, 2]; "),
        ("-m hydra/launcher=[1,2]", "hydra/launcher", f"{OPTION}, got [1, 2]; "),
        ("-m defense=thrm,null", "defense", f"{OPTION}, got null; "),
        ("-m lambda=interval(0,1)", "lambda", "takes a list such as 0,1,5, got interval(0,1)"),
        ("-m lambda=glob(*)", "lambda", "takes a list such as 0,1,5, got glob(*)"),
    ],
)
def test_as_typed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    key: str,
    rest: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = typed(monkeypatch, capsys, *arguments.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {key}: {rest}")
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
