"""How many copies fingerprints find, what they take for one, and how long 100,000 items take.

Of each picture of Caltech-101 copies are made as they come about: smaller, pressed, brighter, a margin cut off. A copy
counts as found where it is a near-duplicate of its own picture; each pair of different pictures that is called alike is
shown by name, as a few of them are. A small margin is all that may be missing.

    python -m tests.bench.near_duplicates
"""

import argparse
import io
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance
from sqlalchemy import insert

from blocks.catalog import migrate
from blocks.database.engine import open_engine, writing
from blocks.database.tables import Item, Source
from blocks.database.vector_tables import Fingerprint
from tasks.intake.near_duplicates.find import MOST_BITS, _distances, _rows, find_near_duplicates
from tasks.intake.near_duplicates.fingerprints import BYTES, fingerprint_of_picture
from tests.bench.peak_memory import peak_mb

ITEMS, CHUNK = 100_000, 5_000
OUTPUT = Path(".labelline/bench/near_duplicates.json")


def main() -> None:
    """Measure, print and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    folder = parser.parse_args().data / "caltech101"
    report: dict[str, Any] = {"pictures": on_pictures(folder) if folder.is_dir() else None, "scale": at_scale()}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def on_pictures(folder: Path) -> dict[str, Any]:
    """Return the share of copies that are found, by what was done to them, and pairs of others called alike."""
    paths = sorted(path for path in folder.glob("*/*.jpg"))
    whole = [Image.open(path).convert("RGB") for path in paths]
    rows = _rows([fingerprint_of_picture(one) for one in whole])
    pairs = np.argwhere(np.triu(_distances(rows, rows), 1) + 255 * np.tri(len(rows), dtype=int) <= MOST_BITS)
    named = [[str(paths[at].relative_to(folder)) for at in pair] for pair in pairs]
    found = {}
    for name in ("half the size", "JPEG of quality 30", "a tenth brighter", "2 % cut off each side"):
        copies = _rows([fingerprint_of_picture(copied(one, name)) for one in whole])
        found[name] = round(
            float(
                np.mean(
                    [_distances(copies[at : at + 1], rows[at : at + 1])[0, 0] <= MOST_BITS for at in range(len(rows))]
                )
            ),
            4,
        )
    return {"pictures": len(paths), "found": found, "pairs called alike": len(named), "first": named[:12]}


def copied(picture: Image.Image, how: str) -> Image.Image:
    """Return a copy of a picture as it may come about."""
    width, height = picture.size
    if how == "half the size":
        return picture.resize((width // 2, height // 2), Image.Resampling.LANCZOS)
    if how == "a tenth brighter":
        return ImageEnhance.Brightness(picture).enhance(1.1)
    if how == "2 % cut off each side":
        return picture.crop((width // 50, height // 50, width - width // 50, height - height // 50))
    pressed = io.BytesIO()
    picture.save(pressed, "JPEG", quality=30)
    return Image.open(pressed).convert("RGB")


def at_scale() -> dict[str, float]:
    """Return seconds and peak memory of comparing 100,000 items, of which a hundredth are copies, and 256 more."""
    draw = np.random.default_rng(0)
    bits = draw.integers(0, 256, (ITEMS + 256, BYTES), dtype=np.uint8)
    bits[1:ITEMS:100] = bits[0:ITEMS:100]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/catalog.sqlite"
        migrate(url)
        engine = open_engine(url)
        taken = {}
        for name, span in (("first 100,000", range(ITEMS)), ("256 more", range(ITEMS, ITEMS + 256))):
            for start in range(span.start, span.stop, CHUNK):
                some = range(start, min(span.stop, start + CHUNK))
                items = [
                    {"id": f"{at:064d}", "key": "k", "name": f"{at}", "sequence": "s", "media_type": "image/png"}
                    | {"size_bytes": 1, "width": 1, "height": 1, "plain": True, "orientation": 1}
                    for at in some
                ]
                sources = [
                    {"collection": "c", "uri": f"u{at}", "item_id": f"{at:064d}", "state": "taken"} for at in some
                ]
                prints = [{"item_id": f"{at:064d}", "bits": bits[at].tobytes()} for at in some]
                with writing(engine) as session:
                    for table, rows in ((Item, items), (Source, sources), (Fingerprint, prints)):
                        session.execute(insert(table), rows)
            before, began = peak_mb(), time.perf_counter()
            found = find_near_duplicates(engine, "c")
            taken[f"{name}, s"] = round(time.perf_counter() - began, 1)
            taken[f"{name}, MB more"] = round(peak_mb() - before)
        return {**taken, "copies": found.copies, "peak MB": round(peak_mb())}


if __name__ == "__main__":
    main()
