"""Queues in which stills of a sequence are asked together, on strips."""

from blocks.errors import BadOption
from tasks.review.questions.kinds.boxes.strip import Strip
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue

TOLD = "<p>Pictures beside each other are stills of one film, in order: mark every one of them, then submit once.</p>"


def on_strips(queue: Queue, stills: int) -> Queue:
    """Return a queue whose questions about neighbours of a sequence are asked so many at a time; 1: as it is.

    Raises:
        BadOption: Its kind of question is asked alone, or gold is hidden in it.
    """
    if stills == 1:
        return queue
    if not isinstance(kind_named(queue.kind).together, Strip):
        raise BadOption(
            f"questions of kind {queue.kind!r} (queue {queue.name!r}) are asked one by one: leave `stills` at 1"
        )
    if queue.gold is not None:
        raise BadOption(
            f"queue {queue.name!r} asks {stills} stills at a time and hides gold: a still whose answer is known is "
            "none of the others' film, so everybody would know it at a glance. Set `stills` to 1, or leave gold out"
        )
    return queue.model_copy(update={"stills": stills, "instructions": queue.instructions + TOLD})
