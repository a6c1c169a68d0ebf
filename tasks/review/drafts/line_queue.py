"""A queue in its place in the line, with what decides which of a batch's questions go to it."""

from collections.abc import Callable, Iterator

from pydantic import Field
from sqlalchemy import Engine

from blocks.errors import BadOption
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.review.drafts.crop_pages import accept_confirmed, draft_confirm_pages, send_back_removed
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.items_and_kinds import draft_kinds, draft_missed
from tasks.review.drafts.page_waves import draft_wave
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.choose import CHOOSE
from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL
from tasks.review.questions.kinds.classify import CLASSIFY
from tasks.review.questions.kinds.correct import CORRECT
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS
from tasks.review.questions.kinds.page import CROP_PAGE, PageOptions
from tasks.review.questions.kinds.texts.tag import TAG
from tasks.review.questions.queue import Queue
from tasks.suggest.shown import quiet_classes_of_batch
from tasks.triage.active_learning.order import ask_order


class LineQueue(Frozen):
    """One stop of a line at which people are asked; a line has them in the order in which a batch passes them."""

    queue: Queue
    first: dict[str, float] = Field(
        default_factory=dict, description="What is asked first of whole items: weights of strategies, mixed by rank."
    )
    parts: PartOptions | None = Field(default=None, description="When a picture is asked in parts; empty: never.")
    pages: PageOptions = Field(default=PageOptions(), description="Which boxes come on pages, and how many on one.")
    stop_below: float | None = Field(
        default=None, description="Pages come in two waves, the second if each page of the first has this share right."
    )
    margin_share: float = Field(default=0.5, ge=0, description="What is shown around a single box, in its own sides.")

    @property
    def waves(self) -> int:
        """How often it asks in turn, each time what is left to be asked by then."""
        return 1 if self.stop_below is None else 2


Drafts = Iterator[list[Draft]]
"""Questions, a page of rows at a time."""


def draft_questions(
    engine: Engine, batch_id: str, asked: LineQueue, round_: int = 0, store: Store | None = None
) -> Drafts:
    """Draft what a batch has to ask at one stop of the line.

    Args:
        engine: The catalogue.
        batch_id: The batch.
        asked: The stop.
        round_: Of which round the questions are.
        store: Where texts are; None: there are none among the items.

    Raises:
        BadOption: No batch has questions of that kind by itself; who wants them drafts them.
    """
    draft = _DRAFTERS.get(asked.queue.kind)
    if draft is None:
        raise BadOption(
            f"a line asks no questions of kind {asked.queue.kind!r} (known: {', '.join(_DRAFTERS)}): take queue "
            f"{asked.queue.name!r} out of the line, or give the kind its line in tasks/review/drafts/line_queue.py"
        )
    return draft(engine, batch_id, asked, round_, store)


def _whole_items(engine: Engine, batch_id: str, asked: LineQueue, round_: int, store: Store | None) -> Drafts:
    send_back_removed(engine, batch_id)  # items of which a crop was removed from a page are asked as well
    accept_confirmed(engine, batch_id)  # and those not at all whose boxes in doubt were all left on pages
    order = ask_order(engine, batch_id, asked.first) if asked.first else None
    quiet = quiet_classes_of_batch(engine, batch_id)
    return draft_missed(engine, asked.queue, batch_id, round_, order, asked.parts, store, quiet)


def _pages_of_crops(engine: Engine, batch_id: str, asked: LineQueue, round_: int, store: Store | None) -> Drafts:
    if asked.stop_below is not None:
        return draft_wave(engine, asked.queue, batch_id, asked.pages, asked.stop_below, round_, store)
    return draft_confirm_pages(engine, asked.queue, batch_id, asked.pages, round_, asked.parts, store)


def _exact_kinds(engine: Engine, batch_id: str, asked: LineQueue, round_: int, _store: Store | None) -> Drafts:
    return draft_kinds(engine, batch_id, asked.queue.kinds, asked.margin_share, round_, asked.queue.outlined)


_DRAFTERS: dict[str, Callable[[Engine, str, LineQueue, int, Store | None], Drafts]] = {
    CROP_PAGE.name: _pages_of_crops,
    CORRECT.name: _whole_items,
    CLASSIFY.name: _whole_items,
    CHOOSE_SEVERAL.name: _whole_items,
    TAG.name: _whole_items,
    MARK_POLYGONS.name: _whole_items,
    MARK_MASKS.name: _whole_items,
    CHOOSE.name: _exact_kinds,
}
