"""What Label Studio tells us when it is asked, parsed strictly: tasks and their annotations."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from blocks.naming.emails import normal_email

MAX_ID = 2**63 - 1
"""The largest id a database keeps; a webhook with a larger one is none of Label Studio's."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No annotation is older: a timestamp before it is made up, and would not survive a change of zone."""

LATEST = datetime(2200, 1, 1, tzinfo=UTC)

LONGEST_S = 366 * 86_400.0
"""Nobody has a question open for longer: such a time is made up."""


def _is_plausible(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"expected a time from {EARLIEST.year} to {LATEST.year}")
    return moment


Id = Annotated[int, Field(gt=0, le=MAX_ID, strict=True)]
Moment = Annotated[AwareDatetime, AfterValidator(_is_plausible)]


class HeardAnnotation(BaseModel):
    """One annotation as Label Studio sends it; what a person drew is kept as it came, whatever it is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    updated_at: Moment
    result: Any = None
    lead_time: float | None = None
    was_cancelled: bool = False
    completed_by: Id | None = None
    created_at: Moment | None = None
    parent_prediction: Id | None = None
    """The prediction that the person's browser began with."""
    created_username: str = ""
    updated_by: Any = None
    parent_annotation: Any = None
    import_id: Any = None
    bulk_created: Any = None

    @field_validator("completed_by", mode="before")
    @classmethod
    def _number_of_user(cls, value: object) -> object:
        # Depending on the endpoint, Label Studio sends a number or the whole user.
        return value.get("id") if isinstance(value, dict) else value

    @property
    def email(self) -> str | None:
        """The person's e-mail, which only lists carry: the name ends with 'E-MAIL, NUMBER'."""
        # People choose the rest of this text: a pattern that tries every @ of it takes minutes on a long row of them.
        name, _, number = self.created_username.rpartition(", ")
        word = re.split(r"\s", name)[-1]
        return normal_email(word) if number.isdecimal() and "@" in word[1:-1] else None

    @property
    def seconds(self) -> float:
        """Seconds the person took, 0 where Label Studio did not measure."""
        seconds = self.lead_time or 0.0
        return seconds if math.isfinite(seconds) and seconds > 0 else 0.0

    @property
    def opened_at(self) -> datetime | None:
        """When the person was shown the question, by Label Studio's clock; None where it does not say."""
        spent = timedelta(seconds=min(self.seconds, LONGEST_S))
        return self.created_at - spent if self.created_at else None

    @property
    def raw(self) -> list[dict[str, Any]]:
        """What the person drew, as it came, in the form in which the catalogue keeps it."""
        # Python's JSON reads NaN and Infinity, a database's JSON does not: they are kept as words.
        result = json.loads(json.dumps(self.result), parse_constant=str)
        if isinstance(result, list) and all(isinstance(entry, dict) for entry in result):
            return result
        return [{"result": result}]


class HeardTask(BaseModel):
    """A task and its annotations: all of them (`whole`), or some."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    project_id: Id
    data: dict[str, Any] = Field(default_factory=dict)
    annotations: tuple[HeardAnnotation, ...] = ()
    whole: bool = False

    @property
    def question_id(self) -> str | None:
        """Our question id, where the task is one of ours."""
        value = self.data.get("question_id")
        return value if isinstance(value, str) and 0 < len(value) <= 64 else None
