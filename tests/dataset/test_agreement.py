"""A certificate says how people agreed on the answers behind its snapshot, and nothing where nobody overlapped."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import writing
from blocks.database.tables import BatchItem
from blocks.storage.stores import Store
from tasks.audit.certificate.certificate import Certificate, to_markdown
from tasks.dataset.agreement import agreement_behind
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.snapshots import take_snapshot
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.decide.until import close_rest
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.people import people_of
from tasks.settle.labels import settle
from tests.review.builders import QUEUE, Speaker, item_id, make_batch, post_slots, region, slots_of, write_missed
from tests.triage.rows import add_split

HERE, THERE = (100.0, 100.0, 220.0, 180.0), (800.0, 600.0, 900.0, 680.0)
ADA, BEN = "ada@example.org", "ben@example.org"
TWO = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))


def begin(engine: Engine, items: int, queue: Queue = TWO, batch_id: str = "b1", first: int = 0) -> None:
    make_batch(engine, items=items, batch_id=batch_id, first=first)
    write_missed(engine, batch_id, queue=queue)
    post_slots(engine, queue)
    add_split(engine, "s", "train")


def end(engine: Engine, store: Store, batch_id: str = "b1", queue: Queue = TWO) -> Certificate:
    weigh_answers(engine, queue, batch_id, is_last=True)
    close_rest(engine, "mark-missed", batch_id, 0, "pass_on")
    settle(engine, batch_id, "d1", "r1")
    return issue_certificate(engine, store, take_snapshot(engine, store, "lot").id)


def both_say(engine: Engine, speaker: Speaker, number: int, *said: tuple[str, str, tuple[float, ...]]) -> None:
    """Let people say a class and a place of an item; everybody has a slot of their own."""
    slots = slots_of(engine, item_id(number), TWO)
    for slot, (person, name, edges) in enumerate(said, 1):
        speaker.say(person, slots[f"~{slot}"], [region(f"{person[0]}{number}", name, edges)])  # type: ignore[arg-type]


def test_where_one_person_answered_each_question_it_is_not_measured(engine: Engine, store: Store) -> None:
    begin(engine, 1, QUEUE)
    Speaker(engine).say(ADA, slots_of(engine, item_id(0), QUEUE)[""], [region()])
    certificate = end(engine, store, queue=QUEUE)
    assert certificate.agreement is None
    assert "| agreement | not measured |" in to_markdown(certificate)


def test_no_items_and_no_batches_have_none(engine: Engine) -> None:
    assert agreement_behind(engine, [], []) is None


def test_it_is_the_coefficient_of_the_report_about_people(engine: Engine, store: Store) -> None:
    begin(engine, 3)
    speaker = Speaker(engine)
    both_say(engine, speaker, 0, (ADA, "car", HERE), (BEN, "car", HERE))
    both_say(engine, speaker, 1, (ADA, "car", HERE), (BEN, "car", THERE))
    both_say(engine, speaker, 2, (ADA, "truck", HERE), (BEN, "truck", HERE))
    certificate = end(engine, store)
    (told,) = people_of(engine, "b1").queues
    assert certificate.agreement is not None and told.alpha is not None
    assert certificate.agreement.value == pytest.approx(told.alpha, abs=1e-4)
    assert (certificate.agreement.questions, certificate.agreement.people) == (3, 2)
    assert "Krippendorff's alpha of boxes" in to_markdown(certificate)


def test_where_all_is_of_one_class_the_share_is_told(engine: Engine, store: Store) -> None:
    begin(engine, 1)
    both_say(engine, Speaker(engine), 0, (ADA, "car", HERE), (BEN, "car", HERE))
    found = end(engine, store).agreement
    assert found is not None
    assert (found.measure, found.value, found.questions) == ("share of boxes alike", 1.0, 1)


def test_all_batches_behind_the_snapshot_count_together(engine: Engine, store: Store) -> None:
    speaker = Speaker(engine)
    for number in range(2):
        begin(engine, 1, batch_id=f"b{number}", first=number)
        name = ("car", "truck")[number]
        both_say(engine, speaker, number, (ADA, name, HERE), (BEN, name, HERE))
        certificate = end(engine, store, f"b{number}")
    assert certificate.agreement is not None
    assert (certificate.agreement.questions, certificate.agreement.value) == (2, 1.0)


def test_answers_about_items_that_are_not_in_the_snapshot_do_not_count(engine: Engine, store: Store) -> None:
    begin(engine, 2)
    speaker = Speaker(engine)
    both_say(engine, speaker, 0, (ADA, "car", HERE), (BEN, "car", HERE))
    both_say(engine, speaker, 1, (ADA, "car", HERE), (BEN, "car", THERE))
    with writing(engine) as session:
        session.get_one(BatchItem, ("b1", item_id(1))).set_aside = "damaged"
    found = end(engine, store).agreement
    assert found is not None and (found.questions, found.value) == (1, 1.0)
