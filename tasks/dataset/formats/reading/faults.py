"""Kinds of what can be odd in a dataset: problems are counted by them, so that a million rows are a table to read."""

from enum import StrEnum


class Oddity(StrEnum):
    """What is odd, by the word that tables and files have for it."""

    UNREADABLE_FILE = "unreadable-file"
    """A label file or folder that cannot be opened, or is broken."""
    NOT_LABELS = "not-labels"
    """A file that holds something else, such as captions."""
    OUTSIDE_NAME = "name-outside-archive"
    """A member of an archive whose name leads elsewhere."""

    UNREADABLE_PICTURE = "unreadable-picture"
    MISSING_PICTURE = "missing-picture"
    """Labels of a picture that is nowhere."""
    AMBIGUOUS_PICTURE = "ambiguous-picture"
    """A name that may mean several pictures, or one that several names mean."""
    DOUBLED_PICTURE = "doubled-picture"
    """Two of the same bytes, or two label files for one."""
    OTHER_SIZE = "other-size"
    """Labels of another version of the picture."""
    PICTURE_WITHOUT_LABELS = "picture-without-labels"
    NOT_KNOWN = "not-known"
    """A picture of which nothing usable is said, as all its labels are faulty, or its task was skipped."""

    UNKNOWN_CLASS = "unknown-class"
    UNUSABLE_CLASS = "unusable-class"
    """A name that no class can have."""
    UNASKED_CLASS = "class-not-asked-for"
    CONTRADICTING_CLASSES = "contradicting-classes"
    """Two lists of names that differ."""

    BROKEN_LABEL = "broken-label"
    """One that makes no sense: words for numbers, too few of them."""
    AMBIGUOUS_LABEL = "ambiguous-label"
    """One that may be two things."""
    BEYOND_FRAME = "box-beyond-frame"
    WITHOUT_AREA = "box-without-area"
    DOUBLED = "doubled-box"
    CROWD = "crowd"
    """Several objects in one box."""
    IGNORED_REGION = "ignored-region"
    """A part of a picture in which nothing was labelled."""
    TRACK = "track"
    """An object of a video; its places in single pictures may be read, that they are one is not."""
    UNREAD_SHAPE = "unread-shape"
    """A brush mask, a line, points: labels that no line has."""
    OUTLINE_AS_BOX = "outline-as-box"
    SEVERAL_ANSWERS = "several-answers"
    PREDICTION = "prediction-taken"
    """What a model said stands for what nobody answered."""

    OF_PEOPLE = "labelled-by-people"
    """People's word stands over what comes in."""
    BEING_ASKED = "people-are-asked"


class FaultyLabel(ValueError):
    """A label that cannot be used, for a reason of some kind; the reader that meets it notes it and goes on."""

    def __init__(self, fault: Oddity, what: str) -> None:
        super().__init__(what)
        self.fault = fault


def fault_of(error: Exception) -> Oddity:
    """Return the kind of what made a label useless; where nothing more is known of it, it is broken."""
    return error.fault if isinstance(error, FaultyLabel) else Oddity.BROKEN_LABEL
