"""`python -m analysis`: what it prints and writes, and its exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fake_runs import MakeRun, add_sweep

from analysis.__main__ import main


def test_tables_prints_markdown_and_returns_0(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs, D=0.9)
    assert main(["tables", str(outputs)]) == 0
    out, err = capsys.readouterr()
    assert "| thrm | 5 | 1 | 90.00 |" in out
    assert err == ""


@pytest.mark.parametrize(
    ("form", "suffix", "start"),
    [("md", ".md", "### digits"), ("csv", ".csv", "heading,dataset"), ("latex", ".tex", r"\begin{tabular}")],
)
def test_the_format_is_given_or_read_off_the_suffix(
    outputs: Path,
    make_run: MakeRun,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    form: str,
    suffix: str,
    start: str,
) -> None:
    make_run(outputs)
    assert main(["tables", str(outputs), "--format", form]) == 0
    printed = capsys.readouterr().out
    path = tmp_path / f"table{suffix}"
    assert main(["tables", str(outputs), "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text() == printed
    assert printed.startswith(start)


def test_a_given_format_wins_over_the_suffix(outputs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    make_run(outputs)
    assert main(["tables", str(outputs), "--format", "csv", "-o", str(tmp_path / "table.txt")]) == 0
    assert (tmp_path / "table.txt").read_text().startswith("heading,")


def test_missing_runs_are_listed_with_their_command_and_return_1(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs, lambda_=0)
    queued = make_run(outputs, lambda_=5, state="queued")
    assert main(["tables", str(outputs)]) == 1
    out, err = capsys.readouterr()
    assert "| thrm | 0 | 1 |" in out
    assert err.splitlines() == [
        "1 of 2 runs have no result:",
        f"  {queued.name[:-13]}: queued",
        "    to fill it: python -m hypo.run defense=thrm lambda=5 seed=0",
    ]


def test_curves_writes_three_files_and_prints_them(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make_run(outputs)
    folder = tmp_path / "new" / "figures"
    assert main(["curves", str(outputs), "-o", str(folder)]) == 0
    paths = [folder / f"tradeoff{suffix}" for suffix in (".png", ".pdf", ".svg")]
    assert capsys.readouterr().out.splitlines() == [str(path) for path in paths]
    starts = [path.read_bytes()[:4] for path in paths]
    assert starts == [b"\x89PNG", b"%PDF", b"<?xm"]


def test_curves_lie_in_the_outputs_or_the_sweep_by_default(outputs: Path, make_run: MakeRun) -> None:
    run = make_run(outputs)
    sweep = add_sweep(outputs, "s1", [run.name])
    for given, home in [(outputs, outputs), (sweep, sweep), (outputs / "runs", outputs), (run, outputs)]:
        assert main(["curves", str(given)]) == 0
        written = {path.name for path in home.glob("tradeoff.*")}
        assert written == {"tradeoff.png", "tradeoff.pdf", "tradeoff.svg"}
        for path in home.glob("tradeoff.*"):
            path.unlink()


def test_curves_of_nothing_finished_return_1(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, state="queued")
    assert main(["curves", str(outputs)]) == 1
    assert (outputs / "tradeoff.png").exists()


def test_several_folders_make_one_table(
    outputs: Path, make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs, seed=0, D=0.8)
    make_run(tmp_path / "more", seed=1, D=0.9)
    assert main(["tables", str(outputs), str(tmp_path / "more")]) == 0
    assert "| thrm | 5 | 2 | 85.00 ± 7.07 |" in capsys.readouterr().out


def test_wrong_input_is_one_line_and_returns_2(
    outputs: Path, make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs)
    (tmp_path / "file").write_text("")
    for arguments, problem in [
        (["tables", str(tmp_path / "nowhere")], "does not exist"),
        (["tables", str(outputs), "-o", str(tmp_path / "table.docx")], ".md, .tex, .csv, .json or .parquet"),
        (["tables", str(outputs), "-o", str(tmp_path / "nowhere" / "table.md")], "cannot be written"),
        (["curves", str(outputs), "-o", str(tmp_path / "file")], "cannot be made a folder"),
        (["tables", str(outputs), "--metrics", "D"], "--metrics: goes with --rows or --columns"),
        (["tables", str(outputs), "--rows", "defense", "--metrics", " "], "--metrics: takes D, A, F"),
        (["tables", str(outputs), "--rows", "defense", "--paper", "tao2022/table10"], "--paper: has rows and"),
    ]:
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) == 1
        assert problem in err


@pytest.mark.parametrize("arguments", [[], ["plots"], ["tables", "outputs", "--format", "docx"]])
def test_a_wrong_command_line_returns_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert re.fullmatch(
        r"python -m analysis( tables)?: .* \(--help shows what it takes\)\n", capsys.readouterr().err
    )


@pytest.mark.parametrize("arguments", [["--help"], ["tables", "--help"], ["curves", "--help"]])
def test_help_shows_examples_and_exit_codes(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "python -m analysis curves outputs" in text
    assert "Exit code: 0 when every run has its result" in text


def test_what_is_missing_from_a_command_line_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compare", "thrm"])
    assert "required: SECOND (" in capsys.readouterr().err


def test_folders_may_stand_between_the_options(
    outputs: Path, make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs, "thrm", seed=0)
    make_run(tmp_path / "more", "trades", seed=1)
    assert main(["compare", "thrm", "trades", "--format", "csv", str(outputs), str(tmp_path / "more")]) == 2
    assert "no experiment here has finished seeds of both" in capsys.readouterr().err
    assert main(["tables", str(outputs), "--format", "md", str(tmp_path / "more")]) == 0
    assert capsys.readouterr().out.count("| 50.00 |") >= 2


def test_who_reads_no_further_causes_no_traceback(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs)
    command = [sys.executable, "-m", "analysis", "runs", str(outputs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141  # 128 + SIGPIPE, as of other tools


def test_as_a_process(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, D=0.9)
    make_run(outputs, lambda_=20, state="failed", status={"reason": "out of memory"})
    command = [sys.executable, "-m", "analysis", "tables", str(outputs)]
    finished = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert finished.returncode == 1
    assert "| thrm | 5 | 1 | 90.00 |" in finished.stdout
    assert "failed: out of memory" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_terminal_without_greek_letters_gets_the_table_too(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, D=0.9)
    command = [sys.executable, "-m", "analysis", "tables", str(outputs)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    finished = subprocess.run(command, capture_output=True, encoding="ascii", env=environment, check=False)
    assert finished.returncode == 0
    assert "| thrm | 5 | 1 | 90.00 |" in finished.stdout
    assert finished.stderr == ""
