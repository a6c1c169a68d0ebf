"""CVAT for images 1.1: one XML file for all pictures, read and written as a stream.

Source:
    https://docs.cvat.ai/docs/manual/advanced/xml_format/
"""

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from blocks.errors import BadTruth
from blocks.shapes import Bounds, Mask, Polygon, Shape, Whole
from tasks.dataset.formats.outlines.as_cvat import outline_facts
from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity, fault_of
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.look import look_at
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import ListedPicture, PictureTable
from tasks.dataset.formats.reading.xml_stream import Element, elements
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import SPLITS, Target, WrittenLabel, WrittenPicture

SHAPE = "shape"

CORNERS = ("xtl", "ytl", "xbr", "ybr")

OWN_ATTRIBUTES = ("kind", "score", "origin")
"""As attributes of CVAT's labels: exact kind, score of the proposal behind a label, and who or what made it."""

UNREAD = ("polyline", "points", "cuboid", "ellipse", "skeleton")


class CvatFormat:
    """`annotations.xml` and `images/<split>/`."""

    name = "cvat"
    shapes = frozenset({"box", "whole", "several", "polygon", "mask"})
    unit = SHAPE
    holds_texts = False
    rooms: frozenset[Room] = frozenset({"kind", "origin", "score"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read boxes, outlines, masks and tags of all pictures; tracks of videos are not read, and said."""
        table, refused = PictureTable(reading, SHAPE), list[BadTruth]()
        names = [name for name in reading.files.with_suffix(".xml") if look_at(reading.files.path(name)) == self.name]
        for name in names:
            try:
                _take_in(name, table, reading)
            except BadTruth as error:
                refused.append(error)
                reading.problems.add(Oddity.UNREADABLE_FILE, name, "", str(error))
        if len(refused) == len(names):
            raise refused[0] if refused else BadTruth(f"{reading.files.root} has no annotations of CVAT (.xml)")
        yield from table.pictures()

    def write(self, target: Target) -> None:
        """Write one picture after the other."""
        with (target.place / "annotations.xml").open("w", encoding="utf-8") as out:
            out.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
            out.write(_meta(target))
            for number, written in enumerate(target.pictures()):
                out.write(_image(number, written, target.put_in_split(written).as_posix()))
            out.write("</annotations>\n")


def _meta(target: Target) -> str:
    attributes = "".join(
        f"<attribute><name>{name}</name><mutable>False</mutable><input_type>text</input_type>"
        "<default_value></default_value><values></values></attribute>"
        for name in OWN_ATTRIBUTES
    )
    labels = "".join(
        f"<label><name>{escape(name)}</name><attributes>{attributes}</attributes></label>\n"
        for name in target.manifest.classes
    )
    name = escape(f"{target.manifest.collection} {target.manifest.id[:12]}")
    tasks = "".join(f"<task><name>{split}</name><subset>{split}</subset></task>" for split in SPLITS)
    return f"<meta><project><name>{name}</name><labels>\n{labels}</labels><tasks>{tasks}</tasks></project></meta>\n"


def _image(number: int, written: WrittenPicture, name: str) -> str:
    item = written.item
    facts = {"id": number, "name": name, "subset": item.split, "width": item.width, "height": item.height}
    return f"<image{_attributes(facts)}>\n{''.join(_shape(each) for each in written.labels)}</image>\n"


def _shape(each: WrittenLabel) -> str:
    label, box = each.label, each.box_xyxy_px
    source = "manual" if label.origin == "person" else "auto"
    facts: dict[str, object] = {"label": label.class_name, "source": source}
    tag = "tag"
    if isinstance(label.shape, Polygon | Mask):
        tag, places = outline_facts(label.shape)
        facts |= {"occluded": 0, **places, "z_order": 0}
    elif box is not None:
        tag = "box"
        facts |= {
            "occluded": 0,
            **{name: f"{edge:.10g}" for name, edge in zip(CORNERS, box, strict=True)},
            "z_order": 0,
        }
    own = zip(OWN_ATTRIBUTES, (label.kind, each.origin.score, label.origin), strict=True)
    inside = "".join(f'<attribute name="{name}">{escape(str(value))}</attribute>' for name, value in own if value)
    return f"<{tag}{_attributes(facts)}>{inside}</{tag}>\n"


def _attributes(facts: Mapping[str, object]) -> str:
    return "".join(f" {name}={quoteattr(str(value))}" for name, value in facts.items())


def _take_in(name: str, table: PictureTable, reading: Reading) -> None:
    shapes = 0
    for element in elements(reading.files.path(name), ("image", "track", "label")):
        if element.tag == "label":
            said = next((each.text for each in element.inside if each.tag == "name"), "")
            if said:
                reading.classes.setdefault(said)
        elif element.tag == "track":
            _refuse_track(element, name, reading)
        else:
            picture = _listed(element, name, table, reading)
            if picture is None:
                continue
            for each in element.inside:
                shapes += 1
                _add(each, name, shapes, picture, table, reading)


def _refuse_track(track: Element, file: str, reading: Reading) -> None:
    places = sum(each.facts.get("outside") != "1" for each in track.inside)
    reading.problems.add(
        Oddity.TRACK,
        file,
        f"track {track.facts.get('id', '?')}",
        f"a {track.facts.get('label', '?')} at {places} places of a video is not read: export the frames as 'CVAT for "
        "images'",
    )


def _listed(element: Element, file: str, table: PictureTable, reading: Reading) -> ListedPicture | None:
    said = element.facts.get("name", "")
    place = f"image {element.facts.get('id', '?')}"
    if not said:
        reading.problems.add(Oddity.MISSING_PICTURE, file, place, "has no name")
        return None
    try:
        size = int(float(element.facts.get("width", 0))), int(float(element.facts.get("height", 0)))
    except (ValueError, OverflowError):
        size = (0, 0)
    return table.list(said, file, place, size, SPLIT_NAMES.get(element.facts.get("subset", "").lower()))


def _add(each: Element, file: str, number: int, picture: ListedPicture, table: PictureTable, reading: Reading) -> None:
    try:
        place = _place(each)
        attributes = {one.facts.get("name", ""): one.text for one in each.inside if one.tag == "attribute"}
        score = attributes.pop("score", None)
        label = RawLabel(
            each.facts.get("label", ""),
            place,
            file,
            number,
            score=float(score) if score else None,
            kind=attributes.pop("kind", None) or None,
            attributes={name: text for name, text in attributes.items() if text},
        )
    except (ValueError, OverflowError) as error:
        reading.problems.add(fault_of(error), file, f"{SHAPE} {number}", " ".join(str(error).splitlines()[:2]))
        picture.lost += 1
        return
    table.add(picture, label)


def _place(each: Element) -> Bounds | Shape:
    facts = each.facts
    if each.tag == "tag":
        return Whole()
    if float(facts.get("rotation") or 0):
        raise FaultyLabel(Oddity.UNREAD_SHAPE, f"a {each.tag} turned by {facts['rotation']} degrees, which is not read")
    if each.tag == "box":
        left, top, right, bottom = (float(facts.get(name, "nan")) for name in CORNERS)
        return left, top, right, bottom
    if each.tag == "polygon":
        points = [pair.split(",") for pair in facts.get("points", "").split(";")]
        return Polygon(points=tuple((float(pair[0]), float(pair[-1])) for pair in points))
    if each.tag == "mask":
        left, top, width, height = (int(float(facts.get(name, "nan"))) for name in ("left", "top", "width", "height"))
        runs = tuple(int(run) for run in facts.get("rle", "").split(",") if run.strip())
        return Mask(left=left, top=top, width=width, height=height, runs=runs)
    raise FaultyLabel(Oddity.UNREAD_SHAPE, f"a {each.tag}, which is not read")
