"""What labels of a kind cost by hand, where nothing is proposed: what reports set human time against."""

from dataclasses import dataclass

from blocks.published_times import (
    CHECK_COVERAGE,
    CONSIDER_CLASS,
    DRAW_BOX,
    DRAW_BOX_FAST,
    OUTLINE_OBJECT,
    PublishedTime,
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to make a label by hand, and what it takes."""

    doing: str
    """In words, as in "by hand, dragging boxes"."""
    time: PublishedTime


@dataclass(frozen=True, slots=True)
class ByHand:
    """What labels of a kind take people by hand, by published times."""

    ways: tuple[Way, ...]
    """The usual one first, the fastest published one last; none where nobody has published any."""
    noun: str
    """What is drawn, or chosen."""
    is_by_class: bool = False
    """Whether every class is considered for every item; else every label is drawn."""
    look: PublishedTime | None = None
    """What an item takes by itself."""

    def seconds(self, labels: int, items: int, classes: int) -> tuple[float, float]:
        """Return what it takes in the usual way, and in the fastest; 0 where nobody has published any.

        Args:
            labels: That are there in the end.
            items: Those without labels included.
            classes: That occur.
        """
        if not self.ways:
            return 0.0, 0.0
        count = items * classes if self.is_by_class else labels
        looked = items * self.look.seconds if self.look else 0.0
        usual, fastest = (count * way.time.seconds + looked for way in (self.ways[0], self.ways[-1]))
        return usual, fastest

    def each(self, way: Way, classes: int) -> str:
        """Return what one takes, in words: `25.5 s a box`, `1 s for each of 4 classes`."""
        if self.is_by_class:
            return f"{way.time.seconds:g} s for each of {classes:,} {self.noun}{'' if classes == 1 else 'es'}"
        return f"{way.time.seconds} s {'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"

    def told(self, of: str = "") -> str:
        """Return what the times are and who has published them, in a sentence.

        Args:
            of: What they are an estimate for, in words; empty: it is not said.
        """
        if not self.ways:
            return f"Nobody has published how long {self.noun} takes by hand, so nothing stands against this time."
        named = [f"{time.seconds} s to {time.what} ({time.source})" for time in (way.time for way in self.ways)]
        beside = f", and {self.look.seconds} s to {self.look.what} ({self.look.source})" if self.look else ""
        scope = f", for {of}" if of else ""
        return f"By hand is an estimate from published times{scope}: {' or '.join(named)}{beside}."


BOXES_BY_HAND = ByHand(
    (Way("dragging boxes", DRAW_BOX), Way("extreme clicking", DRAW_BOX_FAST)), noun="box", look=CHECK_COVERAGE
)
OUTLINES_BY_HAND = ByHand(
    (Way("corner by corner", OUTLINE_OBJECT), Way("four clicks that a machine makes an outline of", DRAW_BOX_FAST)),
    noun="outline",
    look=CHECK_COVERAGE,
)
CLASSES_BY_HAND = ByHand((Way("choosing a class", CONSIDER_CLASS),), noun="class", is_by_class=True)
SPANS_BY_HAND = ByHand((), noun="marking a span")


def manual_seconds(
    boxes: int, images: int, draw: PublishedTime = DRAW_BOX, look: PublishedTime = CHECK_COVERAGE
) -> float:
    """Estimate how long people would take to label by hand: draw every box, and look over every image once.

    Args:
        boxes: Boxes that are there in the end.
        images: Images, those without boxes included.
        draw: The time to draw one box.
        look: The time that an image costs by itself.

    Source:
        The published times name theirs.
    """
    return boxes * draw.seconds + images * look.seconds
