"""Every reason that triage gives, in words, and how to count them.

The catalogue keeps reasons as sentences with their numbers in, because people read them. Reports count them by kind.
Both live here, a sentence beside the pattern that knows it again, so that the two cannot part. Sentences of earlier
versions are known as well: they stay in the catalogue.
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from blocks.database.audit_tables import Said


class Why(StrEnum):
    """The kinds of reason, in the words of the reports."""

    CONFIDENT = "score above the accept threshold"
    DOUBTFUL = "score between the thresholds"
    CERTIFIED = "score above the certified threshold"
    NO_THRESHOLD = "class without a certified threshold"
    CONFIRMED = "a person says it is right"
    REFUTED = "a person says nothing is there"
    DISPUTED = "a person did not call it right"
    WEAK = "score under the drop threshold"
    NO_SCORE = "score is no number"
    SIZE = "unusual size"
    SHAPE = "unusual shape"
    NO_AREA = "box without area"
    RANDOM_AUDIT = "random audit"
    CONTROL = "control group"
    HELD_OUT = "held-out sequence"
    BOXES_IN_DOUBT = "boxes in doubt"
    ODD_IMAGE = "unusual image"
    ODD_SURFACE = "unusual surface"
    ODD_PLACE = "unusual place"
    JUMPS = "jumps from frame to frame"
    SWAPPED = "may have swapped identity"
    AGAINST_FLOW = "does not follow the flow"
    ODD_COLOUR = "unusual colour"  # of earlier batches: nobody looks at colours any more
    ODD_COUNT = "unusual number"
    NO_EMBEDDING = "image cannot be compared"
    NO_SURFACE = "surface cannot be compared"
    NOTHING_FOUND = "nothing found"
    NOT_SCANNED = "not scanned"
    NO_MODEL = "no model yet"
    UNKNOWN_CLASS = "class unknown to the detector"
    ALL_SURE = "all boxes accepted"
    REMOVED = "removed by a person"
    BAD_PAGE = "earlier page was bad"
    OTHER = "other"


_PATTERNS: tuple[tuple[Why, re.Pattern[str]], ...] = (
    (Why.CONFIDENT, re.compile(r"score \S+ is at least")),
    (Why.DOUBTFUL, re.compile(r"score \S+ between")),
    (Why.CERTIFIED, re.compile(r"score \S+ is (over the certified threshold|in the certified band)")),
    (Why.NO_THRESHOLD, re.compile(r"no certified (threshold|band)")),
    (Why.CONFIRMED, re.compile(r"(random sample|drawn by lot): a person says it is right")),
    (Why.REFUTED, re.compile(r"(random sample|drawn by lot): a person says nothing is there")),
    (Why.DISPUTED, re.compile(r"(random sample|drawn by lot): ")),
    (Why.WEAK, re.compile(r"score \S+ is under")),
    (Why.NO_SCORE, re.compile(r"score is no number")),
    (Why.SIZE, re.compile(r"\S+ times the usual area")),
    (Why.SHAPE, re.compile(r"\S+ times the usual width to height")),
    (Why.NO_AREA, re.compile(r"box without area")),
    (Why.RANDOM_AUDIT, re.compile(r"random audit")),
    (Why.CONTROL, re.compile(r"control group")),
    (Why.HELD_OUT, re.compile(r"held out")),
    (Why.BOXES_IN_DOUBT, re.compile(r"\d+ of \d+ box(es)? in doubt")),
    (Why.ODD_IMAGE, re.compile(r"\S+ times as far from its nearest images")),
    (Why.ODD_SURFACE, re.compile(r"oddest patch \S+ times as far")),
    (Why.ODD_PLACE, re.compile(r"far (above|below|left|right) (of )?where")),
    (Why.JUMPS, re.compile(r"jumps by \S+ of its sides")),
    (Why.SWAPPED, re.compile(r"may have swapped places with another")),
    (Why.AGAINST_FLOW, re.compile(r"does not move as the picture does")),
    (Why.ODD_COLOUR, re.compile(r"much .* than an? .* usually is")),
    (Why.ODD_COUNT, re.compile(r"\d+ of .* where \S+ is usual")),
    (Why.NO_EMBEDDING, re.compile(r"cannot be compared with the other images")),
    (Why.NO_SURFACE, re.compile(r"cannot be compared with good surfaces")),
    (Why.NOTHING_FOUND, re.compile(r"nothing found")),
    (Why.NOT_SCANNED, re.compile(r"not scanned")),
    (Why.NO_MODEL, re.compile(r"there is no model yet")),
    (Why.UNKNOWN_CLASS, re.compile(r"the detector does not know ")),
    (Why.ALL_SURE, re.compile(r"all \d+ box(es)? accepted")),
    (Why.REMOVED, re.compile(r"a person removed")),
    (Why.BAD_PAGE, re.compile("an earlier page held too many wrong ones")),
)

ODD_PICTURES = {
    Why.ODD_IMAGE: "%times as far from its nearest images%",
    Why.ODD_SURFACE: "%oddest patch %times as far%",
    Why.ODD_COUNT: "%of % where % is usual%",
}
"""The reasons that say a whole picture is an outlier, as patterns of SQL's LIKE: by them the catalogue finds them."""


TELLING = frozenset(
    (Why.NO_SCORE, Why.SIZE, Why.SHAPE, Why.NO_AREA, Why.ODD_IMAGE, Why.ODD_SURFACE, Why.ODD_PLACE, Why.ODD_COLOUR,
     Why.ODD_COUNT, Why.NO_EMBEDDING, Why.NO_SURFACE, Why.UNKNOWN_CLASS, Why.REMOVED, Why.JUMPS, Why.SWAPPED,
     Why.AGAINST_FLOW)
)  # fmt: skip
"""What tells people where to look. Scores and lots are nothing that they should be swayed by."""


def telling(reasons: Iterable[str]) -> list[str]:
    """Return those of some sentences that people are shown with their question."""
    return [reason for reason in reasons if why_of(reason) in TELLING]


_FACTOR = re.compile(r"([\d.]+) times (.*)")
_PLAIN = {
    "the usual area of ": ("much smaller than {} usually is", "much larger than {} usually is"),
    "the usual width to height of ": (
        "much narrower for its height than {} usually is",
        "much wider for its height than {} usually is",
    ),
    "as far from its nearest images as usual": ("unlike the other pictures", "unlike the other pictures"),
}


def in_plain_words(reason: str) -> str:
    """Return a sentence as people read it beside a question: without the number that led to it."""
    found = _FACTOR.fullmatch(reason)
    if found is not None:
        for measure, (less, more) in _PLAIN.items():
            if found[2].startswith(measure):
                return (less if float(found[1]) < 1 else more).format(found[2].removeprefix(measure))
    if why_of(reason) is Why.JUMPS:
        return f"jumps from where {reason.partition(': ')[2]} was before and is after"
    if why_of(reason) is Why.ODD_SURFACE:
        return "a spot unlike all good surfaces"
    if why_of(reason) in (Why.NO_EMBEDDING, Why.NO_SURFACE):
        return reason.partition(":")[0]
    return reason


def why_of(reason: str) -> Why:
    """Say of which kind a sentence is; `OTHER` for one that was not made here."""
    return next((why for why, pattern in _PATTERNS if pattern.match(reason)), Why.OTHER)


def confident(score: float, accept: float) -> str:
    """Say why a box is accepted."""
    return f"score {score:.2f} is at least {accept:.2f}"


def doubtful(score: float, drop: float, accept: float) -> str:
    """Say why a box of middling score is asked about."""
    return f"score {score:.2f} between {drop:.2f} and {accept:.2f}"


def certified(score: float, accept: float, max_error_rate: float) -> str:
    """Say why a box of a certified class is accepted."""
    return f"score {score:.2f} is over the certified threshold, {accept:.2f}: at most {max_error_rate:.1%} are wrong"


def no_threshold(class_name: str, score: float) -> str:
    """Say that too little is known of a class to accept any of its boxes unseen."""
    return f"no certified threshold for {class_name}: score {score:.2f} proves nothing yet"


def judged(said: str) -> str:
    """Say what a person said of a randomly sampled box; `said` is one of `Said`."""
    words = {
        Said.RIGHT.value: "a person says it is right",
        Said.WRONG.value: "a person says that its class or place is wrong",
        Said.NOTHING.value: "a person says nothing is there",
        Said.CANNOT_TELL.value: "a person could not tell",
    }
    return f"random sample: {words.get(said, 'nobody answered')}"


def weak(score: float, drop: float) -> str:
    """Say why a box is dropped."""
    return f"score {score:.2f} is under {drop:.2f}"


def removed_from_page() -> str:
    """Say that a person took an accepted box off a page of crops, and so its item is looked at."""
    return "a person removed an accepted box from a page"


def page_before_was_bad() -> str:
    """Say that a page of sure items held too many wrong ones, so that the items of the later ones are asked singly."""
    return "an earlier page held too many wrong ones"


def confirmed_on_page() -> str:
    """Say that a person left a box in doubt on a page of crops, and so it is accepted."""
    return "a person says it is right: left on a page"


def no_score() -> str:
    """Say that a detector gave no usable score."""
    return "score is no number"


def unusual_size(factor: float, class_name: str) -> str:
    """Say how many times larger (or smaller, below 1) a box is than its class usually is."""
    return f"{_short(factor)} times the usual area of {a_or_an(class_name)}"


def unusual_shape(factor: float, class_name: str) -> str:
    """Say how many times wider (or narrower, below 1) for its height a box is than its class usually is."""
    return f"{_short(factor)} times the usual width to height of {a_or_an(class_name)}"


def no_area() -> str:
    """Say that a box has no width, no height, or a corner that is no number."""
    return "box without area"


def random_audit() -> str:
    """Say why an item of the random sample is labelled blind."""
    return "random audit: labelled without seeing proposals"


def control_group() -> str:
    """Say why an item of the control group is labelled blind."""
    return "control group: labelled without seeing proposals, to show what time they save"


def held_out(sequence: str) -> str:
    """Say why an item of the test split is labelled blind."""
    return f"held out: sequence {sequence} is in the test split, whose truth must not come from a detector"


def boxes_in_doubt(doubted: int, surviving: int) -> str:
    """Say how many boxes of an item are asked about."""
    return f"{doubted} of {_boxes(surviving)} in doubt"


def odd_image(factor: float) -> str:
    """Say how many times farther from its nearest neighbours an image is than usual."""
    return f"{_short(factor)} times as far from its nearest images as usual"


def odd_surface(factor: float) -> str:
    """Say how many times farther from good surfaces than usual a picture's oddest patch is."""
    return f"oddest patch {_short(factor)} times as far from all known good ones as usual"


def odd_place(direction: str, class_name: str) -> str:
    """Say to which side of its class's usual places a box is: above, below, left of or right of."""
    return f"far {direction} where {a_or_an(class_name)} usually is"


def odd_count(count: int, usual: float, class_name: str) -> str:
    """Say that an item has unusually many or few boxes of a class."""
    return f"{count} of class {class_name} where {usual:.0f} is usual"


def no_embedding() -> str:
    """Say that an image's embedding has another length than the others', or a number that is none."""
    return "cannot be compared with the other images: its embedding is of another length or not finite"


def no_surface(why: str) -> str:
    """Say that the patches of a picture cannot be compared with those of good surfaces."""
    return f"cannot be compared with good surfaces: {why}"


def nothing_found(drop: float) -> str:
    """Say that no proposal of an item survived."""
    return f"nothing found with a score of {drop:.2f} or more"


def no_model() -> str:
    """Say that there is no model yet that could look at items."""
    return "there is no model yet"


def not_scanned() -> str:
    """Say that this detector has not looked at an item."""
    return "not scanned by this detector"


def unknown_classes(names: Sequence[str]) -> str:
    """Say that the detector finds no object of some classes, so that only people can."""
    return f"the detector does not know {', '.join(names)}"


def all_sure(boxes: int) -> str:
    """Say why nobody looks at an item."""
    return f"all {_boxes(boxes)} accepted"


def a_or_an(noun: str) -> str:
    """Put the article before a noun."""
    return f"{'an' if noun[:1].lower() in 'aeiou' and noun else 'a'} {noun}"


def _boxes(count: int) -> str:
    return f"{count} box" if count == 1 else f"{count} boxes"


def _short(factor: float) -> str:
    # Two digits that matter: 0.21, 3.2, 140.
    return f"{factor:.2f}" if factor < 1 else f"{factor:.1f}" if factor < 100 else f"{factor:.0f}"
