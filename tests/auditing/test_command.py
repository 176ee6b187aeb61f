"""`python -m hypo.audit` as it is typed: what it does, says, asks for and refuses."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
import torch
from small_models import quickly_trained
from torch import Tensor, nn
from typed_command import Typed

from hypo.architectures.mlp import Mlp
from hypo.auditing.command import main
from hypo.datasets.images import ImageData

QUICK = ("evaluation=pgd20", "measurement=[probing,classes]", "tracking=disabled", "--examples", "120")

Audit = Callable[..., Typed]


class Bytes(nn.Module):
    """A model that was made for images in [0, 255], and is of no use for others."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model((images / 255 - 0.0) * (images.amax() > 2))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, digits: ImageData) -> Path:
    """A folder with weights that were trained for images in [0, 1] and with programs."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    network = quickly_trained(Mlp((32,)).build(digits.shape, 10), digits, epochs=8)
    torch.save(network.state_dict(), folder / "weights.pt")
    (folder / "audited_nets.py").write_text(
        "from hypo.architectures.mlp import Mlp\n\n\ndef net():\n    return Mlp((32,)).build((1, 8, 8), 10)\n"
    )
    example = (torch.rand(2, 1, 8, 8),)
    batch = torch.export.Dim("batch", min=1, max=10_000)
    for name, model in (
        ("plain", network),
        ("bytes", Bytes(network)),
        ("soft", nn.Sequential(network, nn.Softmax(1))),
    ):
        program = torch.export.export(model.eval(), example, dynamic_shapes=({0: batch},))
        torch.export.save(program, folder / f"{name}.pt2")
    return folder


@pytest.fixture
def audit(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Audit:
    """Type the command in an empty folder, which has `audited_nets.py` in it."""
    (tmp_path / "audited_nets.py").symlink_to(models / "audited_nets.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def typed(*arguments: str) -> Typed:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Typed(code, *capsys.readouterr())

    return typed


def the_run() -> Path:
    (run,) = Path("outputs/runs").iterdir()
    return run


def written_at(run: Path) -> dict[str, int]:
    """When each file was, but the lock, which whoever looks takes."""
    return {
        file.name: file.stat().st_mtime_ns for file in run.iterdir() if file.is_file() and file.name != ".lock"
    }


def test_an_audit_is_a_run_with_a_page(audit: Audit, models: Path) -> None:
    code, out, err = audit(f"{models}/plain.pt2", "digits", "--epsilon", "1/20", *QUICK)
    assert (code, err) == (0, "")
    run = the_run()
    for said in (
        "D, clean accuracy",
        "R_hyp⁻",
        "120 test examples",
        f"The page: {run}/audit.html",
        "Worst classes",
    ):
        assert said in out
    result = json.loads((run / "result.json").read_text())
    assert result["n"] == 120
    assert 0.5 < result["A"] < result["D"] < result["F"]
    assert set(result["findings"]) == {"probing", "classes"}
    assert json.loads((run / "status.json").read_text())["state"] == "done"
    page = (run / "audit.html").read_text()
    assert "R_hyp" in page
    assert "https://" not in page.partition("<body")[0]
    typed = f"python -m hypo.audit {models}/plain.pt2 digits --epsilon 1/20 {shlex.join(QUICK)}"
    again = unescape(page.partition("How to repeat it")[2])
    assert f"Typed in <code>{Path.cwd()}</code>" in again
    assert again.index(typed) < again.index("python -m hypo.run ")


def test_typed_again_it_writes_the_page_and_no_more(audit: Audit, models: Path) -> None:
    typed = (f"{models}/plain.pt2", "digits", *QUICK)
    audit(*typed)
    run = the_run()
    before = written_at(run)
    (run / "audit.html").unlink()
    again = audit(*typed, "--page", "pages/mine.html")
    assert again.code == 0
    assert Path("pages/mine.html").exists()
    del before["audit.html"]
    assert written_at(run) == before


def test_weights_take_the_network_that_they_are_told(audit: Audit, models: Path) -> None:
    found = audit(f"{models}/weights.pt", "digits", "--architecture", "audited_nets:net", "--norm", "l2", *QUICK)
    assert (found.code, found.err) == (0, "")
    assert json.loads((the_run() / "result.json").read_text())["D"] > 0.7


def test_a_run_of_hypo_is_audited_from_its_directory(audit: Audit, models: Path, digits: ImageData) -> None:
    import hypo.run

    sys.argv[1:] = ["recipe.epochs=2", "evaluation.test_limit=50", "tracking=disabled", "output_dir=trained"]
    with pytest.raises(SystemExit):
        hypo.run.main()
    (run,) = Path("trained/runs").iterdir()
    assert audit(str(run), "digits", *QUICK).code == 0
    trained, audited = (json.loads((each / "result.json").read_text()) for each in (run, the_run()))
    assert abs(trained["D"] - audited["D"]) < 0.2
    assert (run / "model.safetensors").stat().st_size == (the_run() / "model.safetensors").stat().st_size


def test_what_is_not_known_is_asked_for(audit: Audit, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = (f"{models}/bytes.pt2", "digits", *QUICK)
    refused = audit(*typed)
    assert (refused.code, refused.out.count("\n")) == (2, 1)
    assert refused.err.startswith("error: --preprocessing: must be given")
    assert refused.err.endswith("pass --preprocessing bytes\n")
    assert not Path("outputs").exists()
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    answers = iter(["nonsense", ""])
    monkeypatch.setattr("builtins.input", lambda text: next(answers))
    asked = audit(*typed)
    assert asked.code == 0
    assert "How are images normalised before this model?" in asked.out
    assert "There is no nonsense." in asked.out
    assert json.loads((the_run() / "result.json").read_text())["D"] > 0.7
    assert audit(*typed, "--preprocessing", "bytes").code == 0  # the same run
    the_run()


def test_what_fits_worse_is_warned_of_and_so_are_probabilities(audit: Audit, models: Path) -> None:
    warned = audit(f"{models}/bytes.pt2", "digits", "--preprocessing", "none", *QUICK)
    assert warned.code == 0
    assert "warning: the model is right about" in warned.err
    assert "† The model as it was found: " in warned.out
    assert "[0, 255]" in (the_run() / "audit.html").read_text()
    soft = audit(f"{models}/soft.pt2", "digits", "--output-dir", "soft", *QUICK)
    assert "probabilities" in soft.err
    assert "probabilities" in soft.out
    logs = audit(f"{models}/soft.pt2", "digits", "--outputs", "probabilities", "--output-dir", "logs", *QUICK)
    assert (logs.code, logs.err) == (0, "")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "the following arguments are required: MODEL, DATA (--help"),
        ("plain.pt2", "the following arguments are required: DATA (--help"),
        ("nothing.pt2 digits", "MODEL: takes a model's file or folder"),
        ("plain.pt2 digts", "DATA: takes a folder of images"),
        ("plain.pt2 digits --nonsense", "unrecognized arguments: --nonsense"),
        ("plain.pt2 digits nonsense", "nonsense: takes MODEL DATA and then key=value, got one more word"),
        ("plain.pt2 digits nonsense=1", "nonsense: no such setting"),
        ("plain.pt2 digits epsilon=1,2", "epsilon: takes one value, got 1,2"),
        (
            "plain.pt2 digits --epsilon -1",
            "--epsilon: takes a number > 0 (or a fraction such as \"8/255\"), got '-1'",
        ),
        ("plain.pt2 digits --epsilon 1/0", "--epsilon: takes a number > 0"),
        ("plain.pt2 digits --epsilon 8", "--epsilon: takes 1 at most in linf, for images are in [0, 1], got 8; "),
        ("plain.pt2 digits --norm l1", "--norm: takes one of linf, l2, got 'l1'"),
        ("plain.pt2 digits --examples 0", "--examples: takes a whole number >= 1, got '0'"),
        ("plain.pt2 digits --outputs votes", "--outputs: takes one of logits, probabilities, got 'votes'"),
        ("plain.pt2 digits --preprocessing x", "--preprocessing: takes one of none, symmetric, bytes"),
        ("plain.pt2 digits --mean 0.5", "--mean: goes with --std"),
        ("plain.pt2 digits --mean 0.5 --std a", "--std: takes a number"),
        ("plain.pt2 digits --mean 0 --std 1 --preprocessing none", "--preprocessing: takes the place of"),
        ("plain.pt2 digits --root x", "dataset.root: no such setting"),
        (
            "plain.pt2 digits --page audited_nets.py/page.html",
            "--page: takes a file in a folder that can be made, got audited_nets.py/",
        ),
        ("plain.pt2 digits --page .", "--page: takes a file, got ., a folder"),
        ("plain.pt2 mnist --root nowhere", "dataset.root: takes the folder that holds MNIST"),
        ("weights.pt digits", "arch.architecture: takes module:callable"),
        ("weights.pt digits --architecture nets:no", "arch.architecture: nets:no cannot be imported"),
        ("resnet18 digits", "arch: resnet18 takes images of three channels, got 1"),
        ("resnet18 digits --mean 0 --std 1", "--mean: takes a model that brings no preprocessing of its own"),
        ("resnet18 digits --outputs logits", "--outputs: takes a model that brings no preprocessing of its own"),
    ],
)
def test_wrong_input_is_one_line_and_nothing_begins(typed: str, told: str, audit: Audit, models: Path) -> None:
    model, *others = typed.split() or [""]
    known = (models / model).exists() and model
    code, out, err = audit(*([f"{models}/{model}", *others] if known else typed.split()))
    assert (code, err.count("\n")) == (2, 1), err
    assert err.startswith(f"error: {told}"), err
    assert out.count("\n") <= 1
    assert not Path("outputs").exists()


def test_help_says_what_is_taken(audit: Audit) -> None:
    code, out, _ = audit("--help")
    assert code == 0
    for word in ("MODEL is one of", "DATA is one of", "--preprocessing", "key=value"):
        assert word in out
