"""The kinds of questions that people are asked: each is a queue, a project of its own in Label Studio.

Three exist: "mark-missed" shows a whole item with the machine's boxes, to be corrected; "name-kind" shows one box and
asks which finer kind it is; "confirm-page" shows many crops of one class, of which people remove the wrong ones. A
queue is small and frozen: it travels between steps as a parameter.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.errors import BadOption
from tasks.review.standards import GoldRule, OverlapRule, Staff

MARK_MISSED = "mark-missed"
NAME_KIND = "name-kind"
CONFIRM_PAGE = "confirm-page"

CANNOT_TELL = "cannot tell"
"""The choice of a person who cannot see it; an honest answer is worth more than a guess."""

WEIGHED = ("boxes", "kind")
"""The kinds of questions of which several people's answers are weighed, and gold is judged. The others have a check of
their own: what a page removes is asked again as a whole item, a box not called right is asked again of others."""

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]*(~(referee)?[1-9][0-9]*)?$"
"""Of a queue, or of a seat beside it: `mark-missed~1` (see `seats.py`)."""


class Queue(BaseModel):
    """A kind of question with its classes, its instructions and the people who may answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=3, pattern=NAME_PATTERN, description="Short name, such as mark-missed")
    kind: Literal["boxes", "kind", "page", "confirm"] = Field(
        description="boxes: draw and correct; kind: one choice about one box; page: remove wrong ones of many crops; "
        "confirm: is this box right?"
    )
    title: str = Field(min_length=1, description="What a person reads above the picture")
    instructions: str = Field(description="What a person reads before the first question")
    classes: tuple[str, ...] = Field(min_length=1, description="Classes of the boxes, in the order of their hotkeys")
    kinds: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="Finer kinds to choose from, by class")
    annotators: tuple[str, ...] = Field(default=(), description="E-mails of who may answer; empty: everybody")
    referees: tuple[str, ...] = Field(default=(), description="E-mails of who decides where people disagree")
    overlap: OverlapRule | None = Field(default=None, description="How many people see a question; empty: one")
    gold: GoldRule | None = Field(
        default=None, description="Questions with a known answer among the others; empty: none"
    )

    @model_validator(mode="after")
    def _names_are_distinct(self) -> "Queue":
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"a class is named twice in {list(self.classes)}")
        for class_name, kinds in self.kinds.items():
            taken = {CANNOT_TELL, not_an_object(class_name)} & set(kinds)
            if taken or len(set(kinds)) != len(kinds) or not kinds:
                raise ValueError(
                    f"the kinds of {class_name!r} must be one or more different names, none of them "
                    f"{CANNOT_TELL!r} or {not_an_object(class_name)!r} (got {list(kinds)})"
                )
        return self

    @property
    def is_shared(self) -> bool:
        """Whether its questions are asked in seats: of several people, or with gold hidden among them."""
        return self.overlap is not None or self.gold is not None

    @property
    def is_plain(self) -> bool:
        """Whether whatever anybody answers counts, so that there is nothing to weigh."""
        return not (self.is_shared or self.annotators or self.referees)

    def staffed(self, staff: Staff) -> "Queue":
        """Return this queue with the people, the overlap and the gold that a line wants.

        Raises:
            BadOption: Its kind of question is asked of one person, and the line wants several or gold.
        """
        queue = self.model_copy(update={name: getattr(staff, name) for name in Staff.model_fields})
        queue.refuse_sharing()
        return queue

    def refuse_sharing(self) -> None:
        """Refuse several people, or gold, where nothing weighs what they say.

        Raises:
            BadOption: The queue wants what its kind of question does not have.
        """
        if self.is_shared and self.kind not in WEIGHED:
            wanted = " and ".join(name for name in ("overlap", "gold") if getattr(self, name) is not None)
            raise BadOption(
                f"queue {self.name!r} is of kind {self.kind!r} and wants {wanted}: only questions of kinds "
                f"{' and '.join(WEIGHED)} are asked of several people or hide gold. Leave {wanted} empty; who may "
                "answer can be named all the same."
            )

    def merged_with(self, earlier: "Queue") -> "Queue":
        """Return this queue with the classes that an earlier form of it had: open questions still use them."""
        missing = tuple(name for name in earlier.classes if name not in self.classes)
        return self.model_copy(update={"classes": self.classes + missing})


def not_an_object(class_name: str) -> str:
    """Return the choice that says that a box of a class holds no such object."""
    return f"not a {class_name}"


def choices_of(class_name: str, kinds: Sequence[str]) -> list[str]:
    """Return what a person may choose about a box: its kinds, and the two ways out."""
    return [*kinds, not_an_object(class_name), CANNOT_TELL]


def mark_missed_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people correct the boxes of whole items.

    Args:
        classes: Class names, in the order of their hotkeys.
        annotators: E-mails of who should answer; empty means everybody.
    """
    names = ", ".join(classes)
    return Queue(
        name=MARK_MISSED,
        kind="boxes",
        title=f"Mark every object: {names}",
        instructions=(
            f"<p><b>Every object ({escape(names)}) needs one tight box.</b></p>"
            "<p>1. Thick outlines are boxes the machine is unsure of: look there first. Correct, delete or keep.</p>"
            "<p>2. Thin outlines are boxes it is sure of: a glance is enough.</p>"
            "<p>3. Draw what is missing: press the class's number, then drag.</p>"
            "<p>4. Box only what you can see, and all of it. Submit, also when nothing is there.</p>"
            "<p>Some pictures come without any boxes on purpose: mark everything there.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )


def name_kind_queue(kinds: Mapping[str, Sequence[str]], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people who know name the exact kind of single boxes.

    Args:
        kinds: Class name to its finer kinds.
        annotators: E-mails of who should answer, other people than in the first queue; empty means everybody.
    """
    return Queue(
        name=NAME_KIND,
        kind="kind",
        title="Which kind is it?",
        instructions=(
            "<p><b>Choose the kind of the object in the middle.</b> One key, then submit.</p>"
            "<p>Nothing of the sort in the middle? Say so. Too small or hidden? &ldquo;Cannot tell&rdquo; is right.</p>"
        ),
        classes=tuple(kinds),
        kinds={name: tuple(finer) for name, finer in kinds.items()},
        annotators=tuple(annotators),
    )


def confirm_page_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people confirm pages of crops at a glance.

    Args:
        classes: Class names; a page shows crops of one of them.
        annotators: E-mails of who should answer; empty means everybody.
    """
    return Queue(
        name=CONFIRM_PAGE,
        kind="page",
        title="Click every crop that is wrong",
        instructions=(
            "<p><b>Click every crop that is wrong, then submit.</b> Nothing wrong? Submit at once.</p>"
            "<p>Wrong is: another object in the frame, none at all, or a frame that does not fit it.</p>"
            "<p>Keys 1 to 9, 0, q, w, e, r, t, y, i, o and p mark the first crops, and take the mark away again.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )
