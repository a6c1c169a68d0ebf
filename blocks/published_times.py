"""How long things take people, as others have measured and published it.

The numbers live here and nowhere else: the estimate of manual work, the order of questions and the simulated annotators
all use them, so that no side of a comparison is measured with its own yardstick.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedTime:
    """How long something takes a person, as measured and published by others."""

    seconds: float
    what: str
    source: str


_SU_2012 = "Su, Deng and Fei-Fei, Crowdsourcing annotations for visual object detection, AAAI workshop 2012"

DRAW_BOX = PublishedTime(25.5, "draw one box by dragging its corners (median)", _SU_2012)
"""The usual way, and Label Studio's: the yardstick of `human_seconds_manual`."""

CHECK_BOX = PublishedTime(9.0, "check the quality of one drawn box (median)", _SU_2012)

CHECK_COVERAGE = PublishedTime(7.8, "look over one image for objects without a box (median)", _SU_2012)
"""What an image costs by itself, however many boxes it has. With drawing and checking a box: 42 s."""

OUTLINE_OBJECT = PublishedTime(
    79.2,
    "outline one object with a polygon (mean: 22 hours for 1,000 objects)",
    "Lin et al., Microsoft COCO: common objects in context, ECCV 2014, section 4.3",
)

DRAW_BOX_FAST = PublishedTime(
    7.0,
    "draw one box by clicking its four extreme points",
    "Papadopoulos, Uijlings, Keller and Ferrari, Extreme clicking for efficient object annotation, ICCV 2017",
)
"""The fastest published way to draw one: the estimate that is least kind to us."""

VERIFY_BOX = PublishedTime(
    1.6,
    "say whether a shown box is right",
    "Papadopoulos, Uijlings, Keller and Ferrari, We don't need no bounding-boxes, CVPR 2016",
)

READ_WORD = PublishedTime(
    60 / 238,
    "read one word of a text silently (238 words a minute)",
    "Brysbaert, How many words do we read per minute? A review and meta-analysis of reading rate, J. Memory and "
    "Language 109, 2019",
)

CHARACTERS_OF_A_WORD = 6
"""With the blank behind it, in English."""

CONSIDER_CLASS = PublishedTime(
    1.0,
    "decide whether an image shows one class, for each class of several",
    "Bearman et al., What's the point: Semantic segmentation with point supervision, ECCV 2016",
)
"""What a label of a whole image costs by hand: 20 s for 20 classes."""


def reading_seconds(characters: int) -> float:
    """Return how long people take to read a text of so many characters."""
    return characters / CHARACTERS_OF_A_WORD * READ_WORD.seconds
