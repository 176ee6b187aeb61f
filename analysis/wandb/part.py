"""`python -m analysis wandb`: a workspace and a report on a server or as JSON, and runs uploaded."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from analysis import destinations
from analysis.reading import selection, wandb_runs
from analysis.reading.collect import collect
from analysis.wandb import dashboards
from hypo.settings.errors import InputError


def add_arguments(part: argparse.ArgumentParser) -> None:
    """Say what it takes."""
    text = "whose runs to upload, or to colour by defense (default: outputs, or else the project's)"
    part.add_argument("folders", nargs="*", default=[], type=Path, help=text)
    text = (
        "where the workspace and the report are saved, or updated (with --sync: default as in the run's settings)"
    )
    part.add_argument("--project", metavar="ENTITY/PROJECT", help=text)
    part.add_argument("--sync", action="store_true", help="upload what is not yet there of runs that have ended")
    part.add_argument("--dry-run", action="store_true", help="write both specifications as JSON; needs no account")
    selection.add_option(part)
    destinations.add_output(part, "FILE", "for --dry-run (default: print)")


def run(options: argparse.Namespace) -> None:
    """Do what was asked for.

    Raises:
        InputError: for options that do not go together, and for a server that refuses or does not answer.
    """
    from analysis.wandb.sync import sync  # only now, since it brings torch

    if not (options.sync or options.project):
        raise InputError("wandb: takes --project entity/project, --sync or both")
    if options.sync and options.dry_run:
        raise InputError("--dry-run: uploads nothing, leave out --sync")
    if options.output and not options.dry_run:
        raise InputError("-o: goes with --dry-run; without it both are saved on the server")
    target = wandb_runs.split(options.project, "--project") if options.project else None
    folders = options.folders or [folder for folder in [Path("outputs")] if folder.is_dir() or options.sync]
    if options.sync:
        for each in sync(selection.chosen(collect(folders), options.only), target):
            print(f"{each.name}: {each.epochs} epochs{', results' if each.results else ''}", flush=True)
    if target is None:
        return
    colors, findings, searches = {}, [], []
    if folders or not options.dry_run:
        frame = selection.chosen(collect(folders, None if folders else options.project), options.only)
        colors, findings, searches = dashboards.colors(frame), list(frame["findings"]), list(frame["searches"])
    if options.dry_run:
        text = json.dumps(
            dashboards.specifications(*target, colors, findings, searches), indent=1, ensure_ascii=False
        )
        destinations.write(text + "\n", options.output)
    else:
        print(*dashboards.publish(*target, colors, findings, searches), sep="\n")
