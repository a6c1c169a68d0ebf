"""Simulated people at texts: who never errs leaves the truth, whatever is shown; who errs does so as often as said."""

from pathlib import Path

import numpy as np
import pytest

from infra.annotators.answers import answer_as
from infra.annotators.desk import Desk, OpenQuestion, _classes_of, _kind_of
from infra.annotators.people import People
from infra.annotators.times import Stopwatch
from infra.annotators.truth import TruePicture, read_world
from tasks.dataset.formats.texts.conll import as_conll
from tasks.dataset.formats.texts.labelled import LabelledText
from tasks.intake.texts.text_items import clean_text, keep_text
from tasks.kinds.spans.scoring import ClassedSpan
from tasks.review.questions.kinds.texts.tag import TAG, TagPayload
from tasks.review.questions.kinds.texts.text_regions import ShownSpan, to_text_regions
from tasks.review.questions.queue import mark_spans_queue
from tasks.review.questions.task import label_config
from tests.kinds.spans.letters import CLASSES, write_letter

QUEUE = mark_spans_queue(CLASSES)


def said_by(skill: float, seed: int, shown: list[ShownSpan]) -> tuple[set[ClassedSpan], dict[str, int], float]:
    text, truth = write_letter(seed)
    desk = Desk(1, QUEUE.name, CLASSES, TAG.name)
    regions = tuple(to_text_regions(shown, text))
    question = OpenQuestion(1, "q", desk, f"i{seed}", None, (), regions, text=text)
    watch = Stopwatch(np.random.default_rng(seed))
    person = People(skill=skill, seed=seed).named(QUEUE.name)[0]
    pictures = {f"i{seed}": TruePicture("a", (0, 0), (), spans=tuple(truth))}
    result, acts = answer_as(person, question, pictures, watch)
    parsed = TAG.parse(TagPayload(text=text, spans=shown), result, QUEUE)
    assert not parsed.parts
    return {ClassedSpan(one["start"], one["end"], one["class_name"]) for one in parsed.said}, acts, watch.seconds


def shown_span(id_: str, start: int, end: int, class_name: str) -> ShownSpan:
    return ShownSpan(id=id_, class_name=class_name, score=0.5, start=start, end=end)


@pytest.mark.parametrize("seed", range(10))
def test_who_never_errs_leaves_the_truth_whatever_is_shown(seed: int) -> None:
    text, truth = write_letter(seed)
    right = [shown_span(f"p{n}", *span) for n, span in enumerate(truth)]
    wrong = [one.model_copy(update={"end": one.end + 1, "class_name": CLASSES[0]}) for one in right]
    nothing_there = [shown_span("x", len(text) - 2, len(text) - 1, "PER")]
    for shown in ([], right, wrong, [*right, *nothing_there]):
        said, acts, seconds = said_by(1.0, seed, shown)
        assert said == set(truth)
        assert seconds > 0  # also where nothing is marked: the text was read
        if shown == right:
            assert acts == {"kept": len(truth), "changed": 0, "added": 0, "deleted": 0}
    assert acts["deleted"] == 1


def test_who_errs_does_so_and_says_nothing_that_cannot_be() -> None:
    found = [said_by(0.5, seed, [])[0] for seed in range(300)]
    truth = [set(write_letter(seed)[1]) for seed in range(300)]
    right = sum(len(one & other) for one, other in zip(found, truth, strict=True)) / sum(map(len, truth))
    assert 0.47 < right < 0.63  # half of what is wrong, and one in ten of the rest, which is marked beside a false one
    assert any(one - other for one, other in zip(found, truth, strict=True))


def test_the_desk_knows_its_kind_and_classes() -> None:
    config = label_config(QUEUE)
    assert (_kind_of(config), _classes_of(config)) == (TAG.name, CLASSES)


def test_people_know_texts_by_what_they_say(tmp_path: Path, store) -> None:  # type: ignore[no-untyped-def]
    text, spans = write_letter(1)
    (tmp_path / "train.conll").write_text(as_conll(LabelledText("a", "train", text, spans)))
    world = read_world(tmp_path)
    item = keep_text(store, clean_text(text).text, "a.txt", "s")
    assert world.pictures[item.id].spans == tuple(spans)
    assert set(world.classes) == {span.class_name for span in spans}
