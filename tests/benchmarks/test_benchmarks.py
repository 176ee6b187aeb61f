"""The benchmarks run and print ratios; how large those are is not asserted, since that depends on the machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typed_command import typed

from benchmarks import (
    basic,
    evaluation,
    folding,
    memory,
    others,
    planning,
    table,
    training,
    training_settings,
)
from benchmarks.checkpoints import settings
from benchmarks.evaluation import Found
from benchmarks.measuring import alternate, ratio
from benchmarks.passes import counting
from hypo.architectures.resnet18 import Resnet18
from hypo.attacks.searches.projected_gradient import ProjectedGradient

CPU = torch.device("cpu")

# foolbox 3.3.4 imports from scipy's deprecated namespaces.
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")


def test_evaluation_prints_a_ratio_for_every_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluation.main(["--quick", "--device", "cpu", "--repetitions", "1", "--examples", "60"]) == 0
    printed = capsys.readouterr().out
    for library in others.libraries():
        for success in evaluation.SUCCESSES:
            assert f"{library} / {success}: time " in printed
        assert f"{library} / any_iterate, both from the clean image: broken + hidden by it alone 0 + 0" in printed
    assert (others.TORCHATTACKS_MISSING in printed) == ("torchattacks" not in others.libraries())


def test_table_prints_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main(["--runs", "20", "--repetitions", "1"]) == 0
    assert "20 runs into the table, read anew / from the cache: " in capsys.readouterr().out
    assert table.main(["--runs", "none"]) == 2
    assert "--runs" in capsys.readouterr().err


def test_planning_prints_a_ratio(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[tuple[str, ...]] = []

    def child(*arguments: str, **_: str) -> dict[str, float]:  # a real one takes seconds
        began.append(arguments)
        (sweep,) = [Path(each.partition("=")[2]) / "sweeps/0" for each in arguments if "output_dir" in each] or [
            None
        ]
        if sweep is not None and "-m" in arguments:
            sweep.mkdir(parents=True)
            (sweep / "runs.jsonl").write_text("x" * 2_000_000)
        return {"seconds": 1.0 + 2 * len(arguments), "megabytes": 500.0 + len(arguments)}

    monkeypatch.setattr(planning, "_child", child)
    assert planning.main(["--cells", "100", "--repetitions", "1"]) == 0
    printed = capsys.readouterr().out
    assert "A cell composed by itself / among 100: " in printed
    assert "100 cells planned and submitted, seconds of one core: 13 (13 to 13)" in printed
    assert "torch's own import 6 (6 to 6); the configs as text are 2.0" in printed
    assert [len(arguments) for arguments in began] == [0, 6, 0, 1]
    assert planning.main(["--cells", "none"]) == 2
    assert "--cells" in capsys.readouterr().err


def test_training_prints_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(["--quick", "--device", "cpu", "--repetitions", "1"]) == 0
    assert "textbook / ours: time " in capsys.readouterr().out


def test_both_loops_do_the_same_work_even_beyond_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    setting = next(training_settings.settings(None, quick=True, device=CPU))
    batches = len(setting.data.train) // setting.recipe.batch
    training.measure(replace(setting, steps=batches + 1), CPU, 1, limit=1e9)
    assert "passes 1.00×" in capsys.readouterr().out


def test_every_network_that_training_measures_takes_its_images() -> None:
    """In the sizes of either device."""
    names = set()
    for device in (CPU, torch.device("cuda")):
        for setting in training_settings.settings(None, quick=False, device=device):
            names.add(setting.name)
            assert len(setting.data.train) >= setting.recipe.batch
            with torch.device("meta"):
                network = setting.arch.build(setting.data.shape, len(setting.data.classes))
                assert network(torch.empty(2, *setting.data.shape)).shape == (2, 10)
    assert sum("resnet18 of width" in name for name in names) == 3
    assert {"made images of 32x32, wide_resnet 16-4", "made images of 32x32, wide_resnet 28-10"} < names


@pytest.mark.parametrize("main", [evaluation.main, training.main])
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--repetitions", "0"], "--repetitions"),
        (["--device", "abacus"], "device"),
        (["--data", "nowhere"], "--data"),
    ],
)
def test_wrong_input_gets_one_line(main, arguments, named, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {named}")
    assert error.count("\n") == 1


def test_candidates_alternate_and_each_round_gives_a_ratio() -> None:
    order = []
    candidates = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    timings = alternate(candidates, 3, torch.device("cpu"))
    assert order == ["a", "b"] * 3
    assert [len(seconds) for seconds in timings.values()] == [3, 3]
    assert ratio({"a": [2.0, 6.0, 1.0], "b": [1.0, 1.0, 1.0]}, "a", "b") == "2.00× (1.00 to 6.00)"


def test_passes_are_counted_in_examples() -> None:
    model = torch.nn.Linear(3, 2)
    with counting(model) as passes:
        model(torch.zeros(5, 3)).sum().backward()
        with torch.no_grad():
            model(torch.zeros(7, 3))
    model(torch.zeros(9, 3))
    assert (passes.forward, passes.backward, passes.total) == (12, 5, 17)


def test_limit_and_comparison_of_flags() -> None:
    ours = Found(np.array([1, 1, 0, 0], bool), np.array([1, 1, 1, 0], bool), passes=40)
    other = Found(np.array([1, 0, 1, 1], bool), np.array([1, 1, 0, 0], bool), passes=80)
    assert ours.limit() == 2 / (0.5 + 1 - 0.75)
    assert ours.compare(other) == "broken + hidden by it alone 2 + 0, by ours alone 1 + 1"


def test_every_library_attacks_every_example_for_both_flags() -> None:
    setting = next(settings(None, quick=True))
    images = setting.data.test.images[:8].float() / setting.data.maximum
    model = setting.arch.build(setting.data.shape, 10).eval()
    attack = ProjectedGradient(steps=3)
    for library in others.libraries().values():
        with counting(model) as passes:
            library(others.Task(model, images, setting.data.test.labels[:8], 0.1, attack, batch=5))
        assert (passes.forward, passes.backward) == (2 * 8 * 4, 2 * 8 * 3)


def test_the_jobs_under_hydras_own_launcher_are_those_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    short = ("recipe.epochs=1", "recipe.train_limit=60", "evaluation.test_limit=50", "tracking=disabled")
    sweep = ("-m", "lambda=0,1", *short)
    plugins = ("hydra/launcher=basic", "hydra/sweeper=basic", "output_dir=basic")
    monkeypatch.setattr("sys.argv", ["benchmarks.basic", *sweep, *plugins])
    basic.run()
    assert typed(monkeypatch, capsys, *sweep, "output_dir=ours").code == 0
    results = [sorted((tmp_path / folder / "runs").glob("*/result.json")) for folder in ("basic", "ours")]
    assert [path.parent.name for path in results[0]] == [path.parent.name for path in results[1]]
    assert [path.read_bytes() for path in results[0]] == [path.read_bytes() for path in results[1]]
    assert len(results[0]) == 2


@pytest.mark.slow
def test_memory_prints_a_ratio_with_and_without_examples_held_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert memory.main(["--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.partition(":")[0] for line in lines] == [
        "small, 2,000 images of 8x8",
        "small, 2,000 images of 8x8, 1,000 held out",
    ]
    assert all(" needed " in line and line.endswith("×") for line in lines)


@pytest.mark.parametrize("held_out", [0, 100])
def test_memory_is_that_of_a_training(held_out: int) -> None:
    found = memory.measured(memory.Size(images=500, side=8), held_out)
    assert found["data"] == 500 * (3 * 8 * 8 + 8)
    assert 3 * 4 * 690_000 < found["model"] < 3 * 4 * 710_000  # weights of a width of 16, gradients and momentum
    assert found["peak"] >= found["imported"] > found["activations"] > 0


def test_what_a_pass_keeps_is_counted_by_hand() -> None:
    """A linear layer keeps its input, and a ReLU its output."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    assert memory._kept(model, torch.rand(4, 3)) == 4 * 4 * (3 + 5)


def test_folding_compares_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    every = settings(training_settings.made(60, 8, 3), quick=True)
    setting = next(each for each in every if isinstance(each.arch, Resnet18))
    folding.measure(setting, CPU, 1)
    (line,) = capsys.readouterr().out.splitlines()
    assert "flags that differ: correct 0, adv 0, hyp 0, sta 0; not folded / folded: time " in line


def test_folding_measures_two_networks_each_standard_and_robust(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    monkeypatch.setattr(folding, "measure", lambda setting, *_: names.append(setting.name))
    assert folding.main(["--quick", "--device", "cpu"]) == 0
    assert len(set(names)) == 4
