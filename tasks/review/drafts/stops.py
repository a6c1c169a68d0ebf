"""The stops of a line: which queues a batch passes, in which order, and what a kind of label has no use for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from blocks.errors import BadOption
from blocks.shapes import PLACED, SEVERAL
from tasks.detect.prompted.named import EXAMPLE, NETWORKS, told_apart
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import label_kind
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.line_queue import LineQueue
from tasks.review.questions.kinds.boxes.strip import MOST_STILLS
from tasks.review.questions.kinds.outlines.outline import OUTLINED
from tasks.review.questions.kinds.page import PageOptions
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue, check_kinds, confirm_page_queue, name_kind_queue
from tasks.review.questions.queues.registry import ABOUT_ITEMS
from tasks.review.questions.queues.strips import on_strips
from tasks.review.questions.staffing import AnnotatorPool
from tasks.suggest.asked_for import asked_of, check_suggested
from tasks.suggest.paging.plan import NEVER, RoundOptions
from tasks.track.asked_for import propagate_asked, track_asked
from tasks.track.trackers import check_tracker

STILLS = 4
"""Of a sequence at a time, where labels keep their identity: two rows of two on a laptop's screen."""

Stills = Annotated[
    int | None,
    Field(
        ge=1,
        le=MOST_STILLS,
        description="Neighbouring frames of a sequence on one strip, at most, each with an answer of its own; 1: each "
        "alone. Empty: 4 for `tracks`, unless gold is hidden, else 1.",
    ),
]
"""How many questions stand together, as an option of a line."""


Parts = Annotated[
    PartOptions | None,
    Field(description="When a picture with many objects is asked in parts; empty: always whole."),
]
"""When a picture is asked in parts, as an option of a line."""


def _checked_network(given: str) -> str:
    try:
        return "@".join(told_apart(given)) if given else ""
    except BadOption as error:
        raise ValueError(str(error)) from error


OutlinesBy = Annotated[
    str,
    AfterValidator(_checked_network),
    Field(
        max_length=4096,
        description="With `polygons` and `masks` drawn by four clicks: the network that outlines what was clicked, as "
        f"`NAME@FILE`, such as `{EXAMPLE}`. Known: {', '.join(NETWORKS)}. Empty: colours do.",
    ),
]
"""Which network outlines what was clicked, as an option of a line."""


def page_stops(
    kind: str,
    classes: tuple[str, ...],
    *,
    confirm: PageOptions | None,
    rounds: RoundOptions | None,
    accept: float,
    parts: PartOptions | None,
) -> Iterator[LineQueue]:
    """Yield the stop at which people take wrong ones out of many, where a line has pages.

    Args:
        kind: Of the labels: crops are shown where they have a place, else whole items.
        classes: Of the line.
        confirm: What comes onto pages; None: nothing.
        rounds: The same where a line asks in rounds; None: it does not.
        accept: In rounds, the chance from which on something comes onto a page.
        parts: When what pages remove is asked in parts.
    """
    shapes = label_kind(kind).shapes
    queue = confirm_page_queue(classes, shown="crop" if "box" in shapes else "outline" if shapes & PLACED else "item")
    if rounds:
        on_pages = PageOptions(least_score=accept, crops=rounds.page_size)
        yield LineQueue(queue=queue, pages=on_pages, stop_below=1 - rounds.max_error_rate)
    elif confirm:
        yield LineQueue(queue=queue, pages=confirm, parts=parts)


def kinds_stop(kind: str, kinds: Mapping[str, Sequence[str]], experts: AnnotatorPool) -> LineQueue:
    """Return the stop at which other people, of another skill, name exact kinds, of outlines by their lines.

    Raises:
        BadOption: The experts are to draw, or to do what nobody weighs.
    """
    outlined = bool(label_kind(kind).shapes & OUTLINED)
    queue = name_kind_queue(kinds).model_copy(update={"outlined": outlined})
    return LineQueue(queue=queue.with_pool(experts))


def items_queue(
    kind: str,
    classes: tuple[str, ...],
    pool: AnnotatorPool,
    detector: str,
    *,
    live: bool,
    missing: bool = False,
    stills: int | None = None,
) -> Queue:
    """Return the queue in which people are asked of whole items.

    Args:
        kind: Of the labels.
        classes: Of the line.
        pool: Who answers.
        detector: Who proposes.
        live: Whether questions open with what was learnt up to the answer before, where the proposer learns.
        missing: Whether people may write down a class that is missing.
        stills: How many neighbours of a sequence are asked at a time; None: as suits labels and people.

    Raises:
        BadOption: Its questions cannot be asked so.
    """
    queue = ABOUT_ITEMS[label_kind(kind).asked_as](classes).with_pool(pool)
    queue = queue.model_copy(update={"missing_classes": missing})
    asked = kind_named(queue.kind)
    learns = asked.takes_suggestions and (not asked.needs_vectors or asked_of(detector) is not None)
    queue = queue.model_copy(update={"live": live and learns})
    if stills is None:
        stills = STILLS if label_kind(kind).has_identity and pool.gold is None else 1
    return on_strips(queue, stills)


def of_keys(detector: str, accept: float) -> bool:
    """Say whether a round asks key frames, which come before any page.

    Args:
        detector: As the line asks for it.
        accept: The chance from which on something comes onto a page.
    """
    return accept == NEVER and propagate_asked(detector) is not None


def check_kinds_of_classes(kinds: Mapping[str, Sequence[str]], classes: Sequence[str]) -> None:
    """Refuse kinds of a class that the line does not have, and such that people could not choose between.

    Raises:
        ValueError: There are some.
    """
    unknown = sorted(set(kinds) - set(classes))
    if unknown:
        named, known = ", ".join(map(repr, unknown)), ", ".join(classes)
        raise ValueError(f"kinds are given for {named}, which are not among the classes ({known}): add them there")
    check_kinds(kinds)


def check_stills(kind: str, classes: tuple[str, ...], pool: AnnotatorPool, stills: int | None) -> None:
    """Refuse strips where questions are asked one by one.

    Raises:
        ValueError: They are.
    """
    queue = ABOUT_ITEMS[label_kind(kind).asked_as](classes)
    try:
        on_strips(queue.model_copy(update={"gold": pool.gold}), stills or 1)
    except BadOption as error:
        raise ValueError(str(error)) from error


def check_outlined(kind: str, pool: AnnotatorPool, outlines_by: str) -> None:
    """Refuse a network that outlines what nobody clicks.

    Raises:
        ValueError: Nobody does.
    """
    takes_clicks = kind_named(label_kind(kind).asked_as).takes_clicks and pool.drawing == "extreme_points"
    if outlines_by and not takes_clicks:
        raise ValueError(
            f"`outlines_by` ({outlines_by}) outlines what is clicked four times, and here nobody does: label "
            "`polygons` or `masks`, with `annotator_pool: {drawing: extreme_points}`"
        )


def check_suits(
    kind: str,
    classes: tuple[str, ...],
    detector: str,
    *,
    in_rounds: bool,
    has_pages: bool,
    given: Collection[str],
) -> None:
    """Refuse what only labels with a place can have, and classes that people could not choose between.

    Args:
        kind: Of the labels.
        classes: Of the line.
        detector: Who proposes.
        in_rounds: Whether the line asks in rounds.
        has_pages: Whether it has pages of its own beside them.
        given: Of the options about single boxes, and of `missing_classes`, those that it has.

    Raises:
        ValueError: It has some that do not suit.
    """
    label = label_kind(kind)
    asked = ABOUT_ITEMS[label.asked_as](classes)
    if "missing_classes" in given and not kind_named(asked.kind).takes_missing:
        raise ValueError(
            f"in a line of {label.name} nobody can write down a class that is missing: leave `missing_classes` out, or "
            "label `classes`"
        )
    try:
        check_suggested(detector, label.name)
    except BadOption as error:
        raise ValueError(str(error)) from error
    follows = propagate_asked(detector) is not None
    if follows and not in_rounds:
        raise ValueError("`propagate` asks key frames first, and the others in later rounds: set `rounds`, such as {}")
    if follows and label.shapes != {"box"}:
        raise ValueError(f"`{detector}` follows boxes, and not {label.name}: name another detector, or leave it away")
    _check_tracked(detector, label)
    if in_rounds and (has_pages or not (asked_of(detector) or follows)):
        raise ValueError(
            "`rounds` learn from the collection's own labels and have pages of their own: expected `suggest` or "
            f"`propagate` as the detector (not `{detector}`), and no `confirm` beside them"
        )
    if SEVERAL in label.shapes and (in_rounds or has_pages):
        raise ValueError(
            f"a line of {label.name} has no pages: a click on one says that an item is not of the page's class, and "
            f"nothing of its other classes. Leave {'`rounds`' if in_rounds else '`confirm`'} out, or label `classes`"
        )
    most = kind_named(asked.kind).most_classes
    if len(classes) > most:
        raise ValueError(
            f"{len(classes):,} classes are too many for a line of {label.name}, in which each has a button: at most "
            f"{most}. Begin with coarser ones, and let `kinds` tell finer ones apart"
        )
    of_boxes = [name for name in given if name != "missing_classes"]
    if of_boxes and not label.shapes & PLACED:
        raise ValueError(
            f"a line of {label.name} has no use for {' and '.join(of_boxes)}: that is about single boxes, and "
            "its labels have no place in their picture. Leave it empty."
        )


def _check_tracked(detector: str, label: LabelKind) -> None:
    """Refuse a tracker that there is not, and one for labels that are nobody's."""
    tracked = track_asked(detector)
    if tracked is None:
        return
    if not label.has_identity:
        raise ValueError(f"`{detector}` says whose boxes are, and {label.name} are nobody's: label `tracks`")
    try:
        check_tracker(tracked.tracker)
    except BadOption as error:
        raise ValueError(str(error)) from error
