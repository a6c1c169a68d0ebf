"""The queue in which people watch followed sequences as films."""

from collections.abc import Sequence
from html import escape

from tasks.review.questions.kinds.films.watch import WATCH
from tasks.review.questions.queue import MOST_TOGETHER, Queue

WATCH_TRACKS = "watch-tracks"


def watch_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people watch films, and mend their tracks.

    Args:
        classes: Class names, in the order of their hotkeys.
        annotators: E-mails of who should answer; empty means everybody.
    """
    names = ", ".join(classes)
    return Queue(
        name=WATCH_TRACKS,
        kind=WATCH.name,
        title="Watch the film, and mend the tracks that go astray",
        instructions=(
            "<p><b>Play the film. Wherever a box leaves its object, stop and mend it.</b></p>"
            "<p>1. Drag the box where it is wrong: that becomes a key frame, and the box moves straight from the one "
            "before to it, and on to the next. Mend the middle of what is wrong first.</p>"
            "<p>2. An object is gone? Click on it, and end it there (the button that switches its life span off).</p>"
            f"<p>3. An object ({escape(names)}) is missing, or a box goes on with another one? End that box, choose "
            "the class and draw a box: it is an object of its own. It stays to the end of the film, until you end "
            "it.</p>"
            "<p>4. What is no object at all is deleted. Submit, also when nothing was wrong.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
        stills=MOST_TOGETHER,
    )
