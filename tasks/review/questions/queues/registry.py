"""By kind of question, the queue that asks about whole items; the only place that lists them."""

from collections.abc import Callable, Sequence

from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL
from tasks.review.questions.kinds.classify import CLASSIFY
from tasks.review.questions.kinds.correct import CORRECT
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS
from tasks.review.questions.kinds.texts.tag import TAG
from tasks.review.questions.queue import Queue, choose_class_queue, mark_missed_queue, mark_spans_queue
from tasks.review.questions.queues.classes import choose_classes_queue
from tasks.review.questions.queues.films import WATCH_TRACKS
from tasks.review.questions.queues.outlines import mark_outlines_queue, mark_pixels_queue

ABOUT_ITEMS: dict[str, Callable[[Sequence[str]], Queue]] = {
    CORRECT.name: mark_missed_queue,
    CLASSIFY.name: choose_class_queue,
    CHOOSE_SEVERAL.name: choose_classes_queue,
    TAG.name: mark_spans_queue,
    MARK_POLYGONS.name: mark_outlines_queue,
    MARK_MASKS.name: mark_pixels_queue,
}

ITEM_QUEUES: tuple[str, ...] = (*(build(("object",)).name for build in ABOUT_ITEMS.values()), WATCH_TRACKS)
"""Their names, and that of films, which show whole items one after the other."""
