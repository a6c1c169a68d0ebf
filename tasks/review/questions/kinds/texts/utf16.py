"""Between code points, in which all of Labelline counts, and UTF-16, in which browsers do: no other file knows both.

An emoji is one code point and two units of UTF-16, so places behind it differ. Label Studio counted UTF-16 once, as the
browser does; by now (1.23.2, tried in one) it counts code points. What an earlier one wrote is still read.
"""

import numpy as np

from blocks.errors import BadRegion
from tasks.kinds.geometry import Ints

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
