"""Another run, by where it differs from the one that needs its model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class OtherRun:
    """What differs from the run that needs it, or the run directory of one whose settings are taken whole.

    A component that needs models takes it as a setting, and makes experiments of it in its `prerequisites`; all
    that needs one takes any: a trained run, one to be trained first, a naive one, weights in a file.

    Attributes:
        arch, training_data, defense, threat_model, recipe: components in the place of the run's own; None for
            these. A model that is not trained has no defense, whatever is given.
        seed: in the place of the run's own; None for this.
        run: the run directory, and then nothing else is given. The run id at the end of its name enters the
            identity, and where it lies does not.
    """

    arch: Any | None = field(default=None, metadata={"implied": None})
    training_data: Any | None = field(default=None, metadata={"implied": None})
    defense: Any | None = field(default=None, metadata={"implied": None})
    threat_model: Any | None = field(default=None, metadata={"implied": None})
    recipe: Any | None = field(default=None, metadata={"implied": None})
    seed: int | None = field(default=None, metadata={"implied": None})
    run: str | None = field(default=None, metadata={"identity": False})

    def __post_init__(self) -> None:
        if self.seed is not None:
            checks.integer("seed", self.seed, at_least=0)
        if self.run is not None and self._differences:
            raise InputError(f"run: takes no other settings beside it, got {', '.join(self._differences)}")

    def of(self, experiment: Any, key: str) -> Any:
        """The other experiment, for `experiment` that needs its model.

        Args:
            key: where this stands in the config; error messages begin with it.

        Raises:
            InputError: when its components do not go together, or the run directory cannot be read.
        """
        try:
            if self.run is not None:
                return experiment.recorded(Path(self.run))
            return experiment.but(**self._differences)
        except InputError as error:
            raise InputError(f"{key}: {error}") from None

    def fingerprint(self) -> str | None:
        """The run id of `run`."""
        return None if self.run is None else Path(self.run).resolve().name.rpartition("-")[2]

    @property
    def _differences(self) -> dict[str, Any]:
        names = ("arch", "training_data", "defense", "threat_model", "recipe", "seed")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
