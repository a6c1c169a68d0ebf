"""Pascal VOC: one XML file for each picture; corners are taken and given as they stand, as labelImg writes them.

Source:
    The PASCAL VOC 2012 development kit, section 4.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from xml.etree import ElementTree

from blocks.errors import BadTruth
from blocks.storage.outside_files import parse_xml, read_bounded
from tasks.dataset.formats.reading.faults import Oddity, fault_of
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import MAX_LABEL_BYTES, Reading
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import SPLITS, Target
from tasks.dataset.original_names import told_apart

OBJECT = "object"


class VocFormat:
    """`JPEGImages/`, `Annotations/` and `ImageSets/Main/<split>.txt`; all pictures lie in one folder."""

    name = "voc"
    shapes = frozenset({"box"})
    unit = OBJECT
    holds_texts = False
    rooms: frozenset[Room] = frozenset()

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read an XML file for each picture, found by the picture's name or by the name in the file."""
        splits, told = _splits(reading), set[str]()
        stems: dict[str, list[str]] = {}
        for name in reading.files.pictures:
            stems.setdefault(PurePosixPath(name).stem, []).append(name)
        for xml in reading.files.with_suffix(".xml"):
            root = _root_of(xml, reading)
            if root is not None and root.tag != "annotation":
                reading.problems.add(
                    Oddity.NOT_LABELS, xml, "", f"is no Pascal VOC ({root.tag!r}, not 'annotation')", "note"
                )
                continue
            name = _picture_of(xml, root, stems, reading)
            if name in told:
                reading.problems.add(Oddity.DOUBLED_PICTURE, xml, "", f"a second file for {name}; the first one counts")
                continue
            told.add(name)
            sight = reading.see(name, _said_size(root), xml)
            if sight is not None and root is None:
                yield ReadPicture(sight.name, sight.path, sight.size_wh, None)
            elif sight is not None and root is not None:
                raw, lost = _voc_labels(root, xml, reading)
                yield reading.picture(sight, raw, OBJECT, lost=lost, split=splits.get(PurePosixPath(name).stem))
        for name in reading.files.pictures:
            if name not in told:
                sight = reading.see(name)
                if sight is not None:
                    yield reading.picture(sight, None, OBJECT)

    def write(self, target: Target) -> None:
        """Write pictures, an XML file for each, and which of them are in which split."""
        annotations, sets = target.place / "Annotations", target.place / "ImageSets" / "Main"
        for folder in (annotations, sets, target.place / "JPEGImages"):
            folder.mkdir(parents=True)
        stems: dict[str, list[str]] = {split: [] for split in SPLITS}
        taken: set[str] = set()
        for written in target.pictures():
            item, name = written.item, PurePosixPath(written.name.name)
            if name.stem.casefold() in taken:
                name = told_apart(name, item)  # of another folder, or a.jpg and a.png
            taken.add(name.stem.casefold())
            root = ElementTree.Element("annotation")
            _add(root, {"folder": "JPEGImages", "filename": name.name})
            _add(ElementTree.SubElement(root, "size"), {"width": item.width, "height": item.height, "depth": 3})
            for each in written.labels:
                one = ElementTree.SubElement(root, "object")
                _add(one, {"name": each.label.class_name, "pose": "Unspecified", "truncated": 0, "difficult": 0})
                edges = each.box_xyxy_px or each.label.box_xyxy_px
                corners = {tag: f"{edge:.10g}" for tag, edge in zip(CORNERS, edges, strict=True)}
                _add(ElementTree.SubElement(one, "bndbox"), corners)
            path = (annotations / name).with_suffix(".xml")
            ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
            stems[item.split].append(name.stem)
            target.put_image(item, target.place / "JPEGImages" / name)
            target.count(written, name)
        _write_label_map(target)
        for split, names in stems.items():
            (sets / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


ATTRIBUTES = ("pose", "truncated", "difficult", "occluded")


def _write_label_map(target: Target) -> None:
    """Write the list of classes, without which CVAT and datumaro know only Pascal's own twenty.

    Source:
        https://docs.cvat.ai/docs/manual/advanced/formats/format-voc/
    """
    names = target.manifest.classes
    parted = [name for name in names if ":" in name or name.startswith("#")]
    if parted:
        target.result.notes["classes whose names labelmap.txt cannot hold (CVAT will not know them)"] += len(parted)
    lines = "".join(f"{name}:::\n" for name in names if name not in parted)
    (target.place / "labelmap.txt").write_text(f"# label:color_rgb:parts:actions\n{lines}", encoding="utf-8")


CORNERS = ("xmin", "ymin", "xmax", "ymax")


def _add(parent: ElementTree.Element, texts: Mapping[str, object]) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = str(text)


def _root_of(xml: str, reading: Reading) -> ElementTree.Element | None:
    try:
        return parse_xml(read_bounded(reading.files.path(xml), BadTruth, MAX_LABEL_BYTES), "it", BadTruth)
    except BadTruth as error:
        reading.problems.add(Oddity.UNREADABLE_FILE, xml, "", f"{error}; so what its picture shows is not known")
        return None


def _picture_of(xml: str, root: ElementTree.Element | None, stems: Mapping[str, list[str]], reading: Reading) -> str:
    """Return the picture of an XML file: of the same name, or the one that it names, or how it would be called."""
    said = (root.findtext("filename") or "").strip() if root is not None else ""
    stem = PurePosixPath(xml).stem
    found = stems.get(stem, [])
    if len(found) > 1:  # a.jpg and a.png, or namesakes in folders
        near = [name for name in found if PurePosixPath(name).parts[1:-1] == PurePosixPath(xml).parts[1:-1]]
        named = [name for name in found if name.endswith(f"/{said}") or name == said] if said else []
        found = next((few for few in ([n for n in near if n in named], near, named) if len(few) == 1), found)
    if len(found) == 1:
        return found[0]
    if found:
        reading.problems.add(
            Oddity.AMBIGUOUS_PICTURE, xml, "", f"may be of {' or '.join(found[:3])}; taken for none of them"
        )
        return stem
    return reading.find(said, xml) or said if said else stem


def _said_size(root: ElementTree.Element | None) -> tuple[int, int] | None:
    if root is None:
        return None
    try:
        return int(float(root.findtext("size/width") or 0)), int(float(root.findtext("size/height") or 0))
    except (ValueError, OverflowError):
        return None


def _splits(reading: Reading) -> dict[str, str]:
    """Return the part of the dataset of each picture, by its name without suffix, from `ImageSets/Main/<split>.txt`."""
    splits: dict[str, str] = {}
    for name in reading.files.with_suffix(".txt"):
        split = SPLIT_NAMES.get(PurePosixPath(name).stem)
        if split and "ImageSets" in PurePosixPath(name).parts:
            text = read_bounded(reading.files.path(name), BadTruth, MAX_LABEL_BYTES).decode("utf-8-sig", "replace")
            splits |= {line.split()[0]: split for line in text.splitlines() if line.strip()}
    return splits


def _voc_labels(root: ElementTree.Element, xml: str, reading: Reading) -> tuple[list[RawLabel], int]:
    labels, lost = [], 0
    for number, found in enumerate(root.findall("object"), start=1):
        try:
            name = (found.findtext("name") or "").strip()
            box = found.find("bndbox")
            if not name or box is None:
                raise ValueError("no name or no bndbox")
            left, top, right, bottom = (float(box.findtext(tag) or "nan") for tag in CORNERS)
        except ValueError as error:
            reading.problems.add(fault_of(error), xml, f"{OBJECT} {number}", str(error))
            lost += 1
            continue
        said = {tag: (found.findtext(tag) or "").strip() for tag in ATTRIBUTES}
        attributes = {tag: text for tag, text in said.items() if text not in ("", "0", "Unspecified")}
        labels.append(RawLabel(name, (left, top, right, bottom), xml, number, attributes=attributes))
    return labels, lost
