"""How a simulated person answers each kind of question: a line here for each kind that a queue may ask."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from blocks.errors import UnknownQuestionKind
from infra.annotators.boxes import Work, answer_boxes, objects_of_part
from infra.annotators.checks import answer_check, answer_outline_check, check_result
from infra.annotators.classes.class_answers import chosen_in, class_result
from infra.annotators.classes.several import answer_classes
from infra.annotators.desk import OpenQuestion, boxes_result
from infra.annotators.kinds import answer_class, answer_kind, kind_result, kind_seconds
from infra.annotators.outlines.drawing import answer_outlines
from infra.annotators.pages import class_in, page_result, wrong_crops
from infra.annotators.people import Person
from infra.annotators.texts.spans import answer_spans
from infra.annotators.times import Stopwatch
from infra.annotators.truth import TruePicture
from tasks.review.questions.kinds.boxes.strip import onto_place
from tasks.review.questions.kinds.choose import CHOOSE
from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL
from tasks.review.questions.kinds.classify import CLASSIFY
from tasks.review.questions.kinds.correct import CORRECT
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS
from tasks.review.questions.kinds.outlines.verify_outline import VERIFY_OUTLINE
from tasks.review.questions.kinds.page import CROP_PAGE
from tasks.review.questions.kinds.texts.tag import TAG
from tasks.review.questions.kinds.verify import VERIFY

Pictures = Mapping[str, TruePicture]

GivenAnswer = tuple[list[dict[str, Any]], dict[str, int]]
"""The result of an annotation, and how many boxes were kept, changed, added and deleted."""


def answer_as(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    """Answer one question as a person would; the seconds are charged to `watch`.

    Args:
        person: Who answers.
        question: What they see.
        pictures: The truth, by item id; all that the question shows is in it.
        watch: Of this person at this question.

    Raises:
        UnknownQuestionKind: Nobody has been taught to answer such questions.
    """
    answer = ANSWERS.get(question.desk.kind)
    if answer is None:
        raise UnknownQuestionKind(
            f"simulated people cannot answer questions of kind {question.desk.kind!r} (queue {question.desk.queue!r}; "
            f"they can {', '.join(ANSWERS)}): give the kind its line in infra/annotators/answers.py."
        )
    return answer(person, question, pictures, watch)


def _correct(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    if question.stills:
        return _correct_strip(person, question, pictures, watch)
    picture, rng = pictures[question.item_id], person.chance(question.key)
    crop, truth = question.crop, picture.boxes
    size_wh = (round(crop[2] - crop[0]), round(crop[3] - crop[1])) if crop else picture.size_wh
    shown = question.prefilled(size_wh)
    if crop:
        truth = objects_of_part(truth, crop, question.frame or crop, shown)
    work = Work(size_wh, question.desk.classes, rng, watch)
    answer_boxes(work, shown, truth, person.mistakes)
    return boxes_result(question, work.said, size_wh, rng, watch.drawing), work.acts


def _correct_strip(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    """Answer still after still as each alone: nobody has published that a look costs less beside other pictures."""
    result: list[dict[str, Any]] = []
    acts: Counter[str] = Counter()
    for place, still in enumerate(question.stills):
        said, done = _correct(person, still, pictures, watch)
        result += onto_place(said, place)
        acts.update(done)
    return result, dict(acts)


def _choose(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    picture, rng = pictures[question.item_id], person.chance(question.key)
    slip = person.mistakes(rng, 1)[0]
    crop = question.crop or (0.0, 0.0, float(picture.size_wh[0]), float(picture.size_wh[1]))
    kind_seconds(watch, question.choices)
    return kind_result(answer_kind(question.choices, crop, picture, slip, rng)), {}


def _take_wrong_out(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    class_name, rng = class_in(question.headline), person.chance(question.key)
    removed = wrong_crops(question.page, class_name, pictures, person.mistakes, rng, watch, person.habits.invented)
    return page_result(removed), {"kept": len(question.page) - len(removed), "deleted": len(removed)}


def _verify(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    picture, rng = pictures[question.item_id], person.chance(question.key)
    slip = person.mistakes(rng, 1)[0]
    watch.verify()
    return check_result(question, answer_check(*question.checked_box(), picture, slip, rng)), {}


def _verify_outline(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    picture, rng = pictures[question.item_id], person.chance(question.key)
    slip = person.mistakes(rng, 1)[0]
    watch.verify()
    return check_result(question, answer_outline_check(question, picture, slip, rng)), {}


def _classify(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    picture, rng = pictures[question.item_id], person.chance(question.key)
    slip = person.mistakes(rng, 1)[0]
    if question.text is not None:
        watch.read(question.text)
    before = chosen_in(question)
    choice = answer_class(before, question.desk.classes, picture, slip, rng, watch)
    act = "added" if before is None else "kept" if before == choice else "changed"
    return class_result(question, choice), {act: 1}


def _tick(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    picture, rng = pictures[question.item_id], person.chance(question.key)
    return answer_classes(question, picture, person.mistakes, rng, watch)


def _tag(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    known, rng = pictures[question.item_id], person.chance(question.key)
    return answer_spans(question, known.spans, person.mistakes, rng, watch)


def _outline(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    picture, rng = pictures[question.item_id], person.chance(question.key)
    return answer_outlines(MARK_POLYGONS, question, picture, person.mistakes, rng, watch)


def _paint(person: Person, question: OpenQuestion, pictures: Pictures, watch: Stopwatch) -> GivenAnswer:
    picture, rng = pictures[question.item_id], person.chance(question.key)
    return answer_outlines(MARK_MASKS, question, picture, person.mistakes, rng, watch)


ANSWERS: dict[str, Callable[[Person, OpenQuestion, Pictures, Stopwatch], GivenAnswer]] = {
    CORRECT.name: _correct,
    CHOOSE.name: _choose,
    CROP_PAGE.name: _take_wrong_out,
    VERIFY.name: _verify,
    VERIFY_OUTLINE.name: _verify_outline,
    CLASSIFY.name: _classify,
    CHOOSE_SEVERAL.name: _tick,
    TAG.name: _tag,
    MARK_POLYGONS.name: _outline,
    MARK_MASKS.name: _paint,
}
