"""Pascal VOC: one XML file for each picture; corners are taken and given as they stand, as labelImg writes them.

Source:
    The PASCAL VOC 2012 development kit, section 4.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from blocks.errors import BadTruth
from blocks.shapes import Bounds
from blocks.storage.outside_files import parse_xml, read_bounded
from tasks.dataset.formats.reading import MAX_LABEL_BYTES, TruthReading, pictures_in, visible
from tasks.dataset.formats.target import SPLITS, Target
from tasks.dataset.original_names import told_apart


class VocFormat:
    """`JPEGImages/`, `Annotations/` and `ImageSets/Main/<split>.txt`; all pictures lie in one folder."""

    name = "voc"
    shapes = frozenset({"box"})

    def read(self, folder: Path) -> TruthReading:
        """Read one XML file for each picture, found by the picture's name."""
        annotations: dict[str, Path] = {path.stem: path for path in visible(folder.rglob("*.xml"))}
        reading = TruthReading()
        for path in pictures_in(folder):
            xml = annotations.get(path.stem)
            boxes = list(_voc_boxes(xml, reading)) if xml else None
            reading.add(path, boxes)
        reading.classes = sorted({name for boxes in reading.boxes.values() for name, _ in boxes})
        return reading

    def write(self, target: Target) -> None:
        """Write pictures, an XML file for each, and which of them are in which split."""
        annotations, sets = target.place / "Annotations", target.place / "ImageSets" / "Main"
        for folder in (annotations, sets, target.place / "JPEGImages"):
            folder.mkdir(parents=True)
        stems: dict[str, list[str]] = {split: [] for split in SPLITS}
        for picture in target.pictures():
            item, name = picture.item, PurePosixPath(picture.name.name)
            if (annotations / name).with_suffix(".xml").exists():
                name = told_apart(name, item)  # of another folder, or a.jpg and a.png
            labels, found = target.usable(item)
            root = ElementTree.Element("annotation")
            _add(root, {"folder": "JPEGImages", "filename": name.name})
            _add(ElementTree.SubElement(root, "size"), {"width": item.width, "height": item.height, "depth": 3})
            for label, edges in zip(labels, found.xyxy.tolist(), strict=True):
                one = ElementTree.SubElement(root, "object")
                _add(one, {"name": label.class_name, "pose": "Unspecified", "truncated": 0, "difficult": 0})
                corners = {tag: f"{edge:.10g}" for tag, edge in zip(CORNERS, edges, strict=True)}
                _add(ElementTree.SubElement(one, "bndbox"), corners)
            path = (annotations / name).with_suffix(".xml")
            ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
            stems[item.split].append(name.stem)
            target.put_image(item, target.place / "JPEGImages" / name)
            target.count(picture, name, labels)
            kinds = sum(1 for label in labels if label.kind)
            if kinds:
                target.result.notes["labels with an exact kind, which VOC cannot hold (COCO does)"] += kinds
        for split, names in stems.items():
            (sets / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


CORNERS = ("xmin", "ymin", "xmax", "ymax")


def _add(parent: ElementTree.Element, texts: Mapping[str, object]) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = str(text)


def _voc_boxes(xml: Path, reading: TruthReading) -> Iterator[tuple[str, Bounds]]:
    try:
        root = parse_xml(read_bounded(xml, BadTruth, MAX_LABEL_BYTES), xml.name, BadTruth)
    except BadTruth as error:
        reading.problems.append(f"{error}; its boxes are left out")
        return
    for number, found in enumerate(root.iter("object"), start=1):
        try:
            name = (found.findtext("name") or "").strip()
            box = found.find("bndbox")
            if not name or box is None:
                raise ValueError("no name or no bndbox")
            edges = [float(box.findtext(tag) or "nan") for tag in CORNERS]
        except ValueError as error:
            reading.problems.append(f"{xml.name}, object {number}: {error}; it is left out")
            continue
        yield name, (edges[0], edges[1], edges[2], edges[3])
