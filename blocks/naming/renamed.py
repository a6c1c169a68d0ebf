"""Options under the names that earlier versions gave them: they still load, with a warning that says the new name.

Beside `frozen.Slimmed`, which is about options that are gone. A model says which names its fields had before; what is
written is always the present one.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import to_json

from blocks.frozen import Slimmed

log = logging.getLogger(__name__)


def _admit_former_names(schema: dict[str, Any], model: type[BaseModel]) -> None:
    # Prefect checks parameters against this schema before a run exists; its form shows `properties` only.
    former, retired = dict(getattr(model, "former_names", {})), getattr(model, "retired", {})
    if former or retired:
        del schema["additionalProperties"]
        schema["propertyNames"] = {"enum": [*schema["properties"], *former, *retired]}
    if former:
        schema["x-former-names"] = former


class Renamed(Slimmed):
    """A value of which some fields once had another name."""

    model_config = ConfigDict(json_schema_extra=_admit_former_names)

    former_names: ClassVar[Mapping[str, str]] = {}
    """Former name to present name."""

    former_values: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """By former name, how its value becomes that of the present one, where the two differ."""

    @model_validator(mode="before")
    @classmethod
    def _take_former_names(cls, data: Any) -> Any:
        """Bring former names to the present ones.

        Raises:
            ValueError: One option is given under both names: nobody could say which counts.
        """
        if not isinstance(data, Mapping):
            return data
        taken = dict(data)
        for former, present in cls.former_names.items():
            if former not in taken:
                continue
            value = taken.pop(former)
            if present in taken:
                raise ValueError(
                    f"{former!r} is the former name of {present!r}, and both are given: leave {former!r} out"
                )
            taken[present] = cls.former_values.get(former, _unchanged)(value)
            _warn_once(cls.__name__, former, present)
        return taken

    def json_under_former_names(self) -> str:
        """Return this as JSON in which renamed fields have their former names: for hashes that must stay the same.

        Only for models whose values were not changed with a name.
        """
        former = {present: name for name, present in self.former_names.items()}
        fields = self.model_dump(mode="json")
        return to_json({former.get(name, name): value for name, value in fields.items()}).decode()


def complement(value: Any) -> Any:
    """Return 1 minus a share, such as the confidence that a chance of being wrong leaves; no number stays as it is."""
    if isinstance(value, str):  # as somebody types it into JSON or a form
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    rounded = round(1 - value, 12)
    return 1 - value if rounded == 1 else rounded


def _unchanged(value: Any) -> Any:
    return value


@cache
def _warn_once(model: str, former: str, present: str) -> None:
    log.warning(
        "option %r of %s is called %r now: the former name still works; please use the new one", former, model, present
    )
