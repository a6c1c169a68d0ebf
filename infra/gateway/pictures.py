"""From an item to what a browser shows: the stored bytes where they are plain, else a rendered JPEG.

What has more pixels than browsers hold is made smaller for them. Boxes keep their places: Label Studio names them in
per cent of whatever it shows.

Plain code without HTTP; `images.py` speaks it.
"""

from dataclasses import dataclass
from threading import BoundedSemaphore

import cv2
import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, Question
from blocks.errors import BadInput
from blocks.storage.links import Box
from blocks.storage.stores import Store
from infra.gateway.cache import SizedCache
from tasks.intake.decoding.budget import DECODING, widest_bytes
from tasks.intake.images import decode_upright, encode_jpeg
from tasks.intake.texts.text_items import MEDIA_TYPE
from tasks.review.questions.queues.films import WATCH_TRACKS

RENDERED_BYTES = 64_000_000
DECODED_BYTES = 200_000_000
"""Decoded whole images: the crops of one image are asked for one after the other."""

CELL_PX = 3000
"""Of a picture too large to be kept decoded, the surroundings of what is looked at are kept: a cell of this grid, and
half a cell around it, 108 MB. What is smaller than a cell lies wholly in what is kept for its middle."""

JPEG_QUALITY = 92
MAX_RENDERINGS = 2
"""At a time; of large images one, see `tasks.intake.decoding.budget`."""

SHOWN_PIXELS = 100_000_000
"""Firefox refuses pictures of more than 500 MB unpacked, four bytes a pixel; others grow slow long before."""


DIMMED = 0.45
"""How bright a part's surroundings are: seen well enough to know what is cut there, and plainly not meant."""


class CropOutsideImage(BadInput):
    """A crop that shows nothing of its image."""


@dataclass(frozen=True, slots=True)
class KnownItem:
    """What the gateway needs of an item; rows never change, so it may be kept."""

    id: str
    key: str
    media_type: str
    plain: bool
    width: int
    height: int
    size_bytes: int

    @property
    def is_text(self) -> bool:
        """Whether there is no picture of it."""
        return self.media_type == MEDIA_TYPE


class ItemPictures:
    """Items of one catalogue and store, as pictures.

    Args:
        engine: The catalogue.
        store: Where the items' bytes are.
    """

    def __init__(self, engine: Engine, store: Store) -> None:
        self.store = store
        self._engine = engine
        self._known: SizedCache[KnownItem] = SizedCache(50_000, weigh=lambda _item: 1)
        self._watched: SizedCache[str] = SizedCache(10_000, weigh=lambda _id: 1)
        self._rendered: SizedCache[bytes] = SizedCache(RENDERED_BYTES, weigh=len)
        self._decoded: SizedCache[npt.NDArray[np.uint8]] = SizedCache(DECODED_BYTES, weigh=lambda image: image.nbytes)
        self._windows: SizedCache[npt.NDArray[np.uint8]] = SizedCache(DECODED_BYTES, weigh=lambda image: image.nbytes)
        self._renderings = BoundedSemaphore(MAX_RENDERINGS)

    def find_item(self, item_id: str) -> KnownItem | None:
        """Return an item of the catalogue, or None."""
        known = self._known.find(item_id)
        if known is None:
            with reading(self._engine) as session:
                row = session.get(Item, item_id)
            if row is None:
                return None
            known = KnownItem(
                row.id, row.key, row.media_type, row.plain, row.width or 0, row.height or 0, row.size_bytes
            )
            self._known.keep(item_id, known)
        return known

    def is_watched(self, film: str) -> bool:
        """Say whether a question of the catalogue is about a film: none is once its collection is deleted."""
        # A browser asks for many parts of one film: all but the first time the row alone is looked up.
        mine = select(Question.id).where(Question.queue == WATCH_TRACKS)
        known = self._watched.find(film)
        with reading(self._engine) as session:
            if known is not None and session.exec(mine.where(Question.id == known)).first():
                return True
            named = mine.where(col(Question.payload)["film"].as_string() == film).limit(1)
            found = session.exec(named).first()
        if found is not None:
            self._watched.keep(film, found)
        return found is not None

    def shows_as_stored(self, item: KnownItem) -> bool:
        """Say whether a browser shows an item's own bytes as the detector sees them."""
        return item.plain and item.width * item.height <= SHOWN_PIXELS

    def render(self, item: KnownItem, crop: Box | None, frame: Box | None = None) -> bytes:
        """Return an item, or a part of it, upright and as the detector sees it, as a JPEG of at most `SHOWN_PIXELS`.

        Args:
            item: From `find_item`.
            crop: Pixels of the upright item; what lies outside the image is cut off. None: all of it.
            frame: Pixels of the upright item; what lies outside it is dimmed. None: nothing is.

        Raises:
            CropOutsideImage: Nothing of the crop lies in the image.
            UnreadableImage: The stored bytes do not decode.
            ObjectMissing: The store has lost the bytes.
        """
        box = _clip(crop, item) if crop else None
        key = (item.id, box, frame)
        found = self._rendered.find(key)
        if found is None:
            with self._renderings, DECODING.room(widest_bytes(item.width, item.height, item.size_bytes)):
                found = self._rendered.find(key) or self._draw(item, box, frame)
            self._rendered.keep(key, found)
        return found

    def decoded(self, item: KnownItem) -> npt.NDArray[np.uint8]:
        """Return an item's pixels, upright, shape (height, width, 3), BGR.

        Raises:
            UnreadableImage: The stored bytes do not decode.
            ObjectMissing: The store has lost the bytes.
        """
        found = self._decoded.find(item.id)
        if found is None:
            with self._renderings, DECODING.room(widest_bytes(item.width, item.height, item.size_bytes)):
                found = self._decode(item)
        return found

    def around(self, item: KnownItem, box: Box) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
        """Return pixels of an item that show a box and what is around it, and where their first pixel is in the item.

        All of it where it is small enough to be kept; of a larger one a window is kept, so that whoever clicks on an
        object waits for one decoding and not for one each click.

        Args:
            item: From `find_item`.
            box: Pixels of the upright item; may reach beyond it.

        Raises:
            UnreadableImage: The stored bytes do not decode.
            ObjectMissing: The store has lost the bytes.
        """
        whole = self._decoded.find(item.id)
        if whole is not None:
            return whole, (0, 0)
        corners = {(x // CELL_PX, y // CELL_PX) for x in (box[0], box[2] - 1) for y in (box[1], box[3] - 1)}
        middle = (box[0] + box[2]) // 2 // CELL_PX, (box[1] + box[3]) // 2 // CELL_PX
        for cell in (middle, *sorted(corners - {middle})):
            window, kept = _window(cell, item), self._windows.find((item.id, cell))
            if kept is not None and _holds(window, box, item):
                return kept, window[:2]
        whole, window = self.decoded(item), _window(middle, item)
        if self._decoded.find(item.id) is None and _holds(window, box, item):
            x_min, y_min, x_max, y_max = window
            self._windows.keep((item.id, middle), whole[y_min:y_max, x_min:x_max].copy())
        return whole, (0, 0)

    def _decode(self, item: KnownItem) -> npt.NDArray[np.uint8]:
        image = self._decoded.find(item.id)
        if image is None:
            image = decode_upright(self.store.get(item.key))
            self._decoded.keep(item.id, image)
        return image

    def _draw(self, item: KnownItem, box: Box | None, frame: Box | None) -> bytes:
        image = self._decode(item)
        if box:
            x_min, y_min, x_max, y_max = box
            image = image[y_min:y_max, x_min:x_max]
        if frame:
            image = _dimmed(image, frame, corner=box[:2] if box else (0, 0))
        return encode_jpeg(_shrunk(image), quality=JPEG_QUALITY)


def _dimmed(image: npt.NDArray[np.uint8], frame: Box, corner: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return a picture that is bright inside a frame alone, given where in the item its corner lies."""
    x_min, y_min, x_max, y_max = (max(0, edge - corner[at % 2]) for at, edge in enumerate(frame))
    dim = cv2.convertScaleAbs(image, alpha=DIMMED)
    dim[y_min:y_max, x_min:x_max] = image[y_min:y_max, x_min:x_max]
    return np.asarray(dim, dtype=np.uint8)


def _shrunk(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = (SHOWN_PIXELS / (width * height)) ** 0.5
    if scale >= 1:
        return np.ascontiguousarray(image)
    size_wh = (max(1, int(width * scale)), max(1, int(height * scale)))
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _window(cell: tuple[int, int], item: KnownItem) -> Box:
    half = CELL_PX // 2
    x_min, y_min = (max(0, at * CELL_PX - half) for at in cell)
    x_max, y_max = ((at + 1) * CELL_PX + half for at in cell)
    return x_min, y_min, min(item.width, x_max), min(item.height, y_max)


def _holds(window: Box, box: Box, item: KnownItem) -> bool:
    """Say whether a window shows all of a box that lies in the item."""
    edges = max(0, box[0]), max(0, box[1]), min(item.width, box[2]), min(item.height, box[3])
    return window[0] <= edges[0] and window[1] <= edges[1] and edges[2] <= window[2] and edges[3] <= window[3]


def _clip(crop: Box, item: KnownItem) -> Box:
    x_min, y_min, x_max, y_max = crop
    box = (max(0, x_min), max(0, y_min), min(item.width, x_max), min(item.height, y_max))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise CropOutsideImage(f"crop {crop} shows nothing of an image of {item.width}×{item.height} pixels")
    return box
