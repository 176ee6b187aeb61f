"""What is said of a block of cells, and of what sets its runs apart from others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

_OF_ONE_OF_SEVERAL = ("evaluation.then.", "defense.held.")


def heading(key: dict[str, str], threat: str) -> str:
    """What a block is of, under a threat model that is called `threat`."""
    return f"{key['dataset']}, {key['arch']}, {threat}, {key['training_data']} training data"


def differences(runs: pandas.DataFrame, key: str) -> dict[Any, str]:
    """For every hash in column `key` what sets it apart from the others, such as "recipe.epochs = 5".

    The settings of a search set those apart that have it; that others lack it is said by evaluation.then. So it is
    with held models.
    """
    first = runs.drop_duplicates(key).set_index(key).astype(object)
    inside = key == "defense_settings"

    def told(column: str) -> pandas.Series:
        values = first[column]
        lacking_is_told = column.startswith(_OF_ONE_OF_SEVERAL)
        return (values.dropna() if lacking_is_told else values.where(values.notna(), "none")).astype(str)

    columns = [column for column in first if "." in column and column.startswith("defense.") == inside]
    texts = {column: told(column) for column in columns}
    differing = {column: values for column, values in texts.items() if values.nunique() > 1}
    return {
        hashed: ", ".join(
            f"{column.removeprefix('defense.')} = {values[hashed]}"
            for column, values in differing.items()
            if hashed in values
        )
        for hashed in first.index
    }


def searched(runs: pandas.DataFrame) -> tuple[str, ...]:
    """A line such as "decided, search by search: attack (adv 31, hyp 4), random (adv 1, hyp 0)", over all runs.

    With the passes that each took, where all the runs have counted them.
    """
    decided: dict[str, Counter[str]] = {}
    for of_run in runs["searches"]:
        for name, by_flag in of_run.items():
            decided.setdefault(name, Counter()).update(by_flag)
    if len(decided) < 2:
        return ()
    if any("passes" not in by_flag for of_run in runs["searches"] for by_flag in of_run.values()):
        for by_flag in decided.values():
            del by_flag["passes"]
    texts = (
        f"{name} ({', '.join(f'{flag} {count:,}' for flag, count in by.items())})" for name, by in decided.items()
    )
    return (f"decided, search by search: {', '.join(texts)}",)
