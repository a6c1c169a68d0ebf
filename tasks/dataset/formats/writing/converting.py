"""A snapshot's labels as another kind has them, for whoever takes them along; the catalogue keeps them as they are."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from blocks.errors import BadOption
from blocks.shapes import Box
from tasks.dataset.manifest import Manifest, ManifestItem, ManifestLabel, head_line, item_line, tail_line
from tasks.kinds.outlines.conversion import converted_with_loss
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import label_kind

CONVERTIBLE = frozenset({"box", "polygon", "mask"})
"""`type` of the shapes between which labels are converted."""


def convert_manifest(manifest: Manifest, to: str, folder: Path) -> tuple[Manifest, Counter[str]]:
    """Return a manifest with the same labels as another kind has them, and what is lost, counted.

    Args:
        manifest: What is taken along.
        to: Name of the kind: boxes, polygons or masks.
        folder: Where the converted manifest is kept while it is read.

    Raises:
        BadOption: There is no such kind, or labels of one of the two are nowhere in a picture.
    """
    kind, lost = label_kind(to), Counter[str]()
    for each in (kind, label_kind(manifest.kind)):
        if not each.shapes <= CONVERTIBLE:
            raise BadOption(f"{each.name} are not converted: expected boxes, polygons or masks on both sides")
    path = folder / "converted.json"
    with path.open("w", encoding="utf-8") as out:
        out.write(head_line(manifest.collection, list(manifest.classes), to, is_plain=False))
        for number, item in enumerate(manifest.items()):
            out.write((",\n" if number else "") + item_line(_item(item, kind, lost)))
        out.write(tail_line())
    return replace(manifest, path=path, kind=to), +lost


def _item(item: ManifestItem, kind: LabelKind, lost: Counter[str]) -> ManifestItem:
    labels = [found for label in item.labels if (found := _label(label, kind, lost)) is not None]
    return item.model_copy(update={"labels": tuple(labels)})


def _label(label: ManifestLabel, kind: LabelKind, lost: Counter[str]) -> ManifestLabel | None:
    x_min, y_min, x_max, y_max = label.box_xyxy_px
    shape = label.shape or Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)
    found, why = converted_with_loss(shape, kind)
    if why is not None:
        lost[why] += 1
    if found is None:
        return None
    return label.model_copy(update={"shape": None if isinstance(found, Box) else found, "bounds_px": found.bounds()})
