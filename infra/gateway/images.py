"""`GET /images/{item}`, `GET /films/{name}`: signed links, for browsers that know nothing of the store.

Of films a browser asks for parts (ranges of bytes), to seek in them.
"""

import re

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse

from blocks.errors import BadInput, CatalogUnavailable, ImageTooLarge, ObjectMissing, StoreUnavailable, UnreadableImage
from blocks.storage.links import Box, format_crop, is_film_signed, is_signed
from infra.gateway.pictures import CropOutsideImage, ItemPictures, KnownItem

ITEM_ID = re.compile(r"[0-9a-f]{64}")
FILM = re.compile(r"[0-9a-f]{32}\.mp4")
CROP = re.compile(r"-?[0-9]{1,6}(,-?[0-9]{1,6}){3}")

SHOWN_AS_STORED = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})
"""Everything else is drawn anew: no stored byte is ever a script to a browser."""

PRESIGNED_S = 3600

OPEN_HEADERS = {
    # Label Studio loads pictures with crossorigin="anonymous": without this header the browser refuses them.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
FOR_EVER = "public, max-age=31536000, immutable"
"""An item is named by its content, so what a link shows never changes."""


OUT_OF_REACH: dict[type[Exception], tuple[int, str]] = {
    ImageTooLarge: (410, "the item is larger than what is decoded: cut it into parts"),
    ObjectMissing: (410, "the item's bytes are gone from the store, or damaged"),
    UnreadableImage: (410, "the item's bytes are gone from the store, or damaged"),
    StoreUnavailable: (503, "the object store does not answer: try again"),
    CatalogUnavailable: (503, "the catalogue does not answer: try again"),
}
"""What is said where a link is good and its picture cannot be shown."""


def told_of(error: Exception) -> tuple[int, str]:
    """Return the HTTP status and the words for an error of `OUT_OF_REACH`."""
    return next(said for kind, said in OUT_OF_REACH.items() if isinstance(error, kind))


class LinkRefused(BadInput):
    """A link that shows nothing.

    Attributes:
        status: The HTTP status that says so.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def image_routes(pictures: ItemPictures, link_secret: str) -> APIRouter:
    """Return the routes that show items.

    Args:
        pictures: The items.
        link_secret: By which links are signed.
    """
    router = APIRouter()

    @router.api_route("/images/{item_id:path}", methods=["GET", "HEAD"])
    def show_image(request: Request, item_id: str, crop: str = "", signature: str = "", frame: str = "") -> Response:
        try:
            shown = check_link(link_secret, item_id, crop, signature, frame)
            item = pictures.find_item(item_id)
            if item is None:
                raise LinkRefused(404, "no such item")
            if item.is_text:
                raise LinkRefused(404, "the item is a text, which stands in its questions: there is no picture of it")
            return _show(pictures, item, *shown, request.headers.get("if-none-match", ""))
        except LinkRefused as refusal:
            return _refuse(refusal.status, str(refusal))
        except CropOutsideImage as error:
            return _refuse(400, str(error))
        except tuple(OUT_OF_REACH) as error:
            return _refuse(*told_of(error))

    @router.api_route("/films/{name:path}", methods=["GET", "HEAD"])
    def show_film(name: str, signature: str = "") -> Response:
        return _film(pictures, link_secret, name, signature)

    return router


def check_link(secret: str, item_id: str, crop: str, signature: str, frame: str = "") -> tuple[Box | None, Box | None]:
    """Return the crop that a link asks for (None for the whole item), and the frame outside which it is dimmed.

    Raises:
        LinkRefused: 404 no item has such a name; 400 crop or frame is malformed; 403 the signature is another one's.
    """
    if not ITEM_ID.fullmatch(item_id):
        raise LinkRefused(404, "no such item: an item is named by 64 hex digits")
    for name, text in (("crop", crop), ("frame", frame)):
        if text and not CROP.fullmatch(text):
            raise LinkRefused(400, f"{name} is four whole numbers: x_min,y_min,x_max,y_max")
    box, bright = parse_crop(crop), parse_crop(frame)
    if not is_signed(secret, item_id, box, signature, bright):
        raise LinkRefused(403, "the signature does not fit this item and crop")
    return box, bright


def parse_crop(text: str) -> Box | None:
    """Return the box of a crop's text; None for ''."""
    if not text:
        return None
    x_min, y_min, x_max, y_max = (int(edge) for edge in text.split(","))
    return x_min, y_min, x_max, y_max


def _show(pictures: ItemPictures, item: KnownItem, crop: Box | None, frame: Box | None, known_etags: str) -> Response:
    parts = "".join(f"-{format_crop(box)}" for box in (crop, frame) if box)
    etag = f'"{item.id}{parts}"'
    headers = {**OPEN_HEADERS, "ETag": etag, "Cache-Control": FOR_EVER}
    if etag in known_etags:
        return Response(status_code=304, headers=headers)
    if crop is None and frame is None and pictures.shows_as_stored(item) and item.media_type in SHOWN_AS_STORED:
        return _stored(pictures, item.key, item.media_type, headers)
    return Response(pictures.render(item, crop, frame), media_type="image/jpeg", headers=headers)


def _film(pictures: ItemPictures, link_secret: str, name: str, signature: str) -> Response:
    if not FILM.fullmatch(name):
        return _refuse(404, "no such film: a film is named by 32 hex digits and .mp4")
    if not is_film_signed(link_secret, name, signature):
        return _refuse(403, "the signature does not fit this film")
    try:
        if not pictures.is_watched(name):
            return _refuse(410, "nobody is asked about this film any more: its collection was deleted")
        return _stored(pictures, f"films/{name}", "video/mp4", {**OPEN_HEADERS, "Cache-Control": FOR_EVER})
    except ObjectMissing:
        return _refuse(410, "the film is gone from the store: `labelline watch` makes it anew")
    except (StoreUnavailable, CatalogUnavailable) as error:
        return _refuse(*told_of(error))


def _refuse(status: int, reason: str) -> Response:
    # Kept by no cache: what is refused now may be shown later.
    return PlainTextResponse(reason, status, headers={**OPEN_HEADERS, "Cache-Control": "no-store"})


def _stored(pictures: ItemPictures, key: str, media_type: str, headers: dict[str, str]) -> Response:
    if presigned := pictures.store.link(key, PRESIGNED_S):
        # The signed address dies within the hour, so a browser may keep the redirect for half of it only.
        kept = {**headers, "Cache-Control": f"private, max-age={PRESIGNED_S // 2}"}
        return RedirectResponse(presigned, 302, headers=kept)
    return FileResponse(pictures.store.local_path(key), media_type=media_type, headers=headers)
