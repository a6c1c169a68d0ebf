"""The queues in which people outline objects, or paint them."""

from collections.abc import Sequence
from html import escape

from tasks.review.questions.kinds.outlines.four_clicks import HOW_TO_OUTLINE, HOW_TO_PAINT
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS
from tasks.review.questions.kinds.outlines.polygon_regions import HOLE
from tasks.review.questions.queue import Queue

MARK_OUTLINES = "mark-outlines"
MARK_PIXELS = "mark-pixels"


def mark_outlines_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people correct the polygons of whole items.

    Args:
        classes: Class names, in the order of their hotkeys.
        annotators: E-mails of who should answer; empty means everybody.

    Raises:
        ValueError: A class is called as holes are.
    """
    if HOLE in classes:
        raise ValueError(f"no class can be called {HOLE!r}: with that label people draw what is cut out of an object")
    names = ", ".join(classes)
    return Queue(
        name=MARK_OUTLINES,
        kind=MARK_POLYGONS.name,
        title=f"Outline every object: {names}",
        instructions=(
            f"<p><b>Every object ({escape(names)}) needs one outline.</b></p>"
            "<p>1. What is outlined already is the machine's guess: drag its corners, delete it, or keep it.</p>"
            f"<p>2. Outline what is missing: {HOW_TO_OUTLINE['corners']}.</p>"
            f"<p>3. A hole in an object is outlined inside the object, with the label {escape(HOLE)} (key h).</p>"
            "<p>4. Outline only what you can see, and all of it. Submit, also when nothing is there.</p>"
            "<p>Some pictures come without any outlines on purpose: mark everything there.</p>"
            "<p>A crowded picture comes in parts: outline what has its middle in the bright part.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )


def mark_pixels_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people correct the masks of whole items.

    Args:
        classes: Class names, in the order of their hotkeys.
        annotators: E-mails of who should answer; empty means everybody.
    """
    names = ", ".join(classes)
    return Queue(
        name=MARK_PIXELS,
        kind=MARK_MASKS.name,
        title=f"Paint every object: {names}",
        instructions=(
            f"<p><b>Every object ({escape(names)}) is painted, each with a brush of its own.</b></p>"
            "<p>1. What is painted already is the machine's guess: select it, then add with the brush or take away "
            "with the eraser; delete it, or keep it.</p>"
            f"<p>2. Paint what is missing: {HOW_TO_PAINT['corners']}.</p>"
            "<p>3. Paint only what you can see, and all of it. Submit, also when nothing is there.</p>"
            "<p>Some pictures come without anything painted on purpose: mark everything there.</p>"
            "<p>A crowded picture comes in parts: paint what has its middle in the bright part.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )
