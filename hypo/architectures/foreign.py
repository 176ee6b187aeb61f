"""A model that hypo did not train, as it lies in a file or a folder."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from hypo.architectures import foreign_files, hugging_face, probing, programs
from hypo.architectures.adapted import Adapted
from hypo.architectures.hugging_face import Preparation
from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Foreign:
    """TorchScript, a program of torch.export, weights, or a folder of Hugging Face; measured, never trained.

    Which of these it is, what the file holds says, not its name. Nothing is unpickled but tensors, and of a
    Hugging Face folder no code is run. TorchScript, programs and `architecture` are code, of people one trusts.

    Attributes:
        path: of the file or folder. What it holds enters the run's identity, and where it lies does not.
        architecture: module:callable, that makes the network that weights are of; the module is one that can be
            imported from the current folder, and the callable takes no arguments.
        mean, std: by which images in [0, 1] are normalised before the network, a number a channel; None where the
            network takes them as they are, or the folder of Hugging Face says how.
        resize: height and width in pixels that images are brought to before the network; None leaves them as they
            are, or brings them to what the folder of Hugging Face says.
        outputs: what the network returns, "logits" or "probabilities".
    """

    path: str = field(metadata={"identity": False})
    architecture: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: int | None = None
    outputs: Literal["logits", "probabilities"] = "logits"

    is_rebuilt_from_path: ClassVar[bool] = True
    """Whether the model of a run is not in its directory alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", checks.absolute(self.path))
        if self.architecture is not None and not _is_module_and_name(self.architecture):
            shown = checks.shown(self.architecture)
            raise InputError(f"architecture: takes module:callable, such as nets:resnet, got {shown}")
        for name, above in (("mean", None), ("std", 0)):
            values = getattr(self, name)
            if values is not None:
                numbers = tuple(checks.number(name, value, above=above) for value in values)
                object.__setattr__(self, name, numbers)
        if (self.mean is None) != (self.std is None):
            given, lacking = ("mean", "std") if self.std is None else ("std", "mean")
            raise InputError(f"{lacking}: must be given where {given} is")
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise InputError(f"std: takes as many numbers as mean, {len(self.mean)}, got {len(self.std)}")
        if self.resize is not None:
            object.__setattr__(self, "resize", checks.integer("resize", self.resize, at_least=1))
        checks.choice("outputs", self.outputs, ("logits", "probabilities"))

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network, of weights alone without these, for images of `shape` (channels, height, width).

        Raises:
            InputError: when there is no such file or callable any more, or mean and std are of other channels.
        """
        path = Path(self.path)
        kind = foreign_files.kind(path)
        prepared = Preparation(self.mean, self.std, self.resize)
        if kind in ("safetensors", "pickle"):
            network = self._made()
        elif self.architecture is not None:
            raise InputError(f"arch.architecture: takes null where the file has its own network, as {path} has")
        elif kind == "folder":
            network, asked = hugging_face.network(path), hugging_face.preparation(path)
            mean, std = (self.mean, self.std) if self.mean else (asked.mean, asked.std)
            prepared = Preparation(mean, std, self.resize or asked.size)
        else:
            network = programs.script(path) if kind == "script" else programs.program(path)
        channels = shape[0]
        if prepared.mean is not None and len(prepared.mean) not in (channels, 3 if channels == 1 else channels):
            raise InputError(f"arch.mean: takes one number a channel, here {channels}, got {list(prepared.mean)}")
        size = None if (prepared.size,) * 2 == shape[1:] else prepared.size
        adapted = (
            Adapted(network, prepared.mean, prepared.std, size, self.outputs == "probabilities").float().eval()
        )
        adapted.choose_layout(shape)
        return adapted

    def load(self, model: nn.Module) -> None:
        """Put the weights into `model`, a `Normalised` with what `build` made, which then normalises no further.

        Raises:
            InputError: when they cannot be read, or are of another network.
        """
        model.get_buffer("mean").zero_()
        model.get_buffer("std").fill_(1)
        path = Path(self.path)
        if foreign_files.kind(path) not in ("safetensors", "pickle"):
            return
        try:
            model.get_submodule("network.network").load_state_dict(foreign_files.state(path))
        except RuntimeError as error:
            reason = " ".join(str(error).split()).partition(": ")[2].partition(" Unexpected key")[0][:200]
            raise InputError(f"arch.path: takes weights of {self.architecture}, got {path} ({reason})") from None

    def probe(self, model: nn.Module, images: Tensor, labels: Tensor, classes: int) -> list[str]:
        """See `probing.probe`.

        Raises:
            InputError: when nothing can be measured with the model.
        """
        try:
            return probing.probe(model, images, labels, classes)
        except InputError as error:
            raise InputError(str(error).replace("model:", "arch.path:", 1)) from None

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of the file, or of what decides in a folder.

        Raises:
            InputError: when it cannot be read.
        """
        path, digest = Path(self.path), hashlib.sha256()
        try:
            for file in hugging_face.files(path) if path.is_dir() else [path]:
                digest.update(b"" if file == path else f"{file.name}\0{file.stat().st_size}\0".encode())
                with file.open("rb") as opened:
                    for part in iter(lambda: opened.read(1 << 24), b""):
                        digest.update(part)
        except OSError as error:
            raise InputError(f"arch.path: cannot read {error.filename}: {error.strerror or error}") from None
        return digest.hexdigest()[:16]

    def _made(self) -> nn.Module:
        """What the callable gives."""
        if self.architecture is None:
            foreign_files.state(Path(self.path))  # a pickle that would run code is refused whatever it lacks
            raise InputError(
                "arch.architecture: takes module:callable that makes the network, and must be given for"
                f" {self.path}, which has only its weights"
            )
        try:
            network = _callable(self.architecture)()
        except InputError:
            raise
        except Exception as error:  # whatever is wrong with the callable
            reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
            raise InputError(f"arch.architecture: {self.architecture}() failed ({reason})") from None
        if not isinstance(network, nn.Module):
            got = type(network).__name__
            raise InputError(f"arch.architecture: takes what gives an nn.Module, {self.architecture} gives {got}")
        return network


def _is_module_and_name(text: str) -> bool:
    module, colon, name = text.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))


def _callable(architecture: str) -> Callable[[], Any]:
    module_name, _, name = architecture.partition(":")
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"arch.architecture: {architecture} cannot be imported from {folder} or what is installed ({error})"
        ) from None
    finally:
        sys.path.remove(folder)
    return found
