"""A strip: several stills of a sequence in one task, in order, each an image of its own with controls of its own.

Each still stays a question of its own, about its own item: a strip is only how they are shown and answered together. So
in Label Studio the names of image and controls carry the still's place on the strip (`image2`, `box2`), and what is
answered is dealt out to the stills by them. Every entry of a result goes to exactly one still.

Source:
    Label Studio 1.23.2: `Repeater` makes what is in it once for each entry of a list in the task's data, and puts the
    entry's place, from 0, where its `indexFlag` stands. A key chooses its class for all images, a click for one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from xml.etree import ElementTree

from pydantic import Field

from blocks.frozen import Frozen
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.boxes.extreme_points import Drawing
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.kinds.together import Dealt, OneOfSeveral, Together, View

MOST_STILLS = 6
"""On one strip: with more, a still is too small on a laptop's screen for an edge to be seen."""

STRIP = "strip"
"""Name of the object that skips of a strip are about: its headline."""

STILLS = "stills"
"""The field of a task's data with the stills of a strip: of each its question, and what a question alone would hold."""

INDEX = "{{idx}}"
"""Stands in a label config for a still's place on its strip."""

STILL_HEIGHT: Mapping[Drawing, str] = {"corners": "calc(50vh - 180px)", "extreme_points": "calc(50vh - 220px)"}
"""What two rows of stills leave for each on a screen of 1440 x 900: nobody scrolls where classes need one line."""

IN_TWO_COLUMNS, LEAST_PX = 4, (420, 340)
"""Up to so many stills stand in two columns on a laptop's screen, more in three: how wide a column is at least."""

STYLE = """
.strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(%dpx, 1fr)); gap: 2px 6px; }
.strip div:has(.still) { display: contents; }
.still { min-width: 0; }
.still h4 { margin: 0 !important; min-height: 20px; font-size: 14px; line-height: 20px; font-weight: 400; }
"""


class Strip(Together):
    """Stills beside each other, each with controls of its own."""

    spans_batches: ClassVar[bool] = False

    def view(self, server: AnnotationServer, title: str, asked: Sequence[OneOfSeveral]) -> View:
        """Return what the task of a strip holds, given what each still alone would."""
        return on_strip(title, [one.view for one in asked], [one.question_id for one in asked])

    def deal(self, payloads: Sequence[Any], result: Sequence[Any], classes: Sequence[str]) -> Dealt:
        """Part a result by the images that its entries are about."""
        return by_place(result, len(payloads))


class StillPlace(Frozen):
    """On which strip a question is asked."""

    strip: str = Field(min_length=1, description="the same for all stills of one strip")
    number: int = Field(ge=0, description="place on it, in the order of the sequence, from 0")


def add_strip(view: ElementTree.Element, stills: int, add_still: Callable[[ElementTree.Element], None]) -> None:
    """Add a strip to a label config.

    Args:
        view: The config so far.
        stills: On one strip, at most.
        add_still: Adds what is seen of a question alone.
    """
    ElementTree.SubElement(view, "Style").text = STYLE % LEAST_PX[stills > IN_TWO_COLUMNS]
    ElementTree.SubElement(view, "Text", name=STRIP, value="$question")
    strip = ElementTree.SubElement(view, "View", className="strip")
    repeated = ElementTree.SubElement(strip, "Repeater", on=f"${STILLS}", indexFlag=INDEX)
    still = ElementTree.SubElement(repeated, "View", className="still")
    add_still(still)
    for one in still.iter():
        for name in {"name", "toName"} & one.attrib.keys():
            one.set(name, f"{one.get(name)}{INDEX}")
        value = one.get("value", "")
        if value.startswith("$"):
            one.set("value", f"${STILLS}[{INDEX}].{value[1:]}")


def on_strip(title: str, views: Sequence[View], question_ids: Sequence[str]) -> View:
    """Return what the task of a strip holds, and the regions that it begins with, given those of each still alone."""
    stills = [{"question": id_, **own} for id_, (own, _) in zip(question_ids, views, strict=True)]
    shown = [region for place, (_, regions) in enumerate(views) for region in onto_place(regions, place)]
    return {"question": title, STILLS: stills}, shown


def stills_in(data: Mapping[str, object]) -> tuple[str, ...]:
    """Return the questions of the stills in a task's data, in order; empty: it is no strip."""
    named = data.get(STILLS)
    ids = [one.get("question") if isinstance(one, dict) else None for one in named] if isinstance(named, list) else []
    return tuple(id_ if isinstance(id_, str) and len(id_) <= 64 else "" for id_ in ids)


def onto_place(regions: Sequence[Mapping[str, Any]], place: int) -> list[dict[str, Any]]:
    """Return the regions of a picture alone as those of the still at a place, from 0."""
    return [
        {**one, "to_name": f"{one['to_name']}{place}", "from_name": f"{one['from_name']}{place}"} for one in regions
    ]


def by_place(result: Sequence[Any], places: int) -> list[list[tuple[int, Any]]]:
    """Part the result of an annotation among the stills of a strip.

    Args:
        result: As Label Studio sends it, any list.
        places: How many stills the strip has, 1 or more.

    Returns:
        For each still its entries as those of a picture alone, each with its position in the result. What is about
        none of the stills goes to the first: it is kept there, and does not count.
    """
    found: list[list[tuple[int, Any]]] = [[] for _ in range(places)]
    images = {f"{IMAGE}{place}": place for place in range(places)}
    for position, entry in enumerate(result):
        image = entry.get("to_name") if isinstance(entry, dict) else None
        place = images.get(image) if isinstance(image, str) else None
        found[place or 0].append((position, entry if place is None else _as_alone(entry, place)))
    return found


def _as_alone(entry: dict[str, Any], place: int) -> dict[str, Any]:
    control = entry.get("from_name")
    named = {"from_name": control.removesuffix(str(place))} if isinstance(control, str) else {}
    return {**entry, "to_name": IMAGE, **named}
