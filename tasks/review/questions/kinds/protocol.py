"""What a kind of question is: its payload, how people see it in Label Studio, and what their answers say.

A kind knows Label Studio and nothing of consensus: it only names as what its answers are compared. Of the queue that
asks, it knows what people read, so that queues can know kinds.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol, TypeVar
from xml.etree import ElementTree

from blocks.database.tables import Proposal
from blocks.errors import BadOption
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Bounds
from tasks.intake.texts.media import Medium
from tasks.review.questions.kinds.boxes.extreme_points import DRAW_BOX_S, Drawing
from tasks.review.questions.kinds.boxes.part import PicturePart
from tasks.review.questions.kinds.controls import BOX, IMAGE
from tasks.review.questions.kinds.together import Together
from tasks.review.questions.parts import SetAsidePart, passed_over
from tasks.review.questions.payload import Payload
from tasks.triage.reasons import telling

Shape = TypeVar("Shape", bound=Payload)

SHOWN_FROM = 0.15
"""Chance below which no question begins with a class: what triage drops unseen where nobody says otherwise."""

LIVE = "live-"
"""Begins the id of a region that was suggested when its question was opened: no proposal of its batch is behind it."""


def live_id(suggested: str) -> str:
    """Return the id of a region that was suggested when its question was opened: it tells what it was."""
    return f"{LIVE}{hashlib.sha256(suggested.encode()).hexdigest()[:16]}"


class Asking(Protocol):
    """What a kind of question needs to know of the queue that asks it."""

    @property
    def name(self) -> str:
        """Of the queue, such as mark-missed."""

    @property
    def title(self) -> str:
        """What a person reads above the picture."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the boxes, in the order of their hotkeys."""

    @property
    def missing_classes(self) -> bool:
        """Whether people may write down a class that is missing among them."""

    @property
    def shows(self) -> Medium:
        """What its items are."""

    @property
    def drawing(self) -> Drawing:
        """How people draw boxes."""

    @property
    def stills(self) -> int:
        """How many questions of a sequence stand on one strip at most; 1: each stands alone."""

    @property
    def outlined(self) -> bool:
        """Whether single objects that it asks about are shown by their outlines."""

    @property
    def keeps_points(self) -> bool:
        """Whether boxes were drawn by extreme points in its project before: the control must stay."""


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What an answer says in our own form, and what in it does not count."""

    said: list[dict[str, Any]]
    parts: tuple[SetAsidePart, ...] = ()


@dataclass(frozen=True, slots=True)
class ToShow:
    """A proposal that a question about its item may begin with, and what triage said of it."""

    proposal: Proposal
    is_sure: bool
    reasons: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Likely:
    """What an item may show, as far as answers to other questions tell.

    Attributes:
        class_name: One class.
        chance: 0 to 1.
        is_quiet: Whether no question may begin with it as its answer.
        place: Where in a text, in code points; None: the whole item.
    """

    class_name: str
    chance: float
    is_quiet: bool = False
    place: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ItemToAsk:
    """An item that people are asked about as a whole."""

    width: int
    height: int
    proposed: Sequence[ToShow] = ()
    """Without those that were dropped; none where people label blind."""
    blind: bool = False
    reasons: Sequence[str] = ()
    part: PicturePart | None = None
    """Which part of it is asked about, with the proposals of that part alone; None: all of it."""
    text: str | None = None
    """What a text says; None: it is a picture."""

    def reasons_of(self, shown: Collection[str]) -> dict[str, str]:
        """Say what is odd about proposals by their ids, and ('') about the item, as far as that helps to look."""
        found = {one.proposal.id: telling(one.reasons) for one in self.proposed if one.proposal.id in shown}
        return {key: "; ".join(why) for key, why in {"": telling(self.reasons), **found}.items() if why}


@dataclass(frozen=True, slots=True)
class SaidLabel:
    """A label of an item as a person left it."""

    id: str
    """The proposal's where a shown one was kept or mended."""
    class_name: str
    box_px: Bounds | None
    untouched: bool
    shape: dict[str, Any] | None = None
    """As in `Label`: None is a box."""
    track: str | None = None
    """Whose a person says it is; None: they say nothing of that."""
    is_glanced: bool = False
    """Whether nobody looked at it by itself: it is theirs who said it before."""


class QuestionKind(Protocol[Shape]):
    """One kind of question. A new one is a file beside this one and a line in `registry.py`."""

    name: ClassVar[str]
    """Stands in question rows and queues of every catalogue, so it never changes."""
    payload: type[Shape]
    control: ClassVar[str]
    """The control of the label config with which people answer."""
    other_controls: ClassVar[tuple[str, ...]] = ()
    """Further controls with which they do, in some of its label configs."""
    about: ClassVar[str] = IMAGE
    """Name of the object of the label config that the answer is about."""
    compared_as: ClassVar[str | None] = None
    """By which comparer of consensus several people's answers are weighed, gold is judged. None: one person answers,
    and the check is another: what a page removes is asked again as a whole item, a box not called right of others."""
    allows_empty: ClassVar[bool] = False
    """Whether submitting nothing says something."""
    shows_predictions: ClassVar[bool] = True
    """Whether Label Studio opens a question with its prediction."""
    shows_proposals: ClassVar[bool] = False
    """Whether it matters that whoever answers had the machine's boxes before them."""
    settles: ClassVar[Literal["items", "kinds"] | None] = None
    """What its answers settle: the labels of a whole item, the exact kind of one label, or neither by themselves."""
    is_cut: ClassVar[bool] = False
    """Whether an item with much to do is asked about in parts."""
    answers_are: ClassVar[str] = "answers"
    """What is counted of them, in the words of a report: such as boxes."""
    how_to_draw: ClassVar[Mapping[Drawing, str]] = MappingProxyType({})
    """What people read of how they draw, by how a queue lets them; empty: nobody draws."""
    draw_s: ClassVar[Mapping[Drawing, float]] = DRAW_BOX_S
    takes_clicks: ClassVar[bool] = False
    """Whether clicks become outlines while people draw by extreme points: see `MarkOutlines.outlined`."""
    takes_suggestions: ClassVar[bool] = False
    """Whether its questions can be opened with what was learnt from the answer before: see `with_suggestions`."""
    needs_vectors: ClassVar[bool] = True
    """Whether these come from vectors of items; else from what was marked in texts, word for word."""
    most_classes: ClassVar[int] = 200
    """So many people still choose among, each with a button of its own."""
    takes_missing: ClassVar[bool] = False
    """Whether people can write down a class that is missing among those of the queue."""
    together: ClassVar[Together | None] = None
    """How questions of a sequence are asked at once, each with its own answer; None: each alone."""
    counts_unseen: ClassVar[bool] = True
    """Whether an answer of somebody who was not shown the box says anything."""
    mends: ClassVar[bool] = False
    """Whether its answers say nothing of what they leave as it was."""

    @property
    def is_weighed(self) -> bool:
        """Whether several people's answers can be weighed, so that questions have slots and hide gold."""
        return self.compared_as is not None

    def about_in(self, queue: Asking) -> str:
        """Return the name of the object of a queue's label config that the answer is about."""
        return self.about

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Add what people see and answer with to a label config."""

    def task_data(self, server: AnnotationServer, queue: Asking, item_id: str, payload: Shape) -> dict[str, Any]:
        """Return what the task of a question holds beside its question id."""

    def shown(self, payload: Shape) -> list[dict[str, Any]]:
        """Return the regions of the prediction that a question is opened with."""
        return []

    def parse(self, payload: Shape, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return what the result of an annotation says.

        Args:
            payload: Of the question.
            result: As Label Studio sends it, any list.
            queue: As the question was asked.

        Raises:
            BadInput: It says nothing that can be used: the whole answer is set aside.
        """

    def begin(self, item: ItemToAsk, queue: Asking) -> Shape:
        """Return the question about a whole item, for kinds that settle items.

        Raises:
            UnknownClass: It would show a class that the queue does not have.
            BadOption: This kind does not.
        """
        raise BadOption(f"questions of kind {self.name!r} are not about whole items")

    def labels(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> tuple[SaidLabel, ...] | None:
        """Return the labels that an answer gives its item, for kinds that settle items.

        Args:
            row: The payload, as it stands in the question's row.
            said: What `parse` returned, as it stands in the answer's.

        Returns:
            None: whoever answered could not tell, which is not the same as none.

        Raises:
            ValidationError: It is no answer of this kind.
            BadOption: This kind does not settle items.
        """
        raise BadOption(f"questions of kind {self.name!r} are not about whole items")

    def teaches(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> str | None:
        """Return what an answer teaches those that suggest at every opening, as they read it; None: nothing.

        Args:
            row: The payload, as it stands in the question's row.
            said: What `parse` returned, as it stands in the answer's.

        Raises:
            ValidationError: It is no answer of this kind.
        """
        return None

    def with_suggestions(self, payload: Shape, likely: Sequence[Likely]) -> Shape:
        """Return a question as it is opened now, for kinds that take suggestions; what is blind stays so.

        Args:
            payload: As it was posted.
            likely: What its item may show, the most likely first; empty: nothing is known of it.
        """
        return payload

    def offering(self, payload: Shape, classes: Sequence[str]) -> Shape:
        """Return a posted question with the classes that the form of its project offers now, some of them new since."""
        return payload

    def looks_as(self, queue: Asking, other: Asking) -> bool:
        """Say whether a label config can go from one queue's to another's while its answers stay."""
        return True

    def asks_for(self, queue: Asking) -> frozenset[str]:
        """Return the classes that people must look for: a question that brings its own choices asks for none."""
        return frozenset()

    def unread(self, payload: Shape) -> list[dict[str, Any]]:
        """Return the regions of an answer that nobody looked at: what is copied from the prediction as posted."""
        return []

    def not_ours(self, result: Sequence[Any]) -> tuple[SetAsidePart, ...]:
        """Return the entries of a result that are none of this kind's; a shown box comes along in some answers."""
        return tuple(
            passed_over(n, entry)
            for n, entry in enumerate(result)
            if not (isinstance(entry, dict) and entry.get("from_name") in (BOX, self.control, *self.other_controls))
        )
