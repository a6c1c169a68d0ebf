"""The queue in which people say which classes hold of a whole item."""

from collections.abc import Sequence
from html import escape

from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL
from tasks.review.questions.kinds.classes.missing import refuse_ways_out
from tasks.review.questions.queue import Queue

CHOOSE_CLASSES = "choose-classes"


def choose_classes_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people tick all classes that hold of a whole item.

    Args:
        classes: Class names, in the order of their hotkeys.
        annotators: E-mails of who should answer; empty means everybody.

    Raises:
        ValueError: A class is called as the way out of the question is.
    """
    refuse_ways_out(classes)
    names = ", ".join(classes)
    return Queue(
        name=CHOOSE_CLASSES,
        kind=CHOOSE_SEVERAL.name,
        title="Tick every class that fits",
        instructions=(
            f"<p><b>Tick every class that fits ({escape(names)}), and no other.</b> Each has a key; the key again "
            "takes the tick away. Then submit.</p>"
            "<p>What is ticked already is the machine's guess: correct it, or submit at once.</p>"
            "<p>None of them fits? Submit without a tick.</p>"
            "<p>Nobody could tell? &ldquo;Cannot tell&rdquo; (key 0), and nothing else.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )
