"""Label configs: what Label Studio shows, as XML that is built and escaped by a library, never by pasting."""

from collections.abc import Sequence
from xml.etree import ElementTree

from tasks.review.checks import CHECK, CHECKS
from tasks.review.pages import PAGE, add_page
from tasks.review.queues import Queue
from tasks.review.why import add_why

IMAGE = "image"
"""Name of the image control, and of the field in a task's data that holds the picture's address."""

BOX = "box"
"""The control with which people draw, and which shows the boxes the machine is sure of."""

UNSURE = "unsure"
"""A hidden control: its regions have thick outlines, so that doubtful boxes are seen at a glance."""

KIND = "kind"
"""The choice of a name-kind question."""

COLORS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22", "#7f7f7f",
)  # fmt: skip
"""One per class, in order, told apart on photographs (matplotlib's ten)."""

HOTKEYS = "1234567890"


def label_config(queue: Queue) -> str:
    """Return the label config of a queue as XML."""
    view = ElementTree.Element("View")
    if queue.kind == "boxes":
        _add_boxes(view, queue)
    elif queue.kind == "page":
        add_page(view)
    elif queue.kind == "confirm":
        _add_check(view, queue)
    else:
        _add_choice(view)
    add_why(view, PAGE if queue.kind == "page" else IMAGE)
    return ElementTree.tostring(view, encoding="unicode")


def choice_list(choices: Sequence[str]) -> list[dict[str, str]]:
    """Return choices as the task data that Label Studio turns into buttons, with hotkeys for the first ten."""
    keys = dict(zip(choices, HOTKEYS, strict=False))
    return [{"value": choice} | ({"hotkey": keys[choice]} if choice in keys else {}) for choice in choices]


def _add_boxes(view: ElementTree.Element, queue: Queue) -> None:
    ElementTree.SubElement(view, "Header", value=queue.title, size="5")
    ElementTree.SubElement(view, "Header", value="$why", size="6")  # empty where nothing is odd
    ElementTree.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true", zoomControl="true")
    style = {BOX: {"strokeWidth": "2", "fillOpacity": "0.05"}, UNSURE: {"strokeWidth": "5", "fillOpacity": "0.3"}}
    for name in (BOX, UNSURE):
        parent = view if name == BOX else ElementTree.SubElement(view, "View", style="display:none")
        attributes = {"name": name, "toName": IMAGE, "canRotate": "false", **style[name]}
        control = ElementTree.SubElement(parent, "RectangleLabels", attributes)
        for position, class_name in enumerate(queue.classes):
            label = ElementTree.SubElement(
                control, "Label", value=class_name, background=COLORS[position % len(COLORS)]
            )
            if name == BOX and position < len(HOTKEYS):
                label.set("hotkey", HOTKEYS[position])


def _add_choice(view: ElementTree.Element) -> None:
    ElementTree.SubElement(view, "Header", value="$question", size="4")
    ElementTree.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true", zoomControl="true")
    ElementTree.SubElement(
        view, "Choices", name=KIND, toName=IMAGE, value="$choices", choice="single", showInLine="true", required="true"
    )


def _add_check(view: ElementTree.Element, queue: Queue) -> None:
    ElementTree.SubElement(view, "Header", value="$question", size="4")
    ElementTree.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true", zoomControl="true")
    shown = ElementTree.SubElement(view, "View", style="display:none")
    control = ElementTree.SubElement(
        shown, "RectangleLabels", name=BOX, toName=IMAGE, canRotate="false", strokeWidth="3", fillOpacity="0"
    )
    for position, class_name in enumerate(queue.classes):
        ElementTree.SubElement(control, "Label", value=class_name, background=COLORS[position % len(COLORS)])
    choices = ElementTree.SubElement(
        view, "Choices", name=CHECK, toName=IMAGE, choice="single", showInLine="true", required="true"
    )
    for key, choice in zip(HOTKEYS, CHECKS, strict=False):
        ElementTree.SubElement(choices, "Choice", value=choice, hotkey=key)
