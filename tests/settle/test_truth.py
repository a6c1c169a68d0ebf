"""What is true of one item, without a database: whose a box is that triage had accepted."""

import pytest

from blocks.database.tables import Outcome, Route
from tasks.review.drafts.page_words import WordOnBox
from tasks.settle.truth import MACHINE, PERSON, ItemEvidence, Proposed, settle_item

ACCEPTED = Proposed("p", "car", (0, 0, 10, 10), Outcome.ACCEPT.value)


def whose(proposed: Proposed, **words: WordOnBox) -> list[tuple[str, str | None]]:
    """Return whose each box is, and the answer behind it."""
    evidence = ItemEvidence(Route.SURE.value, {proposed.id: proposed}, page_words=words)
    return [(box.origin, box.answer_id) for box in settle_item(evidence).labels]


def test_what_nobody_has_looked_at_is_the_machines() -> None:
    assert whose(ACCEPTED) == [(MACHINE, None)]
    assert whose(ACCEPTED, other=WordOnBox("confirmed", "page")) == [(MACHINE, None)]


def test_what_a_page_confirmed_is_that_persons() -> None:
    assert whose(ACCEPTED, p=WordOnBox("confirmed", "page")) == [(PERSON, "page")]


def test_what_a_page_removed_is_no_box() -> None:
    assert whose(ACCEPTED, p=WordOnBox("removed", "page")) == []


@pytest.mark.parametrize("words", [{}, {"p": WordOnBox("confirmed", "page")}])
def test_a_box_judged_alone_belongs_to_whoever_judged_it(words: dict[str, WordOnBox]) -> None:
    judged = Proposed("p", "car", (0, 0, 10, 10), Outcome.ACCEPT.value, confirmed_by="alone")
    assert whose(judged, **words) == [(PERSON, "alone")]
