"""Networks that outline what is clicked, where a line names one: what they make of a picture is made once and kept.

To embed a picture takes from two seconds to twenty on CPUs, so it begins at the first click on it, on a thread of its
own, and each outline after that takes a tenth of one. Whoever clicks does not wait for it: until it is there, and where
it cannot be, colours outline.
"""

import logging
import time
from collections import OrderedDict
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from blocks.errors import BadWeights, LabellingError
from blocks.storage.links import Box
from blocks.storage.stores import Store
from infra.gateway.ml.windows import ClickedPicture, Look, Points, clipped, longer_side, shows, surroundings, window_for
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.prompted.named import NamedNetwork
from tasks.detect.prompted.outline import outline_of
from tasks.detect.prompted.sam import RAISED, Embedded, PromptedNetwork, open_sam
from tasks.kinds.outlines.moving import moved_polygon
from tasks.suggest.outlining.extremes import Extremes
from tasks.suggest.outlining.grab import Grown

WAIT_S = 1.5
"""How long the fourth click waits for what is being made of its picture."""

EMBEDDED_AT_MOST = 12
"""Windows of pictures, each all of a small one: of each a few megabytes are kept."""

WAITING_AT_MOST = 3
"""Windows that wait to be embedded: whoever hurries through pictures is not behind them all."""

AGAIN_S = 60.0
"""After so long what has failed is tried again: the store was away, or memory was short."""

OPEN_AT_MOST = 2

SURELY = (*RAISED, LabellingError, OSError, MemoryError)

log = logging.getLogger(__name__)

Key = tuple[NamedNetwork, str, Box]
"""A network, an item, and a window of it."""


@dataclass(slots=True)
class _Sight:
    """What is made of a window."""

    embedded: Future[Embedded]
    ended: float = 0.0

    def end(self, _embedded: Future[Embedded]) -> None:
        self.ended = time.monotonic()

    @property
    def has_failed(self) -> bool:
        one = self.embedded
        return one.done() and (one.cancelled() or one.exception() is not None)


class OutlineNetworks:
    """Outlines by networks that lines name.

    Args:
        store: Where their weights are.
    """

    def __init__(self, store: Store) -> None:
        self._room = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._seen: OrderedDict[Key, _Sight] = OrderedDict()
        self._lock = Lock()
        self._opened = lru_cache(maxsize=OPEN_AT_MOST)(lambda named: _open(store, named))

    def close(self) -> None:
        """End: what waits to be embedded is forgotten."""
        self._room.shutdown(wait=False, cancel_futures=True)

    def look_ahead(
        self, named: NamedNetwork, shown: ClickedPicture, points: Points
    ) -> tuple[Box, Future[Embedded]] | None:
        """Begin to embed what shows some clicks, once, and return it: a window of a picture; None: others wait already.

        What was begun for fewer clicks on the picture and waits still is not begun any more where it is too small.
        """
        wanted = window_for(shown.size_wh, points)
        with self._lock:
            self._forget_failed()
            key = self._serving(named, shown, wanted, points)
            if key not in self._seen:
                self._leave_waiting(named, shown.item_id)
                if sum(not one.embedded.done() for one in self._seen.values()) >= WAITING_AT_MOST:
                    return None
                sight = self._seen[key] = _Sight(self._room.submit(self._embed, named, wanted, shown.look))
                sight.embedded.add_done_callback(sight.end)
                while len(self._seen) > EMBEDDED_AT_MOST:
                    self._seen.popitem(last=False)[1].embedded.cancel()
            self._seen.move_to_end(key)
            return key[2], self._seen[key].embedded

    def grow(self, named: NamedNetwork, shown: ClickedPicture, extremes: Extremes) -> Grown | None:
        """Return the outline of what was clicked; None: colours shall find it.

        Args:
            named: The network.
            shown: The picture.
            extremes: The clicks, in pixels of the item.
        """
        begun = self.look_ahead(named, shown, extremes.points)
        try:
            if begun is None:
                raise NotYet
            window, embedded = begun[0], begun[1].result(WAIT_S)
            left, top = window[:2]
            seen = Extremes(*((x - left, y - top) for x, y in extremes.points))
            box = clipped(surroundings(seen.points), (0, 0, *embedded.size_wh))
            found = outline_of(self._opened(named).find(embedded, seen, box), seen, box)
        except (NotYet, CancelledError):
            log.info("%s is not through with a picture yet: what was clicked is outlined by colours", named)
            return None
        except SURELY as error:
            log.warning("%s does not outline (%s): colours do", named, str(error)[:200])
            return None
        return None if found is None else Grown(moved_polygon(found, left, top), str(named))

    def _serving(self, named: NamedNetwork, shown: ClickedPicture, wanted: Box, points: Points) -> Key:
        """Return which window serves for some clicks: the smallest that is there, one begun, or what is wanted."""
        begun = [
            (not sight.embedded.done(), longer_side(key[2]), key)
            for key, sight in self._seen.items()
            if key[:2] == (named, shown.item_id)
            and not sight.has_failed
            and shows(key[2], wanted, shown.size_wh, points)
        ]
        return min(begun, key=lambda one: one[:2])[2] if begun else (named, shown.item_id, wanted)

    def _leave_waiting(self, named: NamedNetwork, item_id: str) -> None:
        waiting = [key for key, sight in self._seen.items() if key[:2] == (named, item_id) and sight.embedded.cancel()]
        for key in waiting:
            del self._seen[key]

    def _forget_failed(self) -> None:
        long_ago = time.monotonic() - AGAIN_S
        for key in [key for key, sight in self._seen.items() if sight.has_failed and sight.ended < long_ago]:
            del self._seen[key]

    def _embed(self, named: NamedNetwork, window: Box, look: Look) -> Embedded:
        pixels, (left, top) = look(window)
        x_min, y_min, x_max, y_max = window
        return self._opened(named).embed(pixels[y_min - top : y_max - top, x_min - left : x_max - left])


def _open(store: Store, named: NamedNetwork) -> PromptedNetwork:
    weights = store.local_path(named.key)
    if version_of(weights) != named.version:
        raise BadWeights(f"{named} was overwritten in the object store: name its file again")
    return open_sam(weights, named.name)
