"""The models that the strongest evaluation is held against other libraries on: trained here and now."""

from __future__ import annotations

import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from benchmarks.checkpoints import Setting
from hypo.architectures.lenet import Lenet
from hypo.architectures.mlp import Mlp
from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.datasets.digits import Digits
from hypo.datasets.image_folder import ImageFolder
from hypo.datasets.images import ImageData
from hypo.datasets.mnist import Mnist
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.defenses.trades import Trades
from hypo.settings.errors import InputError
from hypo.training.recipe import Recipe

ARCHIVE = "cifar10-jpeg.zip"
_OF_A_CLASS = {"train": 600, "test": 100}
_INNER = ProjectedGradient(steps=5, relative_step=0.4)


def digits_settings() -> Iterator[Setting]:
    """An MLP, standard and robust, in ℓ∞ and ℓ2: seconds each."""
    data, arch = Digits().load(), Mlp()
    recipe = Recipe(epochs=40, batch=60, optimizer="adam", learning_rate=0.002, schedule="one_cycle")
    title, thrm = "digits, mlp", Thrm(7.0, _INNER)
    yield Setting(f"{title}, ℓ∞ 0.1, standard", data, arch, Standard(), False, 0.1, recipe)
    yield Setting(f"{title}, ℓ∞ 0.1, thrm λ = 7", data, arch, thrm, True, 0.1, recipe)
    yield Setting(f"{title}, ℓ2 0.5, thrm λ = 7", data, arch, thrm, True, 0.5, recipe, ball=L2)


def mnist_settings(folder: str) -> Iterator[Setting]:
    """LeNet on few images and for few epochs, a minute or two each."""
    data = Mnist(folder).load()
    inner = ProjectedGradient(steps=10)
    recipe = Recipe(
        epochs=5, batch=128, optimizer="adam", learning_rate=0.001, schedule="constant", train_limit=6_000
    )
    trades = Trades(5.0, inner)
    yield Setting("MNIST, lenet, ℓ∞ 0.2, trades λ = 5", data, Lenet(), trades, True, 0.2, recipe, 1_000)


def cifar10_settings(folder: str) -> Iterator[Setting]:
    """A small CNN on few images and for few epochs, a minute or two each."""
    data = _some_of_cifar10(Path(folder) / ARCHIVE)
    recipe = Recipe(epochs=8, batch=100, optimizer="adam", learning_rate=0.002, schedule="one_cycle", flip=True)
    title, trades = "CIFAR-10, small_cnn", Trades(3.0, _INNER)
    yield Setting(f"{title}, ℓ∞ 8/255, trades λ = 3", data, SmallCnn(), trades, True, 8 / 255, recipe, 1_000)
    yield Setting(f"{title}, ℓ2 0.5, trades λ = 3", data, SmallCnn(), trades, True, 0.5, recipe, 1_000, ball=L2)


def _some_of_cifar10(archive: Path) -> ImageData:
    """As many images of each class as are needed, the first ones in the archive's order.

    Raises:
        InputError: when the archive, of split/class/file, is not there.
    """
    if not archive.is_file():
        raise InputError(f"--data: takes a folder with {ARCHIVE} in it, got {archive.parent}")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive) as images:
        seen: Counter[tuple[str, ...]] = Counter()
        for name in images.namelist():
            within = PurePosixPath(name)
            if name.endswith(".jpg") and seen[within.parent.parts] < _OF_A_CLASS[within.parts[0]]:
                seen[within.parent.parts] += 1
                images.extract(name, folder)
        return ImageFolder(folder).load()
