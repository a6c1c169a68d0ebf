"""Small pictures for the gallery, rendered once and kept while there is room."""

import cv2
import numpy as np

from blocks.errors import ObjectMissing
from infra.gateway.cache import SizedCache
from infra.gateway.pictures import ItemPictures
from tasks.intake.decoding.budget import DECODING, widest_bytes
from tasks.intake.images import decode_upright, encode_jpeg

SIDE_PX = 360
"""Of the longer side."""

KEPT_BYTES = 48_000_000
JPEG_QUALITY = 82


class Thumbs:
    """Small pictures of items.

    Args:
        pictures: The items, and where their bytes are.
    """

    def __init__(self, pictures: ItemPictures) -> None:
        self._pictures = pictures
        self._kept: SizedCache[bytes] = SizedCache(KEPT_BYTES, weigh=len)

    def render(self, item_id: str) -> bytes:
        """Return an item as a JPEG of at most `SIDE_PX`, upright.

        Raises:
            ObjectMissing: There is no such item, or the store has lost its bytes.
            UnreadableImage: The stored bytes do not decode.
        """
        found = self._kept.find(item_id)
        if found is not None:
            return found
        item = self._pictures.find_item(item_id)
        if item is None:
            raise ObjectMissing(f"no item {item_id[:12]!r}: it may have been deleted")
        if item.is_text:
            raise ObjectMissing(f"item {item_id[:12]!r} is a text: there is no picture of it")
        with DECODING.room(widest_bytes(item.width, item.height, item.size_bytes)):
            image = decode_upright(self._pictures.store.get(item.key))
            scale = min(1.0, SIDE_PX / max(image.shape[:2]))
            size_wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            small = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        data = encode_jpeg(small, quality=JPEG_QUALITY)
        self._kept.keep(item_id, data)
        return data
