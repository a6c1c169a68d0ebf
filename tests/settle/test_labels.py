"""From verdicts and answers to labels: the person wins, nothing is overwritten, doing it twice changes nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.tables import AnswerState, Batch, BatchItem, Label, QuestionState
from blocks.errors import BadOption
from tasks.intake.batches import set_aside
from tasks.settle.artifacts import labels_summary
from tasks.settle.in_force import labels_in_force
from tasks.settle.report import LISTED, ItemAside
from tests.settle.world import (
    all_labels,
    ask,
    delete_answers,
    give_route,
    give_verdicts,
    name_kind,
    region,
    say,
    settle_batch,
)
from tests.triage.rows import BATCH, add_batch, add_scan, add_to_batch, car


@pytest.fixture
def item(engine: Engine) -> str:
    """One item that people are asked about."""
    (item_id,) = add_batch(engine, 1)
    give_route(engine, item_id, "ask")
    return item_id


@pytest.fixture
def pair(engine: Engine, item: str) -> tuple[str, str]:
    """Its proposals: one that triage accepted, at x 100, and one that it asks about, at x 300."""
    sure, doubtful = add_scan(engine, item, [car(0.9, x=100), car(0.4, x=300)])
    give_verdicts(engine, {sure: "accept", doubtful: "ask"})
    return sure, doubtful


def in_force(engine: Engine, item_id: str) -> dict[str, Label]:
    return {label.region: label for label in labels_in_force(engine, [item_id])[item_id]}


def settled_at(engine: Engine, item_id: str, batch_id: str = BATCH) -> object:
    with reading(engine) as session:
        place = session.get(BatchItem, (batch_id, item_id))
        assert place is not None
        return place.settled_at


def test_a_batch_that_is_not_there_is_refused(engine: Engine) -> None:
    with pytest.raises(BadOption, match="batch 'batch-1' is not in the catalogue"):
        settle_batch(engine)


def test_an_empty_batch_settles_to_nothing(engine: Engine) -> None:
    add_batch(engine, 0)
    report = settle_batch(engine)
    assert (report.labels, report.share_accepted) == (0, 0.0)


def test_what_was_set_aside_on_the_way_is_reported_with_its_reason(engine: Engine, item: str) -> None:
    assert settle_batch(engine).left_out == ()
    set_aside(engine, BATCH, item, "the image ends early")
    report = settle_batch(engine)
    assert (report.items_left_out, report.left_out) == (1, (ItemAside(item_id=item, reason="the image ends early"),))
    with reading(engine) as session:
        assert session.get_one(Batch, BATCH).settled_at is not None  # nothing is left that a later run could do


def test_the_list_of_what_was_set_aside_is_bounded(engine: Engine) -> None:
    for item_id in add_batch(engine, LISTED + 1):
        set_aside(engine, BATCH, item_id, "broken")
    report = settle_batch(engine)
    assert (report.items_left_out, len(report.left_out)) == (LISTED + 1, LISTED)


def test_items_that_were_not_triaged_are_left_alone(engine: Engine) -> None:
    (item_id,) = add_batch(engine, 1)
    settle_batch(engine)
    assert settled_at(engine, item_id) is None


def test_accepted_boxes_of_a_sure_item_become_the_machines_labels(engine: Engine) -> None:
    (item_id,) = add_batch(engine, 1)
    sure, weak = add_scan(engine, item_id, [car(0.9), car(0.05, x=300)])
    give_route(engine, item_id, "sure")
    give_verdicts(engine, {sure: "accept", weak: "drop"})
    report = settle_batch(engine)
    (label,) = all_labels(engine)
    assert (label.region, label.revision, label.origin, label.proposal_id, label.answer_id) == (
        sure,
        0,
        "machine",
        sure,
        None,
    )
    assert (label.x_min, label.y_min, label.x_max, label.y_max) == (100, 100, 140, 120)
    assert (report.labels, report.accepted_without_people, report.passed_over) == (1, 1, 0)
    assert report.share_accepted == 1.0
    assert settled_at(engine, item_id) is not None
    with reading(engine) as session:
        batch = session.get(Batch, BATCH)
        assert batch is not None
        assert batch.settled_at is not None


def test_untouched_boxes_stay_the_machines_if_accepted_and_become_the_persons_if_asked_about(
    engine: Engine, item: str, pair: tuple[str, str]
) -> None:
    sure, doubtful = pair
    answer = say(
        engine,
        ask(engine, item, prefill=pair),
        [region(sure, untouched=True), region(doubtful, x=300, untouched=True)],
    )
    report = settle_batch(engine)
    labels = in_force(engine, item)
    assert (labels[sure].origin, labels[sure].answer_id) == ("machine", None)
    assert (labels[doubtful].origin, labels[doubtful].answer_id, labels[doubtful].proposal_id) == (
        "person",
        answer,
        doubtful,
    )
    assert (report.confirmed, report.accepted_without_people, report.passed_over) == (1, 0, 1)
    assert report.share_accepted == 0.0


def test_a_moved_or_renamed_box_is_the_persons_and_keeps_its_proposal(
    engine: Engine, item: str, pair: tuple[str, str]
) -> None:
    sure, doubtful = pair
    say(engine, ask(engine, item, prefill=pair), [region(sure, x=105), region(doubtful, x=300, name="van")])
    report = settle_batch(engine)
    labels = in_force(engine, item)
    assert (labels[sure].origin, labels[sure].proposal_id, labels[sure].x_min) == ("person", sure, 105)
    assert (labels[doubtful].class_name, labels[doubtful].proposal_id) == ("van", doubtful)
    assert (report.changed, report.accepted_without_people) == (2, 0)


def test_a_box_that_the_person_deleted_is_no_label(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    say(engine, ask(engine, item, prefill=pair), [])
    report = settle_batch(engine)
    assert all_labels(engine) == []
    assert (report.deleted, report.items_settled) == (2, 1)


def test_a_drawn_box_is_the_persons_under_its_own_id(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    say(engine, ask(engine, item, prefill=pair), [region("Xy12abcd", x=500)])
    report = settle_batch(engine)
    (label,) = all_labels(engine)
    assert (label.region, label.origin, label.proposal_id) == ("Xy12abcd", "person", None)
    assert (report.drawn, report.deleted) == (1, 2)


def test_who_was_not_shown_the_proposals_took_none_away(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    say(engine, ask(engine, item, prefill=pair), [region("Xy12abcd", x=500)], saw_proposals=False)
    report = settle_batch(engine)
    assert [label.region for label in all_labels(engine)] == ["Xy12abcd"]
    assert (report.drawn_unprompted, report.drawn, report.deleted) == (1, 0, 0)
    assert "drawn by hand, since their question was opened before its proposals were there" in labels_summary(report)


def test_a_blind_audit_has_no_proposals_behind_it_and_never_counts_as_accepted(
    engine: Engine, item: str, pair: tuple[str, str]
) -> None:
    give_route(engine, item, "audit")
    say(engine, ask(engine, item), [region("a"), region(pair[0], x=300, untouched=True)])
    report = settle_batch(engine)
    assert {label.proposal_id for label in all_labels(engine)} == {None}
    assert {label.origin for label in all_labels(engine)} == {"person"}
    assert (report.drawn_blind, report.accepted_without_people, report.share_accepted) == (2, 0, 0.0)


def test_an_open_question_leaves_the_item_waiting(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    ask(engine, item, prefill=pair)
    report = settle_batch(engine)
    assert (report.items_waiting, report.items_settled, all_labels(engine)) == (1, 0, [])
    with reading(engine) as session:
        batch = session.get(Batch, BATCH)
        assert batch is not None
        assert batch.settled_at is None


@pytest.mark.parametrize("how", ["closed", "skipped"])
def test_without_an_answer_accepted_boxes_settle_and_the_others_are_undecided(
    engine: Engine, item: str, pair: tuple[str, str], how: str
) -> None:
    if how == "closed":
        ask(engine, item, prefill=pair, state=QuestionState.CLOSED)
    else:
        say(engine, ask(engine, item, prefill=pair), [], state=AnswerState.SKIPPED)
    report = settle_batch(engine)
    (label,) = all_labels(engine)
    assert (label.region, label.origin) == (pair[0], "machine")
    assert (report.undecided, report.items_settled, report.accepted_without_people) == (1, 1, 1)


def test_without_an_answer_and_without_accepted_boxes_nothing_is_claimed(engine: Engine, item: str) -> None:
    (doubtful,) = add_scan(engine, item, [car(0.4)])
    give_verdicts(engine, {doubtful: "ask"})
    ask(engine, item, prefill=[doubtful], state=QuestionState.CLOSED)
    report = settle_batch(engine)
    assert (report.items_unsettled, report.undecided, settled_at(engine, item)) == (1, 1, None)


def test_an_audit_that_nobody_answered_never_settles_from_the_machine(
    engine: Engine, item: str, pair: tuple[str, str]
) -> None:
    give_route(engine, item, "audit")
    ask(engine, item, state=QuestionState.CLOSED)
    report = settle_batch(engine)
    assert (report.items_unsettled, report.labels, all_labels(engine)) == (1, 0, [])


def test_an_answer_that_nothing_is_there_settles_an_item_without_labels(engine: Engine, item: str) -> None:
    add_scan(engine, item)
    say(engine, ask(engine, item), [])
    assert settle_batch(engine).items_settled == 1
    assert settled_at(engine, item) is not None


def test_settling_twice_changes_nothing(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    say(engine, ask(engine, item, prefill=pair), [region(pair[0], x=105), region("new", x=500)])
    first = settle_batch(engine)
    rows, at = all_labels(engine), settled_at(engine, item)
    again = settle_batch(engine)
    assert (first.revisions_written, again.revisions_written) == (2, 0)
    assert again == first.model_copy(update={"revisions_written": 0})
    assert (all_labels(engine), settled_at(engine, item)) == (rows, at)


def test_an_edited_answer_appends_revisions_of_what_changed_only(
    engine: Engine, item: str, pair: tuple[str, str]
) -> None:
    sure, doubtful = pair
    question = ask(engine, item, prefill=pair)
    say(engine, question, [region(sure, untouched=True), region(doubtful, x=300, untouched=True)], annotation_id=7)
    settle_batch(engine)
    edit = say(engine, question, [region(sure, untouched=True), region("new", x=500)], annotation_id=7)
    report = settle_batch(engine)
    assert report.revisions_written == 2
    revisions = {(row.region, row.revision): row for row in all_labels(engine)}
    assert set(revisions) == {(sure, 0), (doubtful, 0), (doubtful, 1), ("new", 0)}
    gone = revisions[doubtful, 1]
    assert (gone.retracted, gone.answer_id, gone.x_min) == (True, edit, 300)
    assert set(in_force(engine, item)) == {sure, "new"}


def test_a_retracted_box_comes_back_as_a_further_revision(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    question = ask(engine, item, prefill=pair)
    for raw in ([region("r")], [], [region("r")]):
        say(engine, question, raw, annotation_id=7)
        settle_batch(engine)
    history = [(row.revision, row.retracted) for row in all_labels(engine)]
    assert history == [(0, False), (1, True), (2, False)]


def test_a_deleted_answer_takes_its_labels_back_and_reopens_the_item(
    engine: Engine, item: str, pair: tuple[str, str]
) -> None:
    question = ask(engine, item, prefill=pair)
    say(engine, question, [region("r")])
    settle_batch(engine)
    delete_answers(engine, question)
    report = settle_batch(engine)
    assert (in_force(engine, item), report.items_waiting, settled_at(engine, item)) == ({}, 1, None)


def test_the_last_round_that_was_answered_counts(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    second = ask(engine, item, round_=1)
    say(engine, second, [region("second")])
    say(engine, ask(engine, item, round_=0), [region("first")])
    ask(engine, item, round_=2)
    settle_batch(engine)
    assert set(in_force(engine, item)) == {"second"}


def test_a_kind_is_kept_with_the_answer_that_named_it(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    sure, _ = pair
    say(engine, ask(engine, item, prefill=pair), [region(sure, untouched=True), region("new", x=500)])
    settle_batch(engine)
    first, second = name_kind(engine, item, sure, "estate"), name_kind(engine, item, "new", None, "cannot_tell")
    report = settle_batch(engine)
    labels = in_force(engine, item)
    assert (labels[sure].kind, labels[sure].kind_answer_id, labels[sure].origin) == ("estate", first, "machine")
    assert labels["new"].kind is None
    # That nobody could tell changes no box: no revision for it.
    assert (labels["new"].revision, labels["new"].kind_answer_id) == (0, None)
    assert second
    assert report.by_kind == {"estate": 1}


def test_a_box_that_a_second_person_calls_no_object_is_taken_out(
    engine: Engine, item: str, pair: tuple[str, str]
) -> None:
    say(engine, ask(engine, item, prefill=pair), [region("new", x=500), region(pair[0], untouched=True)])
    settle_batch(engine)
    answer = name_kind(engine, item, "new", None, "not_an_object")
    report = settle_batch(engine)
    assert set(in_force(engine, item)) == {pair[0]}
    (gone,) = [row for row in all_labels(engine) if row.retracted]
    assert (gone.region, gone.kind_answer_id, report.refused) == ("new", answer, 1)


def test_a_sure_box_whose_kind_was_named_has_been_seen(engine: Engine) -> None:
    (item_id,) = add_batch(engine, 1)
    seen, unseen = add_scan(engine, item_id, [car(0.9), car(0.9, x=300)])
    give_route(engine, item_id, "sure")
    give_verdicts(engine, {seen: "accept", unseen: "accept"})
    name_kind(engine, item_id, seen, "estate")
    report = settle_batch(engine)
    assert (report.accepted_without_people, report.passed_over) == (1, 1)


def test_an_answer_that_cannot_be_read_sets_its_item_aside_and_stops_nobody_else(engine: Engine) -> None:
    ids = add_batch(engine, 2)
    for item_id in ids:
        give_route(engine, item_id, "ask")
    say(engine, ask(engine, ids[0]), [{"id": "x", "class_name": "car"}])
    say(engine, ask(engine, ids[1]), [region("fine")])
    report = settle_batch(engine)
    assert [aside.item_id for aside in report.set_aside] == [ids[0]]
    assert "x_min" in report.set_aside[0].reason
    assert (report.items_settled, settled_at(engine, ids[0])) == (1, None)


def test_items_set_aside_are_not_settled(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    with writing(engine) as session:
        place = session.get(BatchItem, (BATCH, item))
        assert place is not None
        place.set_aside = "truncated"
        session.add(place)
    assert settle_batch(engine).items_settled == 0


def test_a_later_batch_of_the_collection_has_the_last_word(engine: Engine, item: str, pair: tuple[str, str]) -> None:
    say(engine, ask(engine, item, prefill=pair), [region("old")])
    settle_batch(engine)
    add_to_batch(engine, [item], "batch-2", "lot")
    with writing(engine) as session:
        later = session.get(Batch, "batch-2")
        assert later is not None
        later.created_at += timedelta(days=1)
        session.add(later)
    give_route(engine, item, "ask", "batch-2")
    question = ask(engine, item, batch_id="batch-2")
    settle_batch(engine, "batch-2")
    assert set(in_force(engine, item)) == {"old"}, "a batch that still waits takes nothing away"
    say(engine, question, [region("new")])
    settle_batch(engine, "batch-2")
    assert set(in_force(engine, item)) == {"new"}
    assert settle_batch(engine).revisions_written == 0
    assert set(in_force(engine, item)) == {"new"}


def test_collections_that_share_an_image_do_not_touch_each_others_labels(engine: Engine) -> None:
    (item_id,) = add_batch(engine, 1)
    (proposal,) = add_scan(engine, item_id, [car(0.9)])
    add_to_batch(engine, [item_id], "batch-2", "another")
    for batch_id in (BATCH, "batch-2"):
        give_route(engine, item_id, "sure", batch_id)
        give_verdicts(engine, {proposal: "accept"}, batch_id)
        assert settle_batch(engine, batch_id).labels == 1
        assert settle_batch(engine, batch_id).revisions_written == 0
    assert set(in_force(engine, item_id)) == {proposal, f"{proposal}@batch-2"}
    assert [label.batch_id for label in labels_in_force(engine, [item_id], "another")[item_id]] == ["batch-2"]
    assert settle_batch(engine, BATCH).revisions_written == 0


def test_labels_in_force_name_every_item_that_was_asked_about(engine: Engine) -> None:
    assert labels_in_force(engine, []) == {}
    assert labels_in_force(engine, ["nobody"]) == {"nobody": []}


def test_many_items_settle_in_shards_with_one_label_per_accepted_box(engine: Engine) -> None:
    ids = add_batch(engine, 300)
    for item_id in ids:
        give_route(engine, item_id, "sure")
        give_verdicts(engine, dict.fromkeys(add_scan(engine, item_id, [car(), car(x=300)]), "accept"))
    report = settle_batch(engine)
    assert (report.labels, report.items_settled, len(all_labels(engine))) == (600, 300, 600)
    with reading(engine) as session:
        assert len(session.exec(select(BatchItem).where(BatchItem.settled_at.is_not(None))).all()) == 300  # type: ignore[union-attr]
