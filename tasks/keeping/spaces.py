"""What the object store holds: its key spaces, what a key says of the bytes behind it, and what their loss means.

The one list of them. A new kind of object is a line here; what is in no space is found by the check, and told. Prefixes
are written out: the modules that own them bring torch along, which takes seconds; a test compares them.
"""

import re
from dataclasses import dataclass

FROM_BACKUP = "copy it from a backup that is restored to another folder (`LABELLINE_HOME=NEW labelline restore`)"


@dataclass(frozen=True, slots=True)
class KeySpace:
    """All keys that begin alike.

    Attributes:
        prefix: How they begin.
        hashed: Finds the first hex digits of the bytes' SHA-256 in a key, as its one group; None: keys do not tell.
        is_counted: Whether the catalogue names each: what it does not name is an orphan.
        loss: What it means when one is lost or damaged.
        way_out: What to do then, where there is no second copy.
        orphan: What it means that the catalogue does not name one.
    """

    prefix: str
    hashed: re.Pattern[str] | None
    is_counted: bool
    loss: str
    way_out: str
    orphan: str = "it takes room, and nothing is lost: its collection was deleted, or an intake was broken off"

    def digest_in(self, key: str) -> str:
        """Return the first hex digits of what the bytes' SHA-256 must be; empty where the key does not tell."""
        told = self.hashed.fullmatch(key) if self.hashed else None
        return told[1] if told else ""


def _named_by(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("HEX64", "([0-9a-f]{64})").replace("HEX12", "([0-9a-f]{12})"))


def _derived(prefix: str, loss: str) -> KeySpace:
    """Return the space of what is worked out from other things, under keys that do not tell a hash."""
    return KeySpace(prefix, None, False, loss, _ANEW)


_ANEW = "delete what is left of it: it is made anew when it is needed"
_MODEL_LOSS = "this model cannot be used or trained on"

SPACES = (
    KeySpace(
        "items/",
        _named_by(r"items/[0-9a-f]{2}/HEX64\.\w+"),
        True,
        "this picture or text cannot be shown, proposed for, trained on or exported; its labels are safe",
        f"{FROM_BACKUP}, or delete what is left of it and take the same files in again",
    ),
    KeySpace(
        "snapshots/",
        _named_by(r"snapshots/HEX64\.json"),
        True,
        "this dataset version cannot be trained on or exported",
        f"{FROM_BACKUP}, or delete what is left of it and take the snapshot again: unchanged labels give the same one",
        "nothing is lost: training between two rounds keeps what it learned from so, and takes no snapshot",
    ),
    KeySpace(
        "certificates/",
        _named_by(r"certificates/.+-HEX12\.json"),
        False,  # those that were issued before stay
        "the certificate of a dataset version cannot be shown",
        FROM_BACKUP,
    ),
    # Of a detector in several files (Darknet's, Caffe's) the version is the hash of them all.
    KeySpace(
        "weights/",
        _named_by(r"weights/HEX12\.(?!(?:weights|cfg|caffemodel|prototxt|names)$)\w+"),
        False,
        _MODEL_LOSS,
        f"{FROM_BACKUP}, or delete what is left of it: it comes back from its MLflow run",
    ),
    KeySpace("suggest/", _named_by(r"suggest/HEX12\.npz"), False, _MODEL_LOSS, FROM_BACKUP),
    KeySpace(
        "named/", _named_by(r"named/.+/HEX12(?:\.\w+)*"), False, _MODEL_LOSS, "delete it and name the model again"
    ),
    KeySpace(
        "outlining/",
        _named_by(r"outlining/\w[\w.]*/HEX12\.pt"),
        False,
        "what people click is outlined by colours, and a line that names this network does not begin",
        "name the network's file again (`outlines_by: NAME@FILE`): it is written anew",
    ),
    KeySpace("embedders/", _named_by(r"embedders/HEX12\.npz"), False, "texts have no vectors", _ANEW),
    KeySpace("propagate/", _named_by(r"propagate/HEX12\.json"), False, "what was followed is lost", FROM_BACKUP),
    KeySpace("listings/", re.compile(r"listings/([0-9a-f]{32})\.json"), False, "an intake begins again", _ANEW),
    KeySpace("imports/", None, False, "what was read of imported labels cannot be shown", "import the labels again"),
    KeySpace("looks/", None, False, "a review of label errors cannot go on", FROM_BACKUP),
    _derived("films/", "a film cannot be shown"),
    _derived("calibrations/", "scores are taken as the model gives them"),
    _derived("evaluations/", "a model is evaluated again"),
    _derived("plans/", "a batch is planned again"),
    _derived("cuts/", "cuts of a film are looked for again"),
    _derived("heat/", "a picture of where a surface is odd is not shown"),
)

UNKNOWN = KeySpace(
    "", None, True, "no part of the line reads it", "look at what it is; another program or version has put it there"
)
"""What lies in the store and is none of ours."""


def space_of(key: str) -> KeySpace:
    """Return in which space a key is; `UNKNOWN` where it is in none."""
    return next((space for space in SPACES if key.startswith(space.prefix)), UNKNOWN)


def digest_in(key: str) -> str:
    """Return the first hex digits of what the SHA-256 of an object must be; empty where its key does not tell."""
    return space_of(key).digest_in(key)
