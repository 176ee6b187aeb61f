"""Image classifiers in a folder of Hugging Face: config.json, weights, and how images are prepared for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Preparation:
    """What preprocessor_config.json asks for.

    Attributes:
        mean, std: of each channel, in units of [0, 1]; None where images are not normalised.
        size: height and width in pixels; None where the folder does not say, or leaves images as they are.
        crops: whether that is the centre of a larger image.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    size: int | None = None
    crops: bool = False


class Reversed(nn.Module):
    """`network` on images whose channels are in the opposite order."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Any:
        """What `network` gives."""
        return self.network(images.flip(1))


def network(path: Path) -> nn.Module:
    """The classifier of a folder with its weights, on the CPU. Nothing is fetched, and no code of the folder run.

    Raises:
        InputError: when `transformers` is not installed, or the folder has no such classifier.
    """
    try:
        import transformers
    except ImportError:
        raise InputError(
            f"arch.path: {path} is a folder of Hugging Face, which takes transformers: pip install transformers"
        ) from None
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        found, about = transformers.AutoModelForImageClassification.from_pretrained(
            path,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise InputError(f"arch.path: transformers finds no image classifier in {path} ({reason})") from None
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    if missing := sorted(map(str, about["missing_keys"])) + sorted(map(str, about["mismatched_keys"])):
        raise InputError(f"arch.path: takes a classifier with all of its weights, but {path} lacks {missing[0]}")
    module: nn.Module = found
    return Reversed(module) if _is_reversed(path) else module


def preparation(path: Path) -> Preparation:
    """How the images of a folder are to be prepared.

    Raises:
        InputError: when one of the files is damaged.
    """
    settings = _read(path / "preprocessor_config.json")
    if not settings:
        return Preparation(size=_side(_read(path / "config.json").get("image_size")))
    try:
        return _asked_for(settings)
    except (TypeError, ValueError, ZeroDivisionError, KeyError) as error:
        file = path / "preprocessor_config.json"
        raise InputError(f"arch.path: {file} cannot be read ({type(error).__name__} {error})") from None


def files(path: Path) -> list[Path]:
    """What of a folder decides what its model does, in sorted order."""
    described = [path / name for name in ("config.json", "preprocessor_config.json")]
    return sorted(file for file in (*described, *path.glob("*.safetensors*")) if file.is_file())


def _asked_for(settings: Mapping[str, Any]) -> Preparation:
    # Images in [0, 255] are multiplied by `factor`, less `offset`, and then normalised; here they are in [0, 1].
    factor = settings.get("rescale_factor", 1 / 255) if settings.get("do_rescale", True) else 1
    offset = 1 if settings.get("rescale_offset") else 0
    mean, std = _channels(0), _channels(1)
    if settings.get("do_normalize", True) and settings.get("image_mean"):
        mean, std = (_channels(settings[name]) for name in ("image_mean", "image_std"))
    if settings.get("do_flip_channel_order"):  # which the network is told by itself
        mean, std = mean[::-1], std[::-1]
    size = settings.get("crop_size") if settings.get("do_center_crop") else settings.get("size")
    return Preparation(
        tuple((value + offset) / (255 * factor) for value in mean),
        tuple(value / (255 * factor) for value in std),
        _side(size) if settings.get("do_resize", True) else None,
        bool(settings.get("do_center_crop")),
    )


def _is_reversed(path: Path) -> bool:
    """Whether blue comes first."""
    return bool(_read(path / "preprocessor_config.json").get("do_flip_channel_order"))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text()) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"arch.path: {path} cannot be read ({error})") from None
    if not isinstance(found, dict):
        raise InputError(f"arch.path: {path} cannot be read (takes settings, got {type(found).__name__})")
    return found


def _channels(values: Any) -> tuple[float, ...]:
    """One number a channel, of which some folders have only one for all."""
    return tuple(map(float, values)) if isinstance(values, list) else (float(values),) * 3


def _side(size: Any) -> int | None:
    """Height and width of square images, in the several ways that they are written down."""
    if isinstance(size, dict):
        size = size.get("height", size.get("shortest_edge"))
    return int(size) if isinstance(size, (int, float)) else None
