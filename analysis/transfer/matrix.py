"""What examples crafted on each of several models do to every one of them (Tao et al. 2020, Section 4.2).

Crafting takes long, and is done once for each model: what was crafted lies in outputs/crafted, beside the runs.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.reading import finished_run
from analysis.transfer.models import Model
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from hypo.attacks.searches.projected_gradient import ProjectedGradient
    from hypo.datasets.images import Images
    from hypo.measurements.risks import Share

BATCH = 500
"""How many images are crafted at once."""

SEED = 0
"""Of the random starting points, whatever the seeds of the runs are."""


@dataclass(frozen=True)
class Cell:
    """Examples crafted on `source`, shown to `target`; on the diagonal these are one.

    Attributes:
        hidden: of the target's mistakes, those that it gets right on the source's hypocritical examples.
        broken: of the target's correct predictions, those that it gets wrong on the adversarial ones.
        right_on_hypocritical, right_on_adversarial: of all examples, those that the target gets right there.
        right_on_clean: the same without any attack.
    """

    source: Model
    target: Model
    hidden: Share
    broken: Share
    right_on_hypocritical: Share
    right_on_adversarial: Share
    right_on_clean: Share


def matrix(models: Sequence[Model], attack: ProjectedGradient | None = None) -> list[Cell]:
    """A cell for every pair, source by source.

    Args:
        models: of one data set and threat model.
        attack: the search on each source, of which the last iterate counts; None for that of the paper.

    Raises:
        InputError: when a model, the data or a crafted file cannot be read, or the latter not be written.
    """
    import torch

    from hypo.measurements.pooled_search import parts
    from hypo.measurements.transfer import PUBLISHED, check_attack, predicted
    from hypo.runs.loading import load_model
    from hypo.settings.device import resolve

    attack, device = attack or PUBLISHED, resolve("auto")
    check_attack(attack)
    run = finished_run.read(models[0].path)
    networks = [load_model(model.path).to(device).to(memory_format=torch.channels_last) for model in models]

    def shown(network: nn.Module, images: Images) -> Tensor:
        """(examples,) bool, which of the images it gets right."""
        answers = [predicted(network, images[part].to(device)).cpu() for part in parts(len(images), BATCH)]
        return torch.cat(answers) == run.labels

    clean = [shown(network, run.images) for network in networks]
    cells = []
    for source, network in zip(models, networks, strict=True):
        hypocritical, adversarial = _crafted(source, network, run, attack, device)
        for target, other, before in zip(models, networks, clean, strict=True):
            after = shown(other, hypocritical), shown(other, adversarial)
            cells.append(_cell(source, target, before, *after))
    return cells


def records(cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
    """A row for every cell, with fractions in [0, 1] and the counts that they are made of."""
    for cell in cells:
        yield {
            "source": cell.source.label,
            "target": cell.target.label,
            "source_run_id": cell.source.run_id,
            "target_run_id": cell.target.run_id,
            "R_hyp_minus": _rounded(cell.hidden),
            "hidden": cell.hidden.count,
            "mistakes": cell.hidden.of,
            "R_adv_plus": _rounded(cell.broken),
            "broken": cell.broken.count,
            "correct": cell.broken.of,
            "accuracy_on_hypocritical": _rounded(cell.right_on_hypocritical),
            "accuracy_on_adversarial": _rounded(cell.right_on_adversarial),
            "accuracy_on_clean": _rounded(cell.right_on_clean),
            "n": cell.right_on_clean.of,
        }


def _rounded(share: Share) -> float | None:
    return None if share.value is None else round(share.value, 6)


def _cell(source: Model, target: Model, clean: Tensor, hypocritical: Tensor, adversarial: Tensor) -> Cell:
    from hypo.measurements.risks import Share

    def share(of: Tensor, among: Tensor) -> Share:
        return Share(int((of & among).sum()), int(among.sum()))

    everything = clean | ~clean
    return Cell(
        source,
        target,
        hidden=share(hypocritical, ~clean),
        broken=share(~adversarial, clean),
        right_on_hypocritical=share(hypocritical, everything),
        right_on_adversarial=share(adversarial, everything),
        right_on_clean=share(clean, everything),
    )


def _crafted(
    source: Model,
    network: nn.Module,
    run: finished_run.FinishedRun,
    attack: ProjectedGradient,
    device: torch.device,
) -> Tensor:
    """What `craft_both` makes, from disk where it is there."""
    from hypo.runs.crafted import Crafted

    # A name that no run has: nobody else works in it.
    crafted = Crafted(
        source.path.absolute().parent.parent / "crafted", f"transfer-{socket.gethostname()}-{os.getpid()}"
    )

    def make() -> Tensor:
        print(f"crafting on {source.label}", file=sys.stderr, flush=True)
        return craft_both(network, run, attack, device)

    try:
        return crafted.images("transfer", _settings(source, attack), make)
    except OSError as error:
        raise InputError(f"{crafted.folder}: cannot be written: {error.strerror}") from error


def craft_both(
    network: nn.Module, run: finished_run.FinishedRun, attack: ProjectedGradient, device: torch.device
) -> Tensor:
    """Hypocritical and adversarial examples of all images, (2, examples, channels, height, width) float32."""
    import torch

    from hypo.attacks.goals.adversarial import Adversarial
    from hypo.attacks.goals.hypocritical import Hypocritical
    from hypo.measurements.pooled_search import parts
    from hypo.measurements.transfer import craft
    from hypo.settings.device import few_threads
    from hypo.settings.randomness import example_noise

    indices = torch.tensor(run.flags["example"].to_numpy())
    threat_model, _ = run.attack
    both: list[Tensor] = []
    with few_threads(network, BATCH):
        for goal in (Hypocritical, Adversarial):
            batches = []
            for part in parts(len(run.labels), BATCH):
                images, labels = run.images[part].to(device), run.labels[part].to(device)
                noise = example_noise(SEED, "transfer", 0, indices[part], tuple(images.shape[1:])).to(device)
                batches.append(craft(network, images, goal(labels), threat_model, attack, noise).cpu())
            both.append(torch.cat(batches))
    return torch.stack(both)


def _settings(source: Model, attack: ProjectedGradient) -> dict[str, Any]:
    """All that decides what the examples look like."""
    from hypo.runs.directory import RunDirectory
    from hypo.settings.components import build, describe

    config = RunDirectory(source.path).config()
    dataset, threat_model = (
        describe(build(config[group], group), identity=True) for group in ("dataset", "threat_model")
    )
    return {
        "attack": describe(attack, identity=True),
        "seed": SEED,
        "dataset": dataset,
        "test_limit": config["evaluation"]["test_limit"],
        "threat_model": threat_model,
        "model": source.training_id,
    }
