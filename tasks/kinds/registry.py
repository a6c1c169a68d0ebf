"""Which kinds of label there are. A new one is a folder beside `boxes` and a line here."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from blocks.errors import BadOption, BadShape
from tasks.kinds.boxes.kind import BOXES
from tasks.kinds.classes.kind import CLASSES
from tasks.kinds.masks.kind import MASKS
from tasks.kinds.multilabel.kind import MULTILABEL
from tasks.kinds.polygons.kind import POLYGONS
from tasks.kinds.protocol import LabelKind
from tasks.kinds.spans.kind import SPANS
from tasks.kinds.tracks.kind import TRACKS

KINDS: dict[str, LabelKind] = {kind.name: kind for kind in (BOXES, CLASSES, MULTILABEL, SPANS, TRACKS, POLYGONS, MASKS)}


def label_kind(name: str) -> LabelKind:
    """Return a kind by its name.

    Raises:
        BadOption: There is none of this name.
    """
    if name not in KINDS:
        raise BadOption(f"{name!r} is no kind of label (known: {', '.join(sorted(KINDS))})")
    return KINDS[name]


def kind_with_shapes(types: Iterable[str]) -> LabelKind:
    """Return the kind whose labels may have all of these shapes; that of boxes, if there are none.

    Raises:
        BadShape: No kind has them all.
    """
    found = set(types)
    for kind in KINDS.values():
        if found <= kind.shapes:
            return kind
    known = "; ".join(f"{kind.name}: {', '.join(sorted(kind.shapes))}" for kind in KINDS.values())
    raise BadShape(
        f"no kind of label has shapes of type {' and '.join(sorted(found))} (known: {known}): label each kind of shape "
        "in a collection of its own"
    )


def _known(name: str) -> str:
    try:
        return label_kind(name).name
    except BadOption as error:
        raise ValueError(str(error)) from error


LabelKindName = Annotated[str, AfterValidator(_known)]
"""A kind's name as an option: refused where there is no such kind."""
