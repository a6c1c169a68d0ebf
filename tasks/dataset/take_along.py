"""Labels to take along: settled truth as a folder in a format of `formats/`, with the pictures under their names.

Written beside its place and moved there whole, so a crash leaves no half dataset; called again it begins anew. Pictures
and labels pass one by one: nothing holds a whole collection. Boxes are those of the upright picture, cut at its border.
"""

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine

from blocks.errors import BadOption
from blocks.naming.names import hash_of
from blocks.storage.stores import FolderStore, Store
from tasks.dataset.formats.registry import able_to_hold, format_that_holds
from tasks.dataset.formats.writing.holding import ROOMS, said_before
from tasks.dataset.formats.writing.space import check_space
from tasks.dataset.formats.writing.target import Images, TakenAlong, Target
from tasks.dataset.left_out import count_left_out, kept_certificate
from tasks.dataset.snapshots import draw_manifest

Format = Literal["coco", "yolo", "voc", "cvat", "label-studio", "csv", "jsonl", "folders"]


def take_along(
    engine: Engine,
    store: Store,
    collection: str,
    folder: Path,
    fmt: Format,
    images: Images,
    say: Callable[[str], None] = lambda _line: None,
) -> TakenAlong:
    """Write the settled truth of a collection as a dataset.

    Args:
        engine: The catalogue.
        store: Where the pictures are.
        collection: Whose truth.
        folder: Where it goes; absent or empty.
        fmt: COCO (`annotations/instances_<split>.json`), YOLO (`labels/<split>/` and `data.yaml`), CVAT
            (`annotations.xml`), Label Studio (`tasks.json`), CSV (`labels.csv`) or JSON lines (`labels.jsonl`), each
            with `images/<split>/`; VOC (`Annotations/`, `JPEGImages/` and `ImageSets/Main/`); for classes of whole
            pictures folders (`<split>/<class>/`), too.
        images: Copy the pictures, link to those in the store (a folder), or leave them out.
        say: Called with each thing that the format cannot hold or that will be mended, before anything is written.

    Raises:
        BadOption: The folder is not empty or cannot be written, the store's pictures cannot be linked to, or the format
            cannot hold such labels.
        NotEnoughData: Nothing of the collection is settled yet.
        ObjectMissing: A picture is not in the store any more.
    """
    check_target(folder, store, images)
    with tempfile.TemporaryDirectory(prefix="labelline-export-") as drawn:
        ref, manifest = draw_manifest(engine, collection, Path(drawn))
        form = format_that_holds(fmt, manifest.kind)
        result = TakenAlong(folder, ref, left_out=count_left_out(engine, collection))
        for line in said_before(manifest, fmt, form.rooms, {room: able_to_hold(room) for room in ROOMS}):
            say(line)
        if images == "copy":
            check_space(engine, manifest, folder)
        with _moved_whole(folder) as place:
            form.write(Target(engine, store, manifest, place, images, result, with_provenance="origin" in form.rooms))
            certificate = kept_certificate(engine, store, ref.id)
            result.has_certificate = certificate is not None
            for name, text in (certificate or {}).items():
                (place / name).write_text(text, encoding="utf-8")
            facts = {"snapshot": ref.id, "collection": collection, "classes": list(ref.classes), "labels": ref.labels}
            facts |= {"pictures": dict(result.pictures), "left_out": result.left_out}
            (place / "snapshot.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    return result


def place_of(folder: str) -> Path:
    """Return the folder that somebody named.

    Raises:
        BadOption: It is no name of a folder.
    """
    if not folder.strip() or "\0" in folder:
        raise BadOption(f"{folder!r} is no name of a folder: name one that does not exist yet, or an empty one")
    return Path(folder).absolute()


def check_target(folder: Path, store: Store, images: Images) -> None:
    """Refuse a place for a dataset before anything is written there.

    Raises:
        BadOption: See `take_along`.
    """
    if images == "link" and not isinstance(store, FolderStore):
        raise BadOption("pictures cannot be linked to: this object store is no folder. Take --images copy or none.")
    try:
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise BadOption(f"{folder} is there and not empty: name a folder that does not exist yet, or an empty one")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".labelline-", dir=folder.parent):
            pass
    except OSError as error:
        raise BadOption(f"{folder} cannot be written: {error.strerror or error}. Name another folder.") from error


@contextmanager
def _moved_whole(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the target, which is moved there at the end; whatever goes wrong, nothing is left.

    The room is called by the target's name, so what a killed export left is found, and begun anew; two at once are told
    apart by a lock, which goes with its process.
    """
    room = folder.parent / f".labelline-{hash_of(str(folder.absolute()), 16)}"
    try:
        with _locked(room, folder):
            place = room / "dataset"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            try:
                yield place
                place.replace(folder)
            finally:
                shutil.rmtree(room)
    except OSError as error:
        raise BadOption(f"{folder} cannot be written: {error.strerror or error}. Nothing was left there.") from error


@contextmanager
def _locked(room: Path, folder: Path) -> Iterator[None]:
    room.mkdir(mode=0o700, exist_ok=True)
    found = room.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise BadOption(f"{room} is not a folder of this user: remove it, or name another place than {folder}")
    with (room / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadOption(f"another export is writing {folder}: wait for it, or name another folder") from error
        yield
