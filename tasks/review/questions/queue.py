"""Queues: who is asked a kind of question, about which classes and how, each a project of its own in Label Studio.

"mark-missed" shows a whole item with the machine's boxes, to be corrected; "mark-spans" a text with its spans;
"choose-class" asks which class a whole item shows; "name-kind" which finer kind one box is; "confirm-page" shows many
crops of one class, of which people remove the wrong ones. Those of outlines, and of several classes an item, are in
`queues/`. A queue is small and frozen: it travels between steps as a parameter.
"""

from collections.abc import Mapping, Sequence
from html import escape

from pydantic import Field, field_validator, model_validator

from blocks.errors import BadOption
from blocks.frozen import Frozen
from blocks.naming.emails import Email
from tasks.intake.texts.media import Medium
from tasks.review.questions.kinds.boxes.extreme_points import HOW_TO_DRAW, Drawing
from tasks.review.questions.kinds.choose import CANNOT_TELL, CHOOSE, not_an_object
from tasks.review.questions.kinds.classes.many import how_to_choose
from tasks.review.questions.kinds.classes.missing import refuse_ways_out
from tasks.review.questions.kinds.classify import CLASSIFY
from tasks.review.questions.kinds.correct import CORRECT
from tasks.review.questions.kinds.page import CROP_PAGE
from tasks.review.questions.kinds.registry import kind_named, weighed_in_words
from tasks.review.questions.kinds.texts.tag import TAG
from tasks.review.questions.staffing import AnnotatorPool, GoldRule, OverlapRule

MARK_MISSED = "mark-missed"
NAME_KIND = "name-kind"
CONFIRM_PAGE = "confirm-page"
CHOOSE_CLASS = "choose-class"
MARK_SPANS = "mark-spans"

MOST_TOGETHER = 300
"""Frames of a film that are watched at once: half a minute of it."""

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]*(~(referee)?[1-9][0-9]*)?$"
"""Of a queue, or of a slot beside it: `mark-missed~1` (see `slots.py`)."""


class Queue(Frozen):
    """A kind of question with its classes, its instructions and the people who may answer."""

    name: str = Field(min_length=3, pattern=NAME_PATTERN, description="Short name, such as mark-missed")
    kind: str = Field(
        description="Kind of its questions: a name of the registry of kinds, such as boxes, kind, page or confirm"
    )
    title: str = Field(min_length=1, description="What a person reads above the picture")
    instructions: str = Field(description="What a person reads before the first question")
    classes: tuple[str, ...] = Field(min_length=1, description="Classes of the boxes, in the order of their hotkeys")
    kinds: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="Finer kinds to choose from, by class")
    annotators: tuple[Email, ...] = Field(default=(), description="E-mails of who may answer; empty: everybody")
    referees: tuple[Email, ...] = Field(default=(), description="E-mails of who decides where people disagree")
    overlap: OverlapRule | None = Field(default=None, description="How many people see a question; empty: one")
    gold: GoldRule | None = Field(
        default=None, description="Questions with a known answer among the others; empty: none"
    )
    shows: Medium = Field(default="pictures", description="What its items are, pictures or texts: as people see them")
    missing_classes: bool = Field(
        default=False, description="Whether people may write down a class that is missing among them"
    )
    live: bool = Field(
        default=False, description="Whether a question is opened with what was learnt from the answer before it"
    )
    drawing: Drawing = Field(default="corners", description="How people draw")
    keeps_points: bool = Field(
        default=False, description="Boxes were drawn by extreme points in its project before: their control stays"
    )
    outlined: bool = Field(default=False, description="Whether single objects are shown by their outlines")
    stills: int = Field(
        default=1, ge=1, le=MOST_TOGETHER, description="Questions of a sequence in one task, at most; 1: each alone"
    )

    @field_validator("kind")
    @classmethod
    def _kind_is_known(cls, name: str) -> str:
        return kind_named(name).name

    @model_validator(mode="after")
    def _names_are_distinct(self) -> "Queue":
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"a class is named twice in {list(self.classes)}")
        check_kinds(self.kinds)
        return self

    @property
    def is_shared(self) -> bool:
        """Whether its questions are asked in slots: of several people, or with gold hidden among them."""
        return self.overlap is not None or self.gold is not None

    @property
    def is_plain(self) -> bool:
        """Whether whatever anybody answers counts: there is nothing to weigh."""
        return not (self.is_shared or self.annotators or self.referees)

    def showing(self, medium: Medium) -> "Queue":
        """Return this queue for items that are pictures, or texts."""
        return self if medium == self.shows else self.model_copy(update={"shows": medium})

    def with_pool(self, staff: AnnotatorPool) -> "Queue":
        """Return this queue with the people, the overlap and the gold that a line wants.

        Raises:
            BadOption: Its kind of question is asked of one person, and the line wants several or gold.
        """
        queue = self.model_copy(update={name: getattr(staff, name) for name in AnnotatorPool.model_fields})
        queue.refuse_sharing()
        if queue.drawing == self.drawing:
            return queue
        if not (told := kind_named(self.kind).how_to_draw):
            raise BadOption(
                f"nobody draws in queue {self.name!r} (of kind {self.kind!r}): {queue.drawing!r} says nothing there. "
                "Leave `drawing` out"
            )
        text = queue.instructions.replace(told[self.drawing], told[queue.drawing])
        return queue.model_copy(update={"instructions": text})

    def refuse_sharing(self) -> None:
        """Refuse several people, or gold, where nothing weighs what they say.

        Raises:
            BadOption: The queue wants what its kind of question does not have.
        """
        if self.is_shared and not kind_named(self.kind).is_weighed:
            wanted = " and ".join(name for name in ("overlap", "gold") if getattr(self, name) is not None)
            raise BadOption(
                f"queue {self.name!r} is of kind {self.kind!r} and wants {wanted}: only questions of kinds "
                f"{weighed_in_words()} are asked of several people or hide gold. Leave {wanted} empty; who may "
                "answer can be named all the same."
            )

    @property
    def wants(self) -> tuple[frozenset[str], ...]:
        """What is asked and of whom, as far as people of one project must not be told different things."""
        asked = kind_named(self.kind).asks_for(self), frozenset(self.annotators), frozenset(self.referees)
        return *asked, frozenset([self.drawing])

    def joined_with(self, earlier: "Queue") -> "Queue":
        """Return this queue for a batch that was asked with an earlier form of it: its people and classes stay."""
        merged = self.merged_with(earlier)
        everybody = not (self.annotators and earlier.annotators)
        named = () if everybody else tuple(dict.fromkeys((*earlier.annotators, *self.annotators)))
        referees = tuple(dict.fromkeys((*earlier.referees, *self.referees)))
        kinds = {
            name: tuple(dict.fromkeys((*self.kinds.get(name, ()), *earlier.kinds.get(name, ()))))
            for name in (*self.kinds, *earlier.kinds)
        }
        people = {"annotators": named, "referees": referees}
        return merged.model_copy(update={**people, "kinds": kinds, "stills": earlier.stills})

    def merged_with(self, earlier: "Queue") -> "Queue":
        """Return this queue with the classes and controls that an earlier form of it had: questions still use them."""
        missing = tuple(name for name in earlier.classes if name not in self.classes)
        points = earlier.keeps_points or "extreme_points" in (earlier.drawing, self.drawing)
        shows = "texts" if "texts" in (earlier.shows, self.shows) else self.shows
        either = {name: getattr(self, name) or getattr(earlier, name) for name in ("missing_classes", "outlined")}
        changes = {"classes": self.classes + missing, "keeps_points": points, "shows": shows}
        return self.model_copy(update={**changes, **either})


def check_kinds(kinds: Mapping[str, Sequence[str]]) -> None:
    """Refuse kinds that people could not choose between.

    Raises:
        ValueError: A class has none, one twice, or one that is a way out of every question.
    """
    for class_name, names in kinds.items():
        taken = {CANNOT_TELL, not_an_object(class_name)} & set(names)
        if taken or len(set(names)) != len(names) or not names:
            raise ValueError(
                f"the kinds of {class_name!r} must be one or more different names, none of them "
                f"{CANNOT_TELL!r} or {not_an_object(class_name)!r} (got {', '.join(map(repr, names)) or 'none'})"
            )


def mark_missed_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people correct the boxes of whole items.

    Args:
        classes: Class names, in the order of their hotkeys.
        annotators: E-mails of who should answer; empty means everybody.
    """
    names = ", ".join(classes)
    choose = "press the class's number, then " if len(classes) > 1 else ""  # the only one is chosen already
    return Queue(
        name=MARK_MISSED,
        kind=CORRECT.name,
        title=f"Mark every object: {names}",
        instructions=(
            f"<p><b>Every object ({escape(names)}) needs one tight box.</b></p>"
            "<p>1. Thick outlines are boxes the machine is unsure of: look there first. Correct, delete or keep.</p>"
            "<p>2. Thin outlines are boxes it is sure of: a glance is enough.</p>"
            f"<p>3. Draw what is missing: {choose}{HOW_TO_DRAW['corners']}.</p>"
            "<p>4. Box only what you can see, and all of it. Submit, also when nothing is there.</p>"
            "<p>Some pictures come without any boxes on purpose: mark everything there.</p>"
            "<p>A crowded picture comes in parts: mark what has its middle in the bright part.</p>"
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
        kind=CHOOSE.name,
        title="Which kind is it?",
        instructions=(
            "<p><b>Choose the kind of the object in the middle.</b> One key, then submit.</p>"
            "<p>Nothing of the sort in the middle? Say so. Too small or hidden? &ldquo;Cannot tell&rdquo; is right.</p>"
        ),
        classes=tuple(kinds),
        kinds={name: tuple(finer) for name, finer in kinds.items()},
        annotators=tuple(annotators),
    )


def confirm_page_queue(classes: Sequence[str], annotators: Sequence[str] = (), shown: str = "crop") -> Queue:
    """Build the queue in which people confirm pages of crops, or of whole items, at a glance.

    Args:
        classes: Class names; a page shows crops of one of them.
        annotators: E-mails of who should answer; empty means everybody.
        shown: What a page is of: `crop`, `outline`, or `item`: a picture or a text, all of which shows the class.
    """
    wrong = {
        "crop": "another object in the frame, none at all, or a frame that does not fit it",
        "outline": "another object within the line, none at all, or a line that does not follow its edge",
        "item": "another class than the one above, or none that you can tell",
    }
    return Queue(
        name=CONFIRM_PAGE,
        kind=CROP_PAGE.name,
        title=f"Click every {shown} that is wrong",
        instructions=(
            f"<p><b>Click every {shown} that is wrong, then submit.</b> Nothing wrong? Submit at once.</p>"
            f"<p>Wrong is: {wrong[shown]}.</p>"
            f"<p>Keys 1 to 9, 0, q, w, e, r, t, y, i, o and p mark the first, and take the mark away again.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )


def choose_class_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people say which class a whole item shows.

    Args:
        classes: Class names, in the order of their hotkeys.
        annotators: E-mails of who should answer; empty means everybody.

    Raises:
        ValueError: A class is called as the way out of the question is.
    """
    refuse_ways_out(classes)
    return Queue(
        name=CHOOSE_CLASS,
        kind=CLASSIFY.name,
        title="Which one is it?",
        instructions=(
            f"<p><b>Choose the one class that fits.</b> {how_to_choose(classes)}</p>"
            "<p>If one is chosen already, it is the machine's guess: correct it, or submit at once.</p>"
            "<p>Nobody could tell? &ldquo;Cannot tell&rdquo; (key 0) is right: it counts for no class.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )


def mark_spans_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people correct the spans of texts.

    Args:
        classes: Class names, in the order of their hotkeys.
        annotators: E-mails of who should answer; empty means everybody.
    """
    names = ", ".join(classes)
    return Queue(
        name=MARK_SPANS,
        kind=TAG.name,
        title=f"Mark every span: {names}",
        instructions=(
            f"<p><b>Everything in the text that is one of these ({escape(names)}) is marked, and nothing else.</b></p>"
            "<p>1. What is marked already is the machine's guess: keep it, correct it, or delete it.</p>"
            "<p>2. Mark what is missing: choose the class by its number, and drag over it. It stays chosen for the "
            "next one; the number again takes the choice back.</p>"
            "<p>3. From the first letter to the last one: blanks at the ends do not matter, all else does.</p>"
            "<p>4. Submit, also when nothing is there.</p>"
            "<p>Some texts come without any marks on purpose: mark everything there.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )
