"""Examples of every model shown to every other: real runs that take a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from small_jobs import THRM, done
from small_models import Stripes, small_experiment

import analysis.transfer.matrix as crafting
from analysis.__main__ import main
from analysis.reading.collect import collect
from analysis.transfer.heat_map import KINDS, figure
from analysis.transfer.matrix import Cell, matrix
from analysis.transfer.models import Kind, Model, models
from analysis.transfer.observations import observations
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.defenses.standard import Standard
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.risks import Share
from hypo.measurements.transfer import PUBLISHED, Transfer
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun

EXPERIMENT = small_experiment(
    Standard(), evaluation=Evaluation(ProjectedGradient(steps=3, relative_step=0.5), success="last_iterate")
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two standard models and a THRM model; what the others do to the first one is measured by itself too."""
    folder = tmp_path_factory.mktemp("outputs")
    sources = {"twin": OtherRun(seed=1), "thrm": OtherRun(defense=THRM)}
    done(folder, replace(EXPERIMENT, measurements={"transfer": Transfer(sources)}))
    return folder


@pytest.fixture(scope="module")
def frame(outputs: Path) -> pandas.DataFrame:
    return named(collect(outputs))


@pytest.fixture(scope="module")
def cells(frame: pandas.DataFrame) -> list[Cell]:
    return matrix(models(frame))


def named(frame: pandas.DataFrame) -> pandas.DataFrame:
    """`frame` with the options as they are called in a config that was composed."""
    targets = frame["defense._target_"]
    return frame.assign(
        defense=targets.str.lower(), training_data="quality", **{"lambda": targets.map({"Thrm": "3"}).fillna("")}
    )


def pair(cells: list[Cell], source: str, target: str) -> Cell:
    (found,) = (cell for cell in cells if (cell.source.label, cell.target.label) == (source, target))
    return found


def test_labels_say_no_more_than_tells_the_runs_apart(frame: pandas.DataFrame, cells: list[Cell]) -> None:
    first, second, thrm = models(frame)
    assert [first.label, second.label, thrm.label] == ["standard, seed 0", "standard, seed 1", "thrm λ=3"]
    assert [first.kind, second.kind, thrm.kind] == ["natural", "natural", "thrm"]
    pairs = [(cell.source, cell.target) for cell in cells]
    assert pairs == [(source, target) for source in (first, second, thrm) for target in (first, second, thrm)]
    other = frame.assign(arch=["mlp", "vgg16", "mlp"], defense="pgd_at", **{"lambda": ""}, seed=[0, 0, 1])
    labels = {model.label for model in models(other)}
    assert labels == {"pgd_at mlp, seed 0", "pgd_at vgg16", "pgd_at mlp, seed 1"}


def test_a_cell_is_what_the_measurement_finds_of_the_same_seed(outputs: Path, cells: list[Cell]) -> None:
    frame = collect(outputs)
    (findings,) = (each for each in frame["findings"] if each)
    points = {
        (curve["name"], point["at"]): (point["count"], point["of"])
        for curve in findings["transfer"]["curves"]
        for point in curve["points"]
    }
    for name, label in (("twin", "standard, seed 1"), ("thrm", "thrm λ=3")):
        cell = pair(cells, label, "standard, seed 0")
        assert points["R_hyp_minus", name] == (cell.hidden.count, cell.hidden.of)
        assert points["R_adv_plus", name] == (cell.broken.count, cell.broken.of)


def test_counts_of_a_target_are_of_its_own_predictions(frame: pandas.DataFrame, cells: list[Cell]) -> None:
    for cell in cells:
        examples = pandas.read_parquet(cell.target.path / "examples.parquet")
        correct = int(examples["correct"].sum())
        assert (cell.hidden.of, cell.broken.of) == (60 - correct, correct)
        assert cell.right_on_clean == Share(correct, 60)
        assert cell.right_on_adversarial.count <= 60 - cell.broken.count
        assert cell.right_on_hypocritical.count >= cell.hidden.count


def test_every_model_costs_one_crafting_and_the_second_time_none(
    outputs: Path, frame: pandas.DataFrame, cells: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = list((outputs / "crafted").iterdir())
    assert len([path for path in made if path.suffix == ".safetensors"]) == 3
    crafted = []
    craft_both = crafting.craft_both
    monkeypatch.setattr(crafting, "craft_both", lambda *given: crafted.append(given) or craft_both(*given))
    again = models(frame)
    assert matrix(again) == cells
    assert crafted == []
    next(path for path in made if path.suffix == ".safetensors").unlink()
    assert matrix(again) == cells
    assert len(crafted) == 1
    assert matrix(again[:2], replace(PUBLISHED, steps=1, relative_step=1.0, start="clean")) != cells
    assert len(crafted) == 3


def test_the_command_writes_a_csv_and_both_heat_maps(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["transfer", str(outputs), "-o", str(outputs / "drawn")]
    assert main(typed) == 0
    names = [f"transfer-{kind}{suffix}" for kind in KINDS for suffix in (".png", ".pdf", ".svg")]
    files = [outputs / "drawn" / name for name in ("transfer.csv", *names)]
    assert capsys.readouterr().out.splitlines()[:7] == list(map(str, files))
    table = pandas.read_csv(files[0])
    assert len(table) == 9
    assert (table["R_hyp_minus"] - table["hidden"] / table["mistakes"]).abs().max() < 1e-6
    before = [file.read_bytes() for file in files]
    assert main(typed) == 0
    assert [file.read_bytes() for file in files] == before


def test_a_heat_map_has_the_percent_of_every_cell_and_frames_the_diagonal(cells: list[Cell]) -> None:
    nothing = [replace(cell, hidden=Share(0, 0)) if cell is cells[-1] else cell for cell in cells]
    axes, *_ = figure(nothing, "hypocritical", "stripes").axes
    expected = [f"{100 * value:.0f}" for cell in cells[:-1] if (value := cell.hidden.value) is not None]
    assert [text.get_text() for text in axes.texts] == [*expected, "–"]
    assert len(axes.patches) == 3
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [cell.source.label for cell in cells[::3]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("target", "source")


def of_kinds(rate: Callable[[Kind, Kind], float | None], *kinds: Kind) -> list[Cell]:
    """A model of every kind, with as many mistakes hidden as `rate` says."""
    made = [
        Model(f"{kind} {number}", kind, str(number), str(number), Path(str(number)))
        for number, kind in enumerate(kinds)
    ]
    nothing = Share(0, 0)

    def hidden(source: Model, target: Model) -> Share:
        value = 1.0 if source == target else rate(source.kind, target.kind)
        return nothing if value is None else Share(round(1000 * value), 1000)

    return [Cell(source, target, hidden(source, target), *[nothing] * 4) for source in made for target in made]


def test_observations_agree_where_the_paper_is_right() -> None:
    def rate(source: Kind, target: Kind) -> float:
        if "naive" in (source, target):
            return 0.02
        return {"natural": 0.9 if target == "natural" else 0.2, "thrm": 0.8, "defended": 0.5}[source]

    found = observations(of_kinds(rate, "natural", "natural", "naive", "defended", "thrm"))
    assert found == [
        "i) Between naturally trained models hypocritical examples hide 90.0 % of the mistakes (mean of 2 pairs, "
        "90.0 to 90.0 %): easily, as in the paper.",
        "ii) From naive models to trained ones they hide 2.0 % of the mistakes (mean of 4 pairs, 2.0 to 2.0 %); "
        "back 2.0 % of the mistakes (mean of 4 pairs, 2.0 to 2.0 %): hard, as in the paper.",
        "iii) From naturally trained models to defended ones they hide 20.0 % of the mistakes (mean of 4 pairs, "
        "20.0 to 20.0 %): hard, as in the paper.",
        "iv) From THRM models to trained ones they hide 80.0 % of the mistakes (mean of 3 pairs, 80.0 to 80.0 %); "
        "from others 45.6 % of the mistakes (mean of 9 pairs, 20.0 to 90.0 %): more, as in the paper.",
    ]


def test_observations_say_where_it_is_not_and_nothing_where_nothing_can_be_said() -> None:
    def flipped(source: Kind, target: Kind) -> float | None:
        return None if target == "defended" else 0.1 if source in ("natural", "thrm") else 0.7

    found = observations(of_kinds(flipped, "natural", "natural", "naive", "defended", "thrm"))
    assert [text.partition(")")[0] for text in found] == ["i", "ii", "iii", "iv"]
    verdicts = ("not easily, unlike in the paper.", "not hard both ways, unlike in the paper.")
    assert [text.endswith(verdict) for text, verdict in zip(found, verdicts, strict=False)] == [True, True]
    assert "10.0 % of the mistakes (mean of 2 pairs, 10.0 to 10.0 %)" in found[0]
    assert "(mean of 2 pairs" in found[2]  # of the defended one there is no mistake to hide
    assert found[3].endswith("not more, unlike in the paper.")
    assert observations(of_kinds(flipped, "natural", "other")) == []
    assert observations(of_kinds(flipped, "naive", "naive")) == []
    (only_one,) = observations(of_kinds(flipped, "natural", "thrm"))[:1]
    assert "hide 10.0 % of the mistakes (1 pair)" in only_one


def test_runs_that_share_a_model_are_one(tmp_path: Path) -> None:
    once, other = done(tmp_path, EXPERIMENT), done(tmp_path, replace(EXPERIMENT, seed=1))
    longer = replace(EXPERIMENT.evaluation, attack=ProjectedGradient(steps=4))
    done(tmp_path, replace(EXPERIMENT, evaluation=longer))
    found = models(named(collect(tmp_path)))
    assert [model.label for model in found] == ["standard, seed 0", "standard, seed 1"]
    assert found[1].path == other
    assert refused(named(collect([once, tmp_path / "runs"])).query("seed == 0")).endswith("two models, got 1")


def refused(frame: pandas.DataFrame) -> str:
    with pytest.raises(InputError) as error:
        models(frame)
    return str(error.value)


def test_models_that_do_not_go_together_are_refused_before_anything_is_crafted(
    outputs: Path, tmp_path: Path
) -> None:
    first = next(path for path in (outputs / "runs").iterdir())
    assert refused(collect(first)) == "transfer: takes finished runs of at least two models, got 1"
    changes = {
        "models of one data set, got dataset.classes=4 in": {"dataset": Stripes(classes=3)},
        "models of one threat model, got threat_model.epsilon=0.05 in": {"threat_model": Linf(0.1)},
        "models of the same test images, got evaluation.test_limit=None in": {
            "evaluation": replace(EXPERIMENT.evaluation, test_limit=30)
        },
    }
    for place, (expected, change) in enumerate(changes.items()):
        other = done(tmp_path / str(place), replace(EXPERIMENT, **change))
        assert refused(collect([first, other])).startswith(f"transfer: takes {expected} {first} and ")
        assert not (tmp_path / str(place) / "crafted").exists()


def test_a_model_that_is_gone_and_several_restarts_are_one_line(
    frame: pandas.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [done(tmp_path, replace(EXPERIMENT, seed=seed)) for seed in (2, 3)]
    (runs[1] / "model.safetensors").unlink()
    assert main(["transfer", *map(str, runs)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "model.safetensors: there is no trained model" in line
    assert not (tmp_path / "crafted").exists()
    with pytest.raises(InputError, match="attack: takes one restart"):
        matrix(models(frame), replace(PUBLISHED, restarts=2))
