"""What people say in the former kind of a collection that was converted makes no labels that nothing accepts."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event

from blocks.database.engine import upsert, writing
from blocks.database.tables import Label, Outcome
from blocks.errors import BadOption
from blocks.shapes import Box, shape_columns
from tasks.audit.reopen import reopen
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.outlines.trace import traced
from tasks.review.decide.until import close_rest
from tasks.settle.conversion.convert import SHARD, convert_labels
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tests.review.builders import QUEUE, Speaker, item_id, make_batch, post_slots, questions, region, write_missed
from tests.settle.conversion.test_convert import RASTERS, in_force, label

A, B, C = (f"{name}@example.org" for name in ("ada", "ben", "chi"))
CAR = ("car", 0.5, Outcome.ASK, (96.0, 64.0, 192.0, 128.0))


@pytest.fixture
def line(engine: Engine) -> Speaker:
    """Three pictures labelled with boxes: one holds a car, one holds nothing, one was skipped."""
    make_batch(engine, 3, (CAR,))
    note_label_kind(engine, "lot", "boxes")
    write_missed(engine)
    post_slots(engine, QUEUE)
    speaker = Speaker(engine)
    asked = {one.item_id: one for one in questions(engine)}
    speaker.say(A, asked[item_id(0)], [region("new")])
    speaker.say(A, asked[item_id(1)], [], annotation_id=500)
    for person in (A, B):
        speaker.skip(person, asked[item_id(2)])
    close_rest(engine, QUEUE.name, "b1", 0, "pass_on")
    settle(engine, "b1", "d1", "r1")
    return speaker


def edit_the_empty_one(engine: Engine, line: Speaker) -> None:
    asked = next(one for one in questions(engine) if one.item_id == item_id(1))
    line.say(A, asked, [region("late")], annotation_id=500, action="ANNOTATION_UPDATED")


def answer_the_skipped_one(engine: Engine, line: Speaker) -> None:
    line.say(C, next(one for one in questions(engine) if one.item_id == item_id(2)), [region("late")])


def types(engine: Engine) -> list[str]:
    found = labels_in_force(engine, [item_id(number) for number in range(3)])
    return [str((row.shape or {"type": "box"})["type"]) for rows in found.values() for row in rows]


@pytest.mark.parametrize(
    ("late", "number"),
    [(edit_the_empty_one, 1), (answer_the_skipped_one, 2)],
    ids=["edited-empty", "skipped"],
)
def test_a_late_answer_of_the_former_kind_is_set_aside_with_its_reason(
    engine: Engine, line: Speaker, late: Callable[[Engine, Speaker], None], number: int
) -> None:
    convert_labels(engine, "lot", "polygons")
    late(engine, line)
    report = settle(engine, "b1", "d1", "r1")
    assert types(engine) == ["polygon"]
    (aside,) = report.set_aside
    assert aside.item_id == item_id(number)
    assert "type box, and since then its collection was converted to those of type polygon" in aside.reason


def test_it_counts_again_once_the_collection_is_converted_back(engine: Engine, line: Speaker) -> None:
    convert_labels(engine, "lot", "polygons")
    answer_the_skipped_one(engine, line)
    settle(engine, "b1", "d1", "r1")
    convert_labels(engine, "lot", "boxes")
    assert settle(engine, "b1", "d1", "r1").set_aside == ()
    assert types(engine) == ["box", "box"]


def test_what_was_asked_in_the_former_kind_is_not_asked_again(engine: Engine, line: Speaker) -> None:
    convert_labels(engine, "lot", "polygons")
    before = len(questions(engine))
    with pytest.raises(BadOption, match="were asked about boxes, and its labels were converted to polygons"):
        reopen(engine, "lot", [], "run-1")
    assert len(questions(engine)) == before


def test_nothing_is_converted_while_something_is_asked_again(engine: Engine, line: Speaker) -> None:
    reopen(engine, "lot", [], "run-1")
    for _ in ("written", "posted"):
        with pytest.raises(BadOption, match="1 questions about 'lot' are open"):
            convert_labels(engine, "lot", "polygons")
        post_slots(engine, QUEUE)
    assert types(engine) == ["box"]


def test_labels_of_another_shape_in_a_collection_of_the_kind_are_converted(engine: Engine) -> None:
    collection = label(engine, "polygons", [traced(RASTERS[0])])
    box = {"id": "stray", "item_id": collection * 2, "region": "stray", "revision": 0, "class_name": "cell"}
    box |= {"origin": "person", "batch_id": collection, **shape_columns(Box(x_min=1, y_min=2, x_max=9, y_max=8))}
    with writing(engine) as session:
        upsert(session, Label, [box])
    report = convert_labels(engine, collection, "polygons")
    assert (report.before, report.to, report.labels) == ("polygons", "polygons", 1)
    assert {(row.shape or {}).get("type") for row in in_force(engine, collection)} == {"polygon"}
    assert convert_labels(engine, collection, "polygons").batch is None


def test_others_can_write_between_a_few_items(engine: Engine) -> None:
    make_batch(engine, 2 * SHARD + 1, (CAR,))
    note_label_kind(engine, "lot", "boxes")
    write_missed(engine)
    post_slots(engine, QUEUE)
    speaker = Speaker(engine)
    for asked in questions(engine):
        speaker.say(A, asked, [region("new")])
    settle(engine, "b1", "d1", "r1")
    written, most = 0, list[int]()

    def count(_conn: object, _cursor: object, statement: str, parameters: object, _context: object, many: bool) -> None:
        nonlocal written
        if statement.startswith("INSERT INTO label "):
            written += len(parameters) if many and isinstance(parameters, list) else statement.count("(?") or 1

    def end(_conn: object) -> None:
        nonlocal written
        most.append(written)
        written = 0

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", end)
    assert convert_labels(engine, "lot", "polygons").labels == 2 * SHARD + 1
    assert [one for one in most if one] == [SHARD, SHARD, 1]
