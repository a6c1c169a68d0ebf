"""Labels to take along: settled truth as a folder in a format of `formats/`, with the pictures under their names.

Written beside its place and moved there whole, so a crash leaves no half dataset; called again it begins anew. Pictures
and labels pass one by one: nothing holds a whole collection. Boxes are those of the upright picture, cut at its border.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine

from blocks.storage.stores import Store
from tasks.dataset.formats.registry import able_to_hold, format_that_holds
from tasks.dataset.formats.writing.converting import convert_manifest
from tasks.dataset.formats.writing.holding import ROOMS, said_before
from tasks.dataset.formats.writing.place import FACTS, check_target, moved_whole
from tasks.dataset.formats.writing.space import check_space
from tasks.dataset.formats.writing.target import Images, TakenAlong, Target
from tasks.dataset.left_out import count_left_out, kept_certificate
from tasks.dataset.snapshots import draw_manifest

Format = Literal[
    "coco", "yolo", "voc", "cvat", "label-studio", "csv", "jsonl", "fiftyone", "folders", "mot", "davis", "conll",
    "spacy",
]  # fmt: skip


def take_along(
    engine: Engine,
    store: Store,
    collection: str,
    folder: Path,
    fmt: Format,
    images: Images,
    say: Callable[[str], None] = lambda _line: None,
    *,
    overwrite: bool = False,
    convert_to: str | None = None,
) -> TakenAlong:
    """Write the settled truth of a collection as a dataset.

    Args:
        engine: The catalogue.
        store: Where the pictures are.
        collection: Whose truth.
        folder: Where it goes; absent, empty, or with `overwrite` an earlier export and nothing beside it.
        fmt: COCO (`annotations/instances_<split>.json`), YOLO (`labels/<split>/` and `data.yaml`), CVAT
            (`annotations.xml`), Label Studio (`tasks.json`), CSV (`labels.csv`), JSON lines (`labels.jsonl`) or
            FiftyOne (`samples.json`), each with `images/<split>/`; VOC (`Annotations/`, `JPEGImages/` and
            `ImageSets/Main/`); for classes of whole pictures folders (`<split>/<class>/`), too; for masks DAVIS
            (`Annotations/<sequence>/`, `JPEGImages/<sequence>/`, `ImageSets/` and `meta.json`).
            Classes of texts go into CSV, JSON lines, Label Studio and folders of text files.
            For spans of texts CoNLL (`<split>.conll`) or JSON lines as spaCy's tools have them (`<split>.jsonl`).
        images: Copy the pictures, link to those in the store (a folder), or leave them out.
        say: Called with each thing that will be replaced or mended, or that the format cannot hold, before anything is
            written.
        overwrite: Replace the export that is there, once the new one is whole.
        convert_to: As which kind of label they are written: boxes, polygons or masks; None: as they are.

    Raises:
        BadOption: The folder holds anything else, or cannot be written, the store's pictures cannot be linked to, or
            the format cannot hold such labels.
        NotEnoughData: Nothing of the collection is settled yet.
        ObjectMissing: A picture is not in the store any more.
    """
    replaced = check_target(folder, store, images, overwrite=overwrite)
    if replaced:
        say(replaced)
    with tempfile.TemporaryDirectory(prefix="labelline-export-") as drawn:
        ref, manifest = draw_manifest(engine, collection, Path(drawn))
        if convert_to is not None:
            manifest, lost = convert_manifest(manifest, convert_to, Path(drawn))
            for what, count in lost.items():
                say(f"{count} {what}")
        form = format_that_holds(fmt, manifest.kind, texts=manifest.medium == "texts")
        result = TakenAlong(folder, ref, manifest.medium, left_out=count_left_out(engine, collection))
        able = {room: able_to_hold(room, manifest.kind, manifest.medium) for room in ROOMS}
        for line in said_before(manifest, fmt, form.rooms, able):
            say(line)
        if images == "copy":
            check_space(engine, manifest, folder)
        with moved_whole(folder, overwrite=overwrite) as place:
            form.write(Target(engine, store, manifest, place, images, result, with_provenance="origin" in form.rooms))
            certificate = kept_certificate(engine, store, ref.id)
            result.has_certificate = certificate is not None
            for name, text in (certificate or {}).items():
                (place / name).write_text(text, encoding="utf-8")
            facts = {"snapshot": ref.id, "collection": collection, "classes": list(ref.classes), "labels": ref.labels}
            facts |= {"pictures": dict(result.pictures), "left_out": result.left_out}
            (place / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    return result
