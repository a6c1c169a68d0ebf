"""What every question row holds, whatever its kind: each kind has a payload of its own, told apart by `type`.

Once all kinds shared one payload, so the rows of older catalogues hold the fields of every kind. Those that are none of
their own kind's are empty, and are left out when a row is read.
"""

from collections.abc import Mapping

from pydantic import model_validator

from blocks.frozen import Frozen

ONCE_SHARED = frozenset(
    {"width", "height", "blind", "prefill", "boxes", "crop", "class_name", "kinds", "crops", "reasons"}
)
"""The fields of the one payload of all kinds."""


class Payload(Frozen):
    """What a question row must hold to be posted, and later to make sense of its answer."""

    type: str

    @model_validator(mode="before")
    @classmethod
    def _without_fields_of_other_kinds(cls, row: object) -> object:
        if not isinstance(row, Mapping):
            return row
        others = ONCE_SHARED - cls.model_fields.keys()
        return {name: value for name, value in row.items() if value or name not in others}
