"""Page: look-alike crops or whole pictures, confirmed at a glance: how people see it, and what is said of each one.

The crops are the pictures of checkboxes (`html` of Label Studio's dynamic choices): no canvas, no regions, one click or
key for each wrong crop, and nothing at all where all are right. Each picture comes by a signed link of its own, as that
of a name-kind question does, with the machine's box as a frame over it, so that also a box that does not fit is seen.
Of an outline its line stands there in place of the frame; of a label without a place all of its picture is shown.
"""

from collections.abc import Sequence
from html import escape
from typing import Any, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.errors import BadRegion
from blocks.frozen import Frozen
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.links import Box
from tasks.review.questions.kinds.controls import FILE
from tasks.review.questions.kinds.protocol import Asking, ParsedAnswer, QuestionKind
from tasks.review.questions.parts import is_word
from tasks.review.questions.payload import Payload

PAGE = "page"
"""Name of the object that a page's answer is about: its headline."""

WRONG = "wrong"
"""Name of the checkboxes."""

PAGE_KEYS = "1234567890qwertyiop"
"""One key per crop, as far as they go; the others get what Label Studio finds. Without u, which it uses itself."""

TILE_PX = (155, 118)
"""Room for one picture, width and height: 24 on a laptop's screen at once, and a car still tells from a van."""

CARD_CHARACTERS = 280
"""Of a text that its card shows: the beginning says what it is about."""

STYLE = """
.page-of-crops .lsf-choices { display: flex; flex-direction: row; flex-wrap: wrap; gap: 8px; }
.page-of-crops .lsf-choice { margin: 0; }
.page-of-crops .ant-checkbox { display: none; }
.page-of-crops .ant-checkbox-wrapper { padding: 3px; border: 3px solid transparent; border-radius: 4px; }
.page-of-crops .ant-checkbox-wrapper:hover { border-color: #999; }
.page-of-crops .ant-checkbox-wrapper-checked { border-color: #d62728; background: #d62728; }
.page-of-crops .ant-checkbox-wrapper-checked img { opacity: 0.35; }
.page-of-crops .ant-checkbox + span { padding: 0; }
.crop { position: relative; display: inline-block; }
.crop img { display: block; }
.crop i { position: absolute; box-sizing: border-box; border: 2px solid #17becf; pointer-events: none; }
.crop svg { position: absolute; left: 0; top: 0; width: 100%; height: 100%; pointer-events: none; }
.crop path { fill: none; stroke: #17becf; stroke-width: 2px; vector-effect: non-scaling-stroke; }
.card { display: inline-block; box-sizing: border-box; width: 240px; height: 140px; padding: 5px; overflow: hidden; }
.card { border: 1px solid #ccc; border-radius: 3px; font-size: 13px; font-weight: normal; line-height: 16px; }
.card { white-space: pre-line; overflow-wrap: anywhere; }
"""


class PageOptions(Frozen):
    """Which accepted boxes people confirm on pages, and how many at a time."""

    least_score: float = Field(default=0.97, gt=0, le=1, description="Boxes of this score or more come onto a page")
    crops: int = Field(default=24, ge=1, le=100, description="Crops on one page, all of one class")
    doubtful: bool = Field(
        default=False,
        description="Boxes in doubt come onto pages too, where that takes people less time than asking about their "
        "picture. Of that picture they then see only the parts with a box that was removed: what the detector has "
        "missed elsewhere stays missed, as on pictures that are sure.",
    )


class PageCrop(Frozen):
    """One proposal of a page: whose it is, what is shown of its item, and where it lies; pixels of the upright item."""

    proposal_id: str
    item_id: str
    crop: Box | None = None
    """None: it is a text."""
    box: tuple[float, float, float, float] | None = None
    """None: it is about the whole item, and `crop` is all of it."""
    rings: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Lines of its outline, those of holes and parts too; none: its box is shown."""
    text: str | None = None
    """The beginning of a text."""


class PageWord(Frozen):
    """What a person said of one crop: an answer to a page holds one for each, in the order of the page."""

    proposal_id: str
    word: Literal["confirmed", "removed"]


class PagePayload(Payload):
    """Crops of one class, of any number of items."""

    type: Literal["page"] = "page"
    class_name: str | None = None
    crops: list[PageCrop] = Field(default_factory=list)


class CropPage(QuestionKind[PagePayload]):
    """Many crops, of which people take the wrong ones out."""

    name = "page"
    payload = PagePayload
    control = WRONG
    about = PAGE
    allows_empty = True
    shows_predictions = False

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show a checkbox for each crop."""
        add_page(view)

    def task_data(self, server: AnnotationServer, queue: Asking, item_id: str, payload: PagePayload) -> dict[str, Any]:
        """Return the headline and the crops; no name of a picture, since a page is of many."""
        return {FILE: "", **page_data(server, queue.title, payload.class_name or "", payload.crops)}

    def parse(self, payload: PagePayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return a word for each crop."""
        parts = self.not_ours(result)
        return ParsedAnswer([word.model_dump() for word in read_page(result, payload.crops)], parts)


CROP_PAGE = CropPage()


def add_page(view: ElementTree.Element) -> None:
    """Add what a page looks like to a label config."""
    ElementTree.SubElement(view, "Style").text = STYLE
    ElementTree.SubElement(view, "Text", name=PAGE, value="$question")
    sheet = ElementTree.SubElement(view, "View", className="page-of-crops")
    ElementTree.SubElement(sheet, "Choices", name=WRONG, toName=PAGE, value="$crops", choice="multiple")


def page_data(server: AnnotationServer, title: str, class_name: str, crops: Sequence[PageCrop]) -> dict[str, Any]:
    """Return what the task of a page holds: the headline, and each crop as a checkbox with its picture."""
    choices = [{"value": crop.proposal_id, "html": _picture(server, crop)} for crop in crops]
    for choice, key in zip(choices, PAGE_KEYS, strict=False):
        choice["hotkey"] = key
    return {"question": f"{title} ({class_name})", "crops": choices}


def read_page(result: Sequence[Any], crops: Sequence[PageCrop]) -> list[PageWord]:
    """Return what a person said of each crop of a page, in the order of the page.

    Args:
        result: The annotation's result as Label Studio sends it; empty means that every crop is right.
        crops: The page as it was asked.

    Raises:
        BadRegion: The answer is about crops of another page, or says twice which are wrong. What else is in it, such as
            a comment, says nothing about the page.
    """
    said = [entry for entry in result if _is_ours(entry)]
    if not said:
        return [PageWord(proposal_id=crop.proposal_id, word="confirmed") for crop in crops]
    if len(said) != 1:
        raise BadRegion(f"the answer holds {len(said)} entries of control {WRONG!r} (expected none or one)")
    removed = _removed_in(said[0])
    known = {crop.proposal_id for crop in crops}
    strange = [id_ for id_ in removed if not isinstance(id_, str) or id_ not in known]
    if strange:
        raise BadRegion(f"{strange[0]!r:.80} is none of the {len(known)} crops of this page")
    gone = set(removed)
    return [
        PageWord(proposal_id=crop.proposal_id, word="removed" if crop.proposal_id in gone else "confirmed")
        for crop in crops
    ]


def _is_ours(entry: object) -> bool:
    """Say whether an entry is one of the page's own control, or claims to be."""
    return not is_word(entry) or (isinstance(entry, dict) and entry.get("from_name") == WRONG)


def _removed_in(entry: object) -> list[Any]:
    value = entry.get("value") if isinstance(entry, dict) else None
    removed = value.get("choices") if isinstance(value, dict) else None
    is_ours = isinstance(entry, dict) and entry.get("type") == "choices" and entry.get("from_name") == WRONG
    if not is_ours or not isinstance(removed, list):
        raise BadRegion(f"entry {entry!r:.80} is no choice of control {WRONG!r}")
    return removed


def _picture(server: AnnotationServer, crop: PageCrop) -> str:
    """Return a crop with its box's frame, or all of a picture, as HTML, as large as a tile allows; a text as a card."""
    if crop.crop is None:
        item = escape(crop.item_id, quote=True)
        return f'<span class="card" dir="auto" data-item="{item}">{escape(crop.text or "")}</span>'
    x_min, y_min, x_max, y_max = crop.crop
    wide, high = x_max - x_min, y_max - y_min
    scale = min(TILE_PX[0] / wide, TILE_PX[1] / high)
    size = f'width="{max(1, round(wide * scale))}" height="{max(1, round(high * scale))}"'
    link = escape(server.image_link(crop.item_id, None if crop.box is None else crop.crop), quote=True)
    frame = f'<i style="{_frame_style(crop.crop, crop.box)}"></i>' if crop.box else ""
    if crop.rings:
        lines = "".join(f"M{' '.join(f'{x - x_min:g},{y - y_min:g}' for x, y in ring)}Z" for ring in crop.rings)
        frame = f'<svg viewBox="0 0 {wide} {high}" preserveAspectRatio="none"><path d="{lines}"/></svg>'
    return f'<span class="crop"><img src="{link}" {size} alt="">{frame}</span>'


def _frame_style(crop: Box, box: tuple[float, float, float, float]) -> str:
    x_min, y_min, x_max, y_max = crop
    wide, high = x_max - x_min, y_max - y_min
    left, top, right, bottom = box
    place = {
        "left": (left - x_min) / wide,
        "top": (top - y_min) / high,
        "width": (right - left) / wide,
        "height": (bottom - top) / high,
    }
    return ";".join(f"{name}:{100 * share:.2f}%" for name, share in place.items())
