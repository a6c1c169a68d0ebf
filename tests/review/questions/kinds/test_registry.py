"""Every row that was ever written says what kind it is: known kinds load, old forms too, and unknown ones say so."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import select, update

from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, AnswerState, Question
from blocks.errors import BadRegion, UnknownQuestionKind
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.consensus.comparers.registry import COMPARERS
from tasks.review.questions.kinds.choose import CHOOSE, ChoosePayload
from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL
from tasks.review.questions.kinds.classify import CLASSIFY
from tasks.review.questions.kinds.page import PAGE
from tasks.review.questions.kinds.registry import KINDS, read_payload
from tasks.review.questions.kinds.texts.tag import TAG
from tasks.review.questions.queue import Queue
from tasks.review.questions.task import label_config, to_task
from tests.review.builders import Speaker, make_batch, pretend_posted, questions, write_missed

OLD: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("rows_of_one_payload.json").read_text())
"""A queue, a question's payload and an answer of each kind, as they were written when all kinds shared one payload."""

SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)


def chosen(*choices: str) -> dict[str, object]:
    return {
        "id": "k",
        "type": "choices",
        "from_name": CHOOSE.control,
        "to_name": "image",
        "value": {"choices": list(choices)},
    }


def test_every_kind_of_then_has_rows_of_old() -> None:
    later = {CLASSIFY.name, CHOOSE_SEVERAL.name, TAG.name, "polygons", "masks", "confirm-outline", "watch"}
    assert OLD.keys() == KINDS.keys() - later


@pytest.mark.parametrize("name", OLD)
def test_rows_of_one_payload_for_all_kinds_still_load(name: str) -> None:
    payload = read_payload(OLD[name]["payload"])
    assert isinstance(payload, KINDS[name].payload)
    kept = payload.model_dump(mode="json")
    assert kept.pop("part", None) is None  # nobody asked in parts then
    assert kept.pop("still", None) is None  # nor on strips
    assert not kept.pop("tracks", {})  # nor of tracks
    assert name != CHOOSE.name or not kept.pop("outlines")  # nor showed the outline of what is named
    assert not any(crop.pop("text") for crop in kept.get("crops", ()) if name == PAGE)  # nor showed texts
    assert not any(crop.pop("rings") for crop in kept.get("crops", ()) if name == PAGE)  # nor outlines
    assert kept == {field: OLD[name]["payload"][field] for field in kept}
    lost = {field: value for field, value in OLD[name]["payload"].items() if field not in kept}
    assert not any(lost.values())
    assert read_payload(kept) == payload


@pytest.mark.parametrize("name", OLD)
def test_questions_of_old_are_posted_as_they_were(name: str) -> None:
    queue = Queue.model_validate(OLD[name]["queue"])
    assert f'name="{KINDS[name].control}"' in label_config(queue)
    before = to_task(SERVER, queue, "q", "a" * 64, OLD[name]["payload"])
    now = read_payload(OLD[name]["payload"]).model_dump(mode="json")
    assert to_task(SERVER, queue, "q", "a" * 64, now) == before


@pytest.mark.parametrize("type_", ["boxs", "", None, 7, ["boxes"]])
def test_a_payload_of_a_type_that_nobody_knows_says_what_to_do(type_: object) -> None:
    with pytest.raises(
        UnknownQuestionKind,
        match=r"is no kind of question \(known: boxes, kind, page, confirm, class, classes, tag, .*newer",
    ):
        read_payload({"type": type_})


def test_a_slip_in_the_name_of_a_kind_is_guessed() -> None:
    with pytest.raises(UnknownQuestionKind, match="Did you mean 'boxes'"):
        Queue.model_validate({**OLD["boxes"]["queue"], "kind": "boxs"})


def test_what_none_of_the_kinds_had_is_refused() -> None:
    with pytest.raises(ValidationError, match="hue"):
        read_payload({"type": "boxes", "hue": None})
    with pytest.raises(ValidationError, match="crops"):
        read_payload({**OLD["boxes"]["payload"], "crops": OLD["page"]["payload"]["crops"]})


def test_an_answer_to_an_unknown_kind_is_kept_and_costs_no_other(engine: Engine) -> None:
    make_batch(engine, items=2)
    write_missed(engine)
    pretend_posted(engine)
    first, second = questions(engine)
    with writing(engine) as session:
        strange = {**first.payload, "type": "smell"}
        session.exec(update(Question).where(Question.id == first.id).values(payload=strange))
    people = Speaker(engine)
    people.say("ada@example.org", first, [])
    people.say("ada@example.org", second, [])
    with reading(engine) as session:
        states = {row.question_id: (row.state, row.reason) for row in session.exec(select(Answer))}
    assert states[second.id] == (AnswerState.COUNTED, None)
    assert states[first.id][0] == AnswerState.SET_ASIDE
    assert "'smell' is no kind of question" in (states[first.id][1] or "")


@pytest.mark.parametrize("result", [[chosen("taxi"), chosen("police")], [chosen("taxi", "police")], [chosen()], []])
def test_a_picture_with_two_answers_to_choose_or_none_is_set_aside(result: list[dict[str, object]]) -> None:
    payload = ChoosePayload.model_validate(OLD["kind"]["payload"])
    with pytest.raises(BadRegion, match="choices of control 'kind'"):
        CHOOSE.parse(payload, result, Queue.model_validate(OLD["kind"]["queue"]))


def test_every_comparer_that_a_kind_names_exists() -> None:
    assert {kind.compared_as for kind in KINDS.values() if kind.is_weighed} <= COMPARERS.keys()
