"""Networks that outline what is clicked, where a line names one: what they make of a picture is made once and kept.

To embed a picture takes from two seconds to twenty on CPUs, so it begins at the first click on it, on a thread of its
own, and each outline after that takes a tenth of one. Whoever clicks does not wait for it: until it is there, and where
it cannot be, colours outline.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from functools import lru_cache
from threading import Lock

from blocks.errors import BadWeights, LabellingError
from blocks.storage.links import Box
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.prompted.named import NamedNetwork
from tasks.detect.prompted.outline import outline_of
from tasks.detect.prompted.sam import RAISED, Embedded, PromptedNetwork, open_sam
from tasks.intake.images import Pixels
from tasks.kinds.outlines.moving import moved_polygon
from tasks.suggest.outlining.extremes import Extremes
from tasks.suggest.outlining.grab import Grown

WAIT_S = 1.5
"""How long the fourth click waits for what is being made of its picture."""

EMBEDDED_AT_MOST = 12
"""Pictures: of each a few megabytes are kept."""

WAITING_AT_MOST = 3
"""Pictures that wait to be embedded: whoever hurries through pictures is not behind them all."""

OPEN_AT_MOST = 2

WHOLE_PX, CELL_PX = 1280, 512
"""A larger picture is seen in windows, lest its objects are specks: a cell of this grid, and half as much around it."""

SURELY = (*RAISED, LabellingError, OSError, MemoryError)

log = logging.getLogger(__name__)

Look = Callable[[Box], tuple[Pixels, tuple[int, int]]]
"""Returns pixels that show a box of an item, and where their first pixel is in it."""


class OutlineNetworks:
    """Outlines by networks that lines name.

    Args:
        store: Where their weights are.
    """

    def __init__(self, store: Store) -> None:
        self._room = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._seen: OrderedDict[tuple[NamedNetwork, str, Box], Future[Embedded]] = OrderedDict()
        self._lock = Lock()
        self._opened = lru_cache(maxsize=OPEN_AT_MOST)(lambda named: _open(store, named))

    def close(self) -> None:
        """End: what waits to be embedded is forgotten."""
        self._room.shutdown(wait=False, cancel_futures=True)

    def look_ahead(self, named: NamedNetwork, item_id: str, window: Box, look: Look) -> Future[Embedded] | None:
        """Begin to embed a window of a picture, once; None: others wait already."""
        key = named, item_id, window
        with self._lock:
            if key not in self._seen:
                if sum(not one.done() for one in self._seen.values()) >= WAITING_AT_MOST:
                    return None
                self._seen[key] = self._room.submit(self._embed, named, window, look)
                while len(self._seen) > EMBEDDED_AT_MOST:
                    self._seen.popitem(last=False)[1].cancel()
            self._seen.move_to_end(key)
            return self._seen[key]

    def grow(self, named: NamedNetwork, item_id: str, window: Box, look: Look, extremes: Extremes) -> Grown | None:
        """Return the outline of what was clicked; None: colours shall find it.

        Args:
            named: The network.
            item_id: Whose picture.
            window: What of it is seen, in pixels of the item.
            look: Shows it.
            extremes: The clicks, in pixels of the item.
        """
        waited = self.look_ahead(named, item_id, window, look)
        try:
            if waited is None:
                raise NotYet
            embedded, (left, top) = waited.result(WAIT_S), window[:2]
            seen = Extremes(*((x - left, y - top) for x, y in extremes.points))
            found = outline_of(self._opened(named).find(embedded, seen), seen)
        except (NotYet, CancelledError):
            log.info("%s is not through with a picture yet: what was clicked is outlined by colours", named)
            return None
        except SURELY as error:
            log.warning("%s does not outline (%s): colours do", named, str(error)[:200])
            return None
        return None if found is None else Grown(moved_polygon(found, left, top), str(named))

    def _embed(self, named: NamedNetwork, window: Box, look: Look) -> Embedded:
        pixels, (left, top) = look(window)
        x_min, y_min, x_max, y_max = window
        return self._opened(named).embed(pixels[y_min - top : y_max - top, x_min - left : x_max - left])


def window_around(size_wh: tuple[int, int], box: Box) -> Box:
    """Return what of a picture a network sees of a box: all of a small picture, and of a large object."""
    width, height = size_wh
    if max(size_wh) <= WHOLE_PX:
        return 0, 0, width, height
    half = CELL_PX // 2
    across, down = (box[0] + box[2]) // 2 // CELL_PX, (box[1] + box[3]) // 2 // CELL_PX
    window = (
        max(0, across * CELL_PX - half),
        max(0, down * CELL_PX - half),
        min(width, (across + 1) * CELL_PX + half),
        min(height, (down + 1) * CELL_PX + half),
    )
    held = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    fits = window[0] <= held[0] and window[1] <= held[1] and held[2] <= window[2] and held[3] <= window[3]
    return window if fits else (0, 0, width, height)


def _open(store: Store, named: NamedNetwork) -> PromptedNetwork:
    weights = store.local_path(named.key)
    if version_of(weights) != named.version:
        raise BadWeights(f"{named} was overwritten in the object store: name its file again")
    return open_sam(weights, named.name)
