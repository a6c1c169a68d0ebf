"""Settling an item that was asked in parts: each part by its own answer, the rest as an item nobody answered."""

from blocks.database.tables import Outcome, Route
from tasks.review.questions.kinds.protocol import SaidLabel
from tasks.review.questions.said import WholeItemQuestion
from tasks.settle.revisions import Home, LabelRow, new_revisions
from tasks.settle.truth import ItemEvidence, Proposed, Settlement, TruthStatus, settle_item

LEFT, RIGHT = (0, 0, 100, 100), (100, 0, 200, 100)
DRAWN = SaidLabel("a", "car", (10.0, 10.0, 30.0, 30.0), untouched=False)
SURE = Proposed("s", "car", (150.0, 10.0, 170.0, 30.0), Outcome.ACCEPT.value)
DOUBTFUL = Proposed("d", "car", (120.0, 50.0, 140.0, 70.0), Outcome.ASK.value)
ELSEWHERE = Proposed("e", "car", (40.0, 50.0, 60.0, 70.0), Outcome.ACCEPT.value)


def settled(*proposals: Proposed, route: Route = Route.ASK, asked: bool = True) -> Settlement:
    return settle_item(
        ItemEvidence(
            route.value,
            {one.id: one for one in proposals},
            asked=WholeItemQuestion.ANSWERED,
            answer_id="1",
            answered=(DRAWN,),
            answer_by_label={"a": "1"},
            answer_by_part={LEFT: "1"},
            unanswered=(RIGHT,) if asked else (),
            is_partial=True,
        )
    )


def test_where_nobody_answered_what_was_accepted_there_counts_and_the_rest_is_undecided() -> None:
    found = settled(SURE, DOUBTFUL, ELSEWHERE)
    assert (found.standing, found.undecided) == (TruthStatus.SETTLED, 1)
    assert [(label.region, label.answer_id) for label in found.labels] == [("a", "1"), ("s", None)]


def test_where_nobody_answered_and_nothing_was_accepted_the_item_is_not_known() -> None:
    found = settled(DOUBTFUL, ELSEWHERE)
    assert (found.standing, found.labels, found.undecided) == (TruthStatus.UNSETTLED, (), 1)


def test_where_nobody_was_asked_since_all_is_sure_the_accepted_count() -> None:
    found = settled(SURE, ELSEWHERE, asked=False)
    assert (found.standing, [label.region for label in found.labels]) == (TruthStatus.SETTLED, ["a", "s"])
    assert settled(ELSEWHERE, asked=False).standing is TruthStatus.SETTLED  # nothing is there, as in a sure item


def test_of_an_item_that_was_sure_a_part_without_an_answer_stays_as_it_was() -> None:
    found = settled(ELSEWHERE, route=Route.SURE)
    assert (found.standing, [label.region for label in found.labels]) == (TruthStatus.SETTLED, ["a"])


def test_an_audit_of_which_a_part_is_missing_never_settles() -> None:
    assert settled(SURE, route=Route.AUDIT).standing is TruthStatus.UNSETTLED


def test_a_label_that_is_taken_back_names_the_answer_to_its_part() -> None:
    home = Home("b", frozenset({"b"}))
    evidence = ItemEvidence(Route.ASK.value, {"s": SURE, "e": ELSEWHERE})
    before = new_revisions(home, "item", settle_item(evidence), [])
    rows = [LabelRow(**row) for row in before]
    said = ItemEvidence(
        Route.ASK.value,
        {"s": SURE, "e": ELSEWHERE},
        asked=WholeItemQuestion.ANSWERED,
        answer_id="2",
        prefill=frozenset({"s", "e"}),
        answer_by_part={LEFT: "1", RIGHT: "2"},
    )
    gone = new_revisions(home, "item", settle_item(said), rows)
    assert {(row["region"], row["retracted"], row["answer_id"]) for row in gone} == {("e", True, "1"), ("s", True, "2")}
