"""What the label configs of all kinds share, as XML that is built and escaped by a library, never by pasting."""

from collections.abc import Sequence
from xml.etree import ElementTree

IMAGE = "image"
"""Name of the image control, and of the field in a task's data that holds the picture's address."""

TEXT = "text"
"""Name of the text object, and of the field in a task's data that holds the text itself."""

ITEM = "item"
"""The field in a task's data that names the item of a text: a picture's is named by its address."""

BOX = "box"
"""The control with which people draw, and which shows the boxes the machine is sure of."""

UNSURE = "unsure"
"""A hidden control: its regions have thick outlines, so that doubtful boxes are seen at a glance."""

FILE = "file"
"""The field of a task's data with the picture's original name, for the list of tasks."""

SHOWN_TEXT = "shown-text"
"""The class of the frame around a text, for its style."""

COLORS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22", "#7f7f7f",
)  # fmt: skip
"""One per class, in order, told apart on photographs (matplotlib's ten)."""

HOTKEYS = "1234567890"

RENAME_KEYS = "qwertyiop"
"""Where the numbers click points: the class of a shown box once that is selected, or of what is drawn otherwise."""


STYLE = """
.tools { display: flex; flex-wrap: wrap; align-items: center; column-gap: 16px; }
.tools h4 { margin: 0 !important; font-size: 13px; }
.said { max-height: 40px; overflow: hidden; }
.said h4, .skip-why h4 { margin: 0 !important; font-size: 15px; line-height: 20px; font-weight: 400; }
.skip-why { position: sticky; bottom: 0; z-index: 5; display: flex; justify-content: flex-end; align-items: center;
  gap: 12px; padding: 2px 0; background: var(--color-neutral-background, transparent); }
.skip-why .lsf-choices { min-width: 230px; margin: 0; }
.skip-why button { width: 100%; }
.shown-text { max-height: calc(100vh - 300px); overflow-y: auto; font-size: 16px; line-height: 1.7; }
"""
"""Two lines of reasons at most, and the list of reasons for a skip always in sight, above the button it belongs to."""

PICTURE_HEIGHT, PICTURE_UNDER_A_LIST = "calc(100vh - 300px)", "calc(100vh - 430px)"
"""What is left for a picture under the question and above the buttons: nobody scrolls for either at 1440 x 900."""


def add_question(view: ElementTree.Element, title: str) -> None:
    """Say what is asked, and why about this item: nothing where nothing is odd."""
    ElementTree.SubElement(view, "Header", value=title, size="5")
    said = ElementTree.SubElement(view, "View", className="said")
    ElementTree.SubElement(said, "Header", value="$why", size="6")


def add_picture(view: ElementTree.Element, height: str = PICTURE_HEIGHT) -> None:
    """Show the picture of a task, at most so high."""
    attributes = {
        "name": IMAGE,
        "value": f"${IMAGE}",
        "maxHeight": height,
        "zoom": "true",
        "zoomControl": "true",
    }
    ElementTree.SubElement(view, "Image", attributes)


def add_text(view: ElementTree.Element) -> None:
    """Show the text of a task: as letters and nothing else, whatever they spell, and as far down as it needs.

    It is said what the value is: a Label Studio in its secure mode would take it for an address.
    """
    scrolled = ElementTree.SubElement(view, "View", className=SHOWN_TEXT)
    attributes = {"name": TEXT, "value": f"${TEXT}", "valueType": "text", "saveTextResult": "yes"}
    ElementTree.SubElement(scrolled, "Text", attributes)


def add_frame(view: ElementTree.Element, classes: Sequence[str]) -> None:
    """Let a crop show which object is meant: the outline of its box, and nothing to draw with."""
    hidden = ElementTree.SubElement(view, "View", style="display:none")
    add_labels(hidden, BOX, classes, strokeWidth="3", fillOpacity="0")


def add_labels(view: ElementTree.Element, name: str, classes: Sequence[str], **style: str) -> list[ElementTree.Element]:
    """Add a control for boxes, with a label for each class; returns the labels."""
    attributes = {"name": name, "toName": IMAGE, "canRotate": "false", **style}
    return add_classes(ElementTree.SubElement(view, "RectangleLabels", attributes), classes)


def add_classes(
    control: ElementTree.Element, classes: Sequence[str], keys: Sequence[str] = (), *, is_chosen: bool = False
) -> list[ElementTree.Element]:
    """Add a label for each class to a control, and return them.

    Args:
        control: Of a label config.
        classes: In order.
        keys: The labels' hotkeys, for the first classes.
        is_chosen: Whether the first class is chosen from the start.
    """
    labels = list[ElementTree.Element]()
    for position, class_name in enumerate(classes):
        look = {"value": class_name, "background": COLORS[position % len(COLORS)]}
        hotkey = {"hotkey": keys[position]} if position < len(keys) else {}
        chosen = {"selected": "true"} if is_chosen and not position else {}
        labels.append(ElementTree.SubElement(control, "Label", look | hotkey | chosen))
    return labels
