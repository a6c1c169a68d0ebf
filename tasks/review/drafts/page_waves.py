"""Pages of a round in two waves: the others follow only where none of the first is bad, and else are asked singly.

What is on the pages that are not asked goes to people one by one, as what was taken off a page does, but with the class
that is suggested.
"""

from collections.abc import Iterator
from itertools import chain

from sqlalchemy import Engine

from blocks.database.engine import reading, writing
from blocks.database.tables import Outcome
from blocks.storage.stores import Store
from tasks.review.drafts.crop_pages import draft_confirm_pages
from tasks.review.drafts.page_words import ask_singly, words_on_pages
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.page import PageOptions
from tasks.review.questions.queue import Queue
from tasks.suggest.paging.plan import SaidOfSure, first_wave
from tasks.triage.reasons import page_before_was_bad


def draft_wave(
    engine: Engine,
    queue: Queue,
    batch_id: str,
    options: PageOptions,
    least_chance: float,
    wave: int = 0,
    store: Store | None = None,
) -> Iterator[list[Draft]]:
    """Yield the pages of a wave; of the second none where a page of the first was bad: then its items are asked singly.

    Args:
        engine: The catalogue.
        queue: Which asks.
        batch_id: Of which batch.
        options: How many items are on a page.
        least_chance: What share of the items of a page is right at least, if it is not bad.
        wave: 0 or 1.
        store: Where texts are; None: there are none among the items.
    """
    drafts = list(chain.from_iterable(draft_confirm_pages(engine, queue, batch_id, options, wave, store=store)))
    drafts.sort(key=lambda draft: -len(draft.payload["crops"]))
    first, later = drafts[: first_wave(len(drafts))], drafts[first_wave(len(drafts)) :]
    if wave == 0:
        yield first
    elif not _was_bad(engine, batch_id, least_chance):
        yield later
    else:
        proposals = [crop["proposal_id"] for draft in later for crop in draft.payload["crops"]]
        with writing(engine) as session:
            ask_singly(session, batch_id, proposals, (Outcome.ACCEPT,), page_before_was_bad())


def _was_bad(engine: Engine, batch_id: str, least_chance: float) -> bool:
    with reading(engine) as session:
        pages = words_on_pages(session, batch_id)
    removed = [(len(page), sum(one.word == "removed" for one in page)) for page in pages]
    return any(SaidOfSure(0, size, wrong, 0.0).is_bad(least_chance) for size, wrong in removed)
