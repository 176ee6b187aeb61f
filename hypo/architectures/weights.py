"""A trained model's weights as a file: safetensors, so that nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from hypo.settings.errors import InputError


def to_bytes(model: nn.Module, shape: Sequence[int], classes: int) -> bytes:
    """The contents of a file with the image shape and the number of classes beside the weights."""
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    places = set()
    for name, value in model.state_dict().items():
        # Safetensors holds nothing twice: of weights that layers share, each gets its own.
        tensor = value.contiguous().cpu()
        tensors[name] = tensor.clone() if tensor.untyped_storage().data_ptr() in places else tensor
        places.add(tensor.untyped_storage().data_ptr())
    # One entry, because safetensors writes several in any order, and equal models would be unequal files.
    return save(tensors, {"interface": json.dumps({"shape": list(shape), "classes": classes})})


def read(path: Path) -> tuple[dict[str, Tensor], tuple[int, int, int], int]:
    """The weights by name, on the CPU, the image shape and the number of classes, as `to_bytes` wrote them.

    Raises:
        InputError: when the file cannot be read, or is another's.
    """
    from safetensors import SafetensorError, safe_open

    found = tensors(path)
    try:
        with safe_open(path, framework="pt") as file:
            interface = json.loads(file.metadata()["interface"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: does not say what the weights are of ({error})") from None
    return found, tuple(interface["shape"]), interface["classes"]


def tensors(path: Path) -> dict[str, Tensor]:
    """What any safetensors file holds, by name, on the CPU.

    Raises:
        InputError: when the file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
