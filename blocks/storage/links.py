"""Signed, non-expiring links to images and films, so that a browser needs one address whatever the store is.

The signature covers the path, the crop and the frame, is an HMAC-SHA256, and is compared in constant time.
"""

import hashlib
import hmac
from urllib.parse import urlencode

Box = tuple[int, int, int, int]
"""A crop in whole pixels of the upright item: x_min, y_min, x_max, y_max."""


def signature_of(secret: str, item_id: str, crop: Box | None = None, frame: Box | None = None) -> str:
    """Return the signature of a link, 64 hex digits; without a frame it is that of links made before there were any."""
    message = f"{item_id}|{format_crop(crop)}{f'|{format_crop(frame)}' if frame else ''}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_signed(secret: str, item_id: str, crop: Box | None, signature: str, frame: Box | None = None) -> bool:
    """Say whether a signature belongs to an item, a crop and a frame."""
    return hmac.compare_digest(signature_of(secret, item_id, crop, frame).encode(), signature.encode())


def image_link(base_url: str, secret: str, item_id: str, crop: Box | None = None, frame: Box | None = None) -> str:
    """Return the address under which the gateway shows an item, or a part of it; what is outside a frame is dimmed."""
    query = {name: format_crop(box) for name, box in (("crop", crop), ("frame", frame)) if box}
    query["signature"] = signature_of(secret, item_id, crop, frame)
    return f"{base_url.rstrip('/')}/images/{item_id}?{urlencode(query)}"


def format_crop(crop: Box | None) -> str:
    """Return a crop as the text `x_min,y_min,x_max,y_max`; '' for None."""
    return ",".join(str(edge) for edge in crop) if crop else ""


def film_signature_of(secret: str, name: str) -> str:
    """Return the signature of a link to a film, 64 hex digits; no item's link has the same."""
    return hmac.new(secret.encode(), f"film|{name}".encode(), hashlib.sha256).hexdigest()


def is_film_signed(secret: str, name: str, signature: str) -> bool:
    """Say whether a signature belongs to a film."""
    return hmac.compare_digest(film_signature_of(secret, name).encode(), signature.encode())


def film_link(base_url: str, secret: str, name: str) -> str:
    """Return the address under which the gateway shows a film."""
    return f"{base_url.rstrip('/')}/films/{name}?{urlencode({'signature': film_signature_of(secret, name)})}"
