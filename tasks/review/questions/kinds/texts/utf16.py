"""Between code points, in which all of Labelline counts, and UTF-16, in which browsers do: no other file knows both.

An emoji is one code point and two units of UTF-16, so places behind it differ. Label Studio counted UTF-16 once, as the
browser does; by now (1.23.2, tried in one) it counts code points. What an earlier one wrote is still read.
"""

import numpy as np

from blocks.errors import BadRegion
from tasks.kinds.geometry import Ints
from tasks.kinds.spans.extents import Extent

ASTRAL = 0x10000
"""From here on a code point takes two units."""


class Utf16:
    """The places of one text."""

    def __init__(self, text: str) -> None:
        points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        widths = np.where(points >= ASTRAL, 2, 1)
        self._units: Ints = np.concatenate(([0], np.cumsum(widths, dtype=np.int64)))

    @property
    def length(self) -> int:
        """Of the text, in units."""
        return int(self._units[-1])

    def to_unit(self, point: int) -> int:
        """Return the unit at which a code point begins; the number of code points is the end of the text."""
        return int(self._units[point])

    def to_point(self, unit: int) -> int:
        """Return the code point that begins at a unit; the last unit's successor is the end of the text.

        Raises:
            BadRegion: It is beyond the text, or in the middle of a code point.
        """
        if not 0 <= unit <= self.length:
            raise BadRegion(f"character {unit} is beyond a text of {self.length} characters, as browsers count them")
        point = int(np.searchsorted(self._units, unit))
        if self._units[point] != unit:
            raise BadRegion(f"character {unit} is the second half of one, as browsers count them")
        return point


def place_said(start: int, end: int, said: str | None, text: str) -> Extent:
    """Return where a region is: it brings its own text along, which tells how whoever wrote it has counted.

    Args:
        start: Of the region, in code points or in UTF-16.
        end: The first one behind it.
        said: What the region says that stands there; None: nothing, and code points are meant.
        text: Of the question.

    Raises:
        BadRegion: It is beyond the text, or what it says stands nowhere there.
    """
    if not 0 <= start < end <= len(text) + sum(sign >= "\U00010000" for sign in text):
        raise BadRegion(f"characters {start} to {end} are beyond a text of {len(text)} characters")
    if end <= len(text) and _is_said(said, text[start:end]):
        return start, end
    places = Utf16(text)
    first, behind = places.to_point(start), places.to_point(end)
    if said is None or not _is_said(said, text[first:behind]):
        here = text[start:end]
        raise BadRegion(f"the region says that it is {(said or '')[:40]!r}, and at its place stands {here[:40]!r}")
    return first, behind


def _is_said(said: str | None, here: str) -> bool:
    """Whether a region's own text is what stands at its place, but for blanks, which browsers show in other ways."""
    return said is None or "".join(said.split()) == "".join(here.split())
