"""Whatever people say and however often: revisions only grow, and what is in force is what was said last."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tasks.review.questions.kinds.protocol import SaidLabel
from tasks.review.questions.said import WholeItemQuestion
from tasks.settle.revisions import Home, LabelRow, new_revisions, newest_per_region
from tasks.settle.truth import ItemEvidence, Settlement, TrueLabel, TruthStatus, settle_item

HOME = Home("batch", frozenset({"batch"}))

boxes = st.dictionaries(
    st.sampled_from(["p1", "p2", "new"]), st.tuples(st.sampled_from(["car", "van"]), st.integers(0, 3)), max_size=3
)


def settled(said: dict[str, tuple[str, int]]) -> Settlement:
    return Settlement(
        TruthStatus.SETTLED,
        tuple(TrueLabel(region, name, (x, 0, x + 10, 10), "person") for region, (name, x) in said.items()),
    )


def write(rows: list[LabelRow], settlement: Settlement, home: Home = HOME) -> list[LabelRow]:
    added = new_revisions(home, "item", settlement, newest_per_region(rows))
    return rows + [LabelRow(**row) for row in added]


def in_force(rows: Sequence[LabelRow]) -> dict[str, tuple[str, float]]:
    return {row.region: (row.class_name, row.x_min) for row in newest_per_region(rows) if not row.retracted}


@given(st.lists(boxes, max_size=6))
def test_what_was_said_last_is_in_force_and_revisions_count_up_without_gaps(
    history: list[dict[str, tuple[str, int]]],
) -> None:
    rows: list[LabelRow] = []
    for said in history:
        before = len(rows)
        rows = write(rows, settled(said))
        assert in_force(rows) == said
        assert write(rows, settled(said)) == rows
        assert len(rows) - before <= 3
    for region in {row.region for row in rows}:
        revisions = [row.revision for row in rows if row.region == region]
        assert revisions == list(range(len(revisions)))
    assert len({row.id for row in rows}) == len(rows)


@given(boxes)
def test_an_item_that_is_not_settled_loses_only_what_this_batch_said(said: dict[str, tuple[str, int]]) -> None:
    rows = write([], settled(said))
    other = Home("later", frozenset({"batch", "later"}))
    assert write(rows, Settlement(TruthStatus.WAITING), other) == rows
    assert in_force(write(rows, Settlement(TruthStatus.WAITING))) == {}


def test_rounding_noise_is_no_change() -> None:
    rows = write([], settled({"p1": ("car", 1)}))
    noisy = Settlement(TruthStatus.SETTLED, (TrueLabel("p1", "car", (1.004, 0, 11, 9.996), "person"),))
    assert write(rows, noisy) == rows


@given(st.lists(st.sampled_from(["p1", "p2", "new"]), unique=True), st.sampled_from(["ask", "audit"]))
def test_an_answer_settles_to_exactly_the_boxes_it_holds(ids: list[str], route: str) -> None:
    answered = tuple(SaidLabel(i, "car", (0, 0, 9, 9), untouched=False) for i in ids)
    settlement = settle_item(ItemEvidence(route, asked=WholeItemQuestion.ANSWERED, answer_id="a", answered=answered))
    assert [box.region for box in settlement.labels] == ids
    assert {box.answer_id for box in settlement.labels} <= {"a"}
