"""What blind audits say of the people who answered them, and what they cannot say."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Audit, Label, Outcome, Route
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.questions.bookmarks import learn_people
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.audited_people import AuditedPeople, PersonFinds, audited_people, audits_summary
from tasks.settle.annotators.people import people_of, people_summary
from tasks.settle.labels import settle
from tests.review.builders import (
    QUEUE,
    Edges,
    Speaker,
    item_id,
    make_batch,
    post_slots,
    questions,
    region,
    slots_of,
    write_missed,
)

HERE, THERE, FAR = (100.0, 100.0, 220.0, 180.0), (800.0, 600.0, 900.0, 680.0), (1500.0, 200.0, 1600.0, 280.0)
A, B, C, RUTH = (f"{name}@example.org" for name in ("ada", "ben", "chi", "ruth"))
THREE = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=3, most=3)))
REFEREED = QUEUE.with_pool(AnnotatorPool(annotators=(A, B), referees=(RUTH,), overlap=OverlapRule(least=2, most=2)))


def audit(engine: Engine, queue: Queue, *audited: int, items: int = 1) -> Speaker:
    """Write a batch of whose items some are audited, and post its questions."""
    boxes = [("car", 0.9, Outcome.ASK, HERE)]
    make_batch(engine, items=items, boxes=boxes, routes=dict.fromkeys(audited, Route.AUDIT))
    rows = [{"batch_id": "b1", "item_id": item_id(number), "why": "random", "seed": 0} for number in audited]
    with writing(engine) as session:
        upsert(session, Audit, rows)
    write_missed(engine, queue=queue)
    post_slots(engine, queue)
    learn_people(engine, {901: A, 902: B, 903: C, 904: RUTH})
    return Speaker(engine)


def say(engine: Engine, speaker: Speaker, person: str, slot: str, *boxes: Edges, number: int = 0) -> None:
    question = slots_of(engine, item_id(number), QUEUE)[slot]
    speaker.say(person, question, [region(f"{person[0]}{n}", edges=edges) for n, edges in enumerate(boxes)])


def measured(engine: Engine, queue: Queue) -> AuditedPeople:
    weigh_answers(engine, queue, "b1", is_last=True)
    settle(engine, "b1", "d1", "r1")
    return audited_people(engine, "b1")


def finds(audits: AuditedPeople) -> dict[str, tuple[int, int]]:
    return {one.person[:3]: (one.found, one.objects) for one in audits.people}


def test_a_batch_without_settled_audits_measures_nobody(engine: Engine) -> None:
    assert audited_people(engine, "nowhere") == AuditedPeople()
    assert "not measured" in audits_summary(AuditedPeople())


def test_where_one_person_answers_each_audit_the_report_says_that_nothing_can_be_said(engine: Engine) -> None:
    speaker = audit(engine, QUEUE, 0)
    speaker.say(A, questions(engine)[0], [region()])
    assert measured(engine, QUEUE) == AuditedPeople(items=1)
    page = people_summary(people_of(engine, "b1"))
    assert "1 settled, one person each" in page
    assert "`least` 2" in page


def test_who_overlooks_what_the_others_marked_found_less_of_what_is_there(engine: Engine) -> None:
    speaker = audit(engine, THREE, 0)
    say(engine, speaker, A, "~1", HERE, THERE)
    say(engine, speaker, B, "~2", HERE, THERE)
    say(engine, speaker, C, "~3", HERE)
    found = measured(engine, THREE)
    assert (found.items, found.shared, finds(found)) == (1, 1, {"ada": (2, 2), "ben": (2, 2), "chi": (1, 2)})
    page = people_summary(people_of(engine, "b1"))
    assert "1 of 1 settled ones were answered blind by two people or more" in page
    assert "| chi@example.org | 1 | 1 of 2 (50 %) |" in page.replace("\\", "")


def test_what_is_settled_on_a_persons_own_word_alone_says_nothing_of_them_and_counts_against_the_others(
    engine: Engine,
) -> None:
    speaker = audit(engine, THREE, 0)
    for person, slot in ((A, "~1"), (B, "~2"), (C, "~3")):
        say(engine, speaker, person, slot, *((HERE, FAR) if person == A else (HERE,)))
    measured(engine, THREE)
    settle_by_hand(engine, FAR)
    assert finds(audited_people(engine, "b1")) == {"ada": (1, 1), "ben": (1, 2), "chi": (1, 2)}


def settle_by_hand(engine: Engine, edges: Edges) -> None:
    sides = dict(zip(("x_min", "y_min", "x_max", "y_max"), edges, strict=True))
    row = {"id": "x", "item_id": item_id(0), "region": "x", "class_name": "car", **sides}
    with writing(engine) as session:
        upsert(session, Label, [{**row, "origin": "person", "batch_id": "b1"}])


def test_a_box_of_another_class_is_not_the_object(engine: Engine) -> None:
    speaker = audit(engine, THREE, 0)
    for person, slot, class_name in ((A, "~1", "car"), (B, "~2", "car"), (C, "~3", "truck")):
        question = slots_of(engine, item_id(0), QUEUE)[slot]
        speaker.say(person, question, [region(person[0], class_name=class_name, edges=HERE)])
    assert finds(measured(engine, THREE)) == {"ada": (1, 1), "ben": (1, 1), "chi": (0, 1)}


def test_a_referee_makes_truth_and_is_not_measured_since_they_saw_what_others_said(engine: Engine) -> None:
    speaker = audit(engine, REFEREED, 0)
    say(engine, speaker, A, "~1", HERE)
    say(engine, speaker, B, "~2", THERE)
    weigh_answers(engine, REFEREED, "b1")
    post_slots(engine, REFEREED)
    say(engine, speaker, RUTH, "~referee1", HERE, THERE)
    assert finds(measured(engine, REFEREED)) == {"ada": (1, 2), "ben": (1, 2)}


def test_only_audited_items_count_since_elsewhere_people_saw_proposals(engine: Engine) -> None:
    speaker = audit(engine, THREE, 1, items=2)
    for number in (0, 1):
        for person, slot in ((A, "~1"), (B, "~2"), (C, "~3")):
            say(engine, speaker, person, slot, HERE, number=number)
    found = measured(engine, THREE)
    assert (found.items, finds(found)) == (1, {"ada": (1, 1), "ben": (1, 1), "chi": (1, 1)})


def test_where_nothing_is_there_nobody_has_a_share(engine: Engine) -> None:
    speaker = audit(engine, THREE, 0)
    for person, slot in ((A, "~1"), (B, "~2"), (C, "~3")):
        say(engine, speaker, person, slot)
    found = measured(engine, THREE)
    assert [one.share for one in found.people] == [None] * 3
    assert audits_summary(found).count("not measured") == 3


@pytest.mark.parametrize(("found", "objects", "share"), [(0, 0, None), (0, 4, 0.0), (3, 4, 0.75)])
def test_a_share_is_never_made_of_nothing(found: int, objects: int, share: float | None) -> None:
    assert PersonFinds(person=A, items=1, objects=objects, found=found).share == share
