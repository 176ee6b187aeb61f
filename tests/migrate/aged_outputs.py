"""Outputs as schema 1 left them: made by this version, and taken back by rules that are written out here."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save_file

from hypo.settings.identity import short_hash

PATHS = {
    "Recipe": "hypo.recipe.Recipe",
    "Evaluation": "hypo.evaluation.Evaluation",
    "Tracking": "hypo.tracking.Tracking",
    "ProjectedGradient": "hypo.attacks.projected_gradient.ProjectedGradient",
}
"""Where classes lay that have moved since."""

_NO_IDENTITY = {
    "Evaluation": {"batch"},
    "Recipe": {"cuda_graph"},  # there was none
    "Lenet": {"width"},  # there was one
    "ImageFolder": {"root", "cache"},
    "Mnist": {"root", "download"},
    "Cifar10": {"root", "download"},
}
_CRAFTED_WITH = {
    "attack": "hypo.attacks.projected_gradient.ProjectedGradient",
    "dataset": "hypo.datasets.digits.Digits",
    "threat_model": "hypo.threat_models.linf.Linf",
}
_IMPLIED = {
    "surrogate": True,
    "gradients": "float32",
    "last_batch": "drop",
    "hold_out": 0,
    "keep": "last",
    "fit": "squash",
    "initialisation": "torchvision",
}


def aged(outputs: Path) -> None:
    """Take the outputs of this version back to schema 1, in place."""
    ids: dict[str, str] = {}
    names: dict[str, str] = {}
    configs = {path: yaml.safe_load((path / "config.yaml").read_text()) for path in (outputs / "runs").iterdir()}
    for path, config in configs.items():
        old = aged_config(config)
        ids[config["run_id"]] = old["run_id"]
        names[path.name] = f"{old['name']}-{old['run_id']}"
    for path, config in configs.items():
        age_run(path, aged_config(config), names)
    trainings = _age_pointers(outputs, names)
    _age_crafted(outputs, trainings)
    for sweep in sorted((outputs / "sweeps").glob("*")):
        _age_sweep(sweep, names, ids)
    for lock in outputs.glob("*/.*.lock"):
        lock.unlink()


def aged_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config.yaml of schema 1, with the run id that it had."""
    old = {key: _by_path(value) for key, value in config.items() if key != "measurement"}
    evaluation = {key: value for key, value in old["evaluation"].items() if key != "then"}
    evaluation["targeted"] = "targeted" in config["measurement"]
    if evaluation["targeted"]:
        evaluation["name"] = "targeted"
    old |= {"schema": 1, "evaluation": evaluation}
    measured = {group: identity(old[group]) for group in ("threat_model", "evaluation")}
    content = {"schema": 1, "training": _training(old), "measured": measured}
    return {**old, "run_id": short_hash(content)}


def old_training_id(config: Mapping[str, Any]) -> str:
    """What schema 1 called the training of a config.yaml of schema 1."""
    return short_hash({"schema": 1, "training": _training(config)})


def identity(settings: Any) -> Any:
    """What entered the hash of schema 1, as it was recorded."""
    if isinstance(settings, list):
        return [identity(item) for item in settings]
    if not isinstance(settings, Mapping):
        return settings
    left_out = {"name", *_NO_IDENTITY.get(settings.get("_target_", "").rpartition(".")[2], ())}
    left_out |= {key for key in settings if key in _IMPLIED and settings[key] == _IMPLIED[key]}
    return {key: identity(value) for key, value in settings.items() if key not in left_out}


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    groups = ["dataset", "training_data", "arch"]
    if config["training_data"]["name"] != "naive":
        groups += ["defense", "recipe"]
        if config["training_data"]["name"] == "poisoning" or config["defense"]["name"] != "standard":
            groups.append("threat_model")
    return {**{group: identity(config[group]) for group in groups}, "seed": config["seed"]}


def _by_path(value: Any) -> Any:
    if isinstance(value, list):
        return [_by_path(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    target = str(value.get("_target_", ""))
    path = {"_target_": PATHS.get(target.rpartition(".")[2], target)} if target else {}
    return {key: _by_path(item) for key, item in value.items()} | path


def age_run(path: Path, config: Mapping[str, Any], names: Mapping[str, str]) -> Path:
    """Take a run directory back, with its config of schema 1; the way back gives what is there now."""

    def rewritten(name: str, old: Callable[[bytes], bytes]) -> None:
        if (path / name).exists():
            (path / name).write_bytes(old((path / name).read_bytes()))

    rewritten("result.json", lambda content: _result(content, config))
    rewritten("status.json", lambda content: _status(content, names))
    rewritten("examples.parquet", _examples)
    rewritten("checkpoint.pt", _checkpoint)
    rewritten("checkpoint.previous.pt", _checkpoint)
    if (path / "measurements/pictures/hidden.png").exists():
        (path / "measurements/pictures/hidden.png").rename(path / "hidden.png")
    shutil.rmtree(path / "measurements", ignore_errors=True)
    (path / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    return path.rename(path.with_name(f"{config['name']}-{config['run_id']}"))


def _result(content: bytes, config: Mapping[str, Any]) -> bytes:
    result = json.loads(content)
    findings = result.pop("findings")
    del result["searches"]
    if "targeted" in findings:
        curves = {curve["name"]: curve["points"] for curve in findings["targeted"]["curves"]}
        result["targeted"] = [
            {"class": already["at"], "already": _rate(already), "moved": _rate(moved)}
            for already, moved in zip(curves["already"], curves["moved"], strict=True)
        ]
    return json.dumps({**result, "schema": 1, "run_id": config["run_id"]}, indent=2).encode()


def _rate(point: Mapping[str, Any]) -> dict[str, Any]:
    return {key: point[key] for key in ("count", "of", "value", "interval")}


def _status(content: bytes, names: Mapping[str, str]) -> bytes:
    status = json.loads(content) | {"schema": 1}
    status["command"] = old_command(status["command"])
    if "trained_in" in status:
        status["trained_in"] = names[status["trained_in"]]
    return json.dumps(status, indent=2).encode()


def old_command(command: str) -> str:
    """What was typed for the same in schema 1."""
    return command.replace(
        " evaluation=pgd20 'measurement=[targeted,certificate,pictures]'", " evaluation=targeted"
    )


def _examples(content: bytes) -> bytes:
    buffer = io.BytesIO()
    examples = pandas.read_parquet(io.BytesIO(content))
    examples.drop(columns=["search", "sta_search"]).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _checkpoint(content: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.load(io.BytesIO(content), weights_only=True) | {"schema": 1}, buffer)
    return buffer.getvalue()


def _age_pointers(outputs: Path, names: Mapping[str, str]) -> dict[str, str]:
    """The training ids of schema 1 by those of today."""
    trainings = {}
    for pointer in list((outputs / "trained").glob("*.json")):
        run = names[json.loads(pointer.read_text())["run"]]
        config = yaml.safe_load((outputs / "runs" / run / "config.yaml").read_text())
        trainings[pointer.stem] = old_training_id(config)
        pointer.unlink()
        pointer.with_name(f"{trainings[pointer.stem]}.json").write_text(json.dumps({"run": run}) + "\n")
    return trainings


def _age_crafted(outputs: Path, trainings: Mapping[str, str]) -> None:
    for crafted in list((outputs / "crafted").glob("*.safetensors")):
        with safe_open(crafted, framework="pt") as file:
            settings = json.loads(file.metadata()["settings"]) | {"schema": 1}
            images = file.get_tensor("images")
        settings["model"] = trainings[settings["model"]]
        for group, path in _CRAFTED_WITH.items():
            settings[group]["_target_"] = path
        crafted.unlink()
        to = crafted.with_name(f"poisoning-{short_hash(settings)}.safetensors")
        save_file({"images": images}, to, {"settings": json.dumps(settings, sort_keys=True)})


def _age_sweep(sweep: Path, names: Mapping[str, str], ids: Mapping[str, str]) -> None:
    """All that a sweep's folder says of its runs; it is called by them."""
    replaced = {**names, **ids}
    records = [json.loads(line) for line in (sweep / "runs.jsonl").read_text().splitlines()]
    to = sweep.with_name(short_hash(sorted(ids[record["config"]["run_id"]] for record in records)))

    def record_of(record: Mapping[str, Any]) -> dict[str, Any]:
        config = aged_config(record["config"])
        command = old_command(record["command"])
        return {"directory": names[record["directory"]], "config": config, "command": command}

    (sweep / "runs.jsonl").write_text("".join(json.dumps(record_of(record)) + "\n" for record in records))
    for path in [sweep / "sweep.json", *sweep.glob("submissions/*/submission.json")]:
        text = old_command(path.read_text()).replace('"schema": 2', '"schema": 1').replace(sweep.name, to.name)
        for now, before in replaced.items():
            text = text.replace(now, before)
        path.write_text(text)
    for path in sweep.glob("submissions/*/*.jsonl"):
        tasks = [json.loads(line) for line in path.read_text().splitlines()]
        old = [
            [{**each, "record": record_of(each["record"]), "group": to.name} for each in task] for task in tasks
        ]
        path.write_text("".join(json.dumps(task) + "\n" for task in old))
    sweep.rename(to)
