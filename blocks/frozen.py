"""The base of all values that cross a boundary: flow parameters, JSON, blocks."""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

log = logging.getLogger(__name__)


class Frozen(BaseModel):
    """A value: never changed once made, and made of nothing that is not named."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _admit_retired(schema: dict[str, Any], model: type[BaseModel]) -> None:
    # Prefect checks parameters against this schema before a run exists; its form shows `properties` only.
    names = getattr(model, "retired", {})
    if names:
        del schema["additionalProperties"]
        schema["propertyNames"] = {"enum": [*schema["properties"], *names]}


class Slimmed(Frozen):
    """A value that once had more fields: what was saved with them loads, with a warning that says what happens instead.

    Runs that sleep, schedules and deployments that somebody saved in Prefect, and files of options hold options as JSON
    for longer than an option lasts. What is written never holds one that is gone.
    """

    model_config = ConfigDict(json_schema_extra=_admit_retired)

    retired: ClassVar[Mapping[str, str]] = {}
    """By field that is gone: why, and what happens instead."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_retired(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        for name in cls.retired.keys() & data.keys():
            if data[name]:  # switched off it never did anything
                warn_once(cls.__name__, name, cls.retired[name])
        return {name: value for name, value in data.items() if name not in cls.retired}


@cache
def warn_once(model: str, name: str, told: str) -> None:
    """Say in the log that an option is gone; once a process, since options are read again and again."""
    log.warning("option %r of %s is gone: %s. Take it out of what you have saved.", name, model, told)
