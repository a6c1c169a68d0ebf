"""Masks to polygons and back, and through every format that has them: how alike they are, and at how many corners.

Drawn objects of 8 to 75 px a side, every second with a hole and every third with a part of its own. What is written in
`.labelline/bench/video.json` under `conversions`:

    python -m tests.bench.conversions
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from blocks.catalog import migrate
from blocks.database.engine import open_engine
from blocks.shapes import Polygon, Shape
from blocks.storage.stores import FolderStore
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.take_along import take_along
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import corners_of, simplified
from tasks.kinds.outlines.trace import mask_of, traced
from tests.dataset.formats.test_outlines import HELD, SIZE, settle
from tests.kinds.outlines.drawn import drawn_object

OUTPUT = Path(".labelline/bench/video.json")
SIDES, EACH = (8, 12, 20, 40, 75), 12
SMALL_PX = 200


def main() -> None:
    """Measure, and write it beside what else is there."""
    report = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    report["conversions"] = conversions()
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["conversions"], indent=1))


def conversions() -> dict[str, Any]:
    """Return the least mask IoU and whether areas, holes and parts are kept, by the way that masks go."""
    rasters = [Raster(2, 3, drawn_object(seed, side)) for side in SIDES for seed in range(EACH)]
    small = [one for one in rasters if one.area < SMALL_PX]
    polygons = [traced(one) for one in rasters]
    fewer = [simplified(polygon) for polygon in polygons]
    return {
        "objects": len(rasters),
        "below_200_px": len(small),
        "polygon": _worth(rasters, polygons),
        "formats": dict(_through_formats(rasters)),
        "simplified": {
            "least_iou": round(min(mask_iou(rasterised(a), b) for a, b in zip(fewer, rasters, strict=True)), 4),
            "corners_median_before": float(np.median([corners_of(one) for one in polygons])),
            "corners_median": float(np.median([corners_of(one) for one in fewer])),
        },
    }


def _worth(rasters: list[Raster], shapes: list[Shape] | list[Polygon]) -> dict[str, Any]:
    back = [rasterised(shape) for shape in shapes]
    alike = [mask_iou(one, other) for one, other in zip(rasters, back, strict=True)]
    small = [value for value, one in zip(alike, rasters, strict=True) if one.area < SMALL_PX]
    same = [_rings(one) == _rings(other) for one, other in zip(rasters, back, strict=True)]
    return {
        "least_iou": min(alike),
        "least_iou_below_200_px": min(small),
        "area_exact": all(one.area == other.area for one, other in zip(rasters, back, strict=True)),
        "holes_and_parts_kept": all(same),
    }


def _rings(raster: Raster) -> list[int]:
    return [len(piece.holes) for piece in traced(raster).pieces]


def _through_formats(rasters: list[Raster]) -> Iterator[tuple[str, dict[str, Any]]]:
    for fmt, kind in HELD:
        with tempfile.TemporaryDirectory() as made:
            url, folder = f"sqlite:///{made}/catalog.sqlite", Path(made)
            migrate(url)
            engine = open_engine(url)
            shaped = traced if kind == "polygons" else mask_of
            collection = settle(engine, kind, [shaped(one) for one in rasters])
            take_along(engine, FolderStore(folder / "objects"), collection, folder / "out", fmt, "none")  # type: ignore[arg-type]
            with open_dataset(folder / "out", fmt, lambda _: SIZE, outlines=True) as dataset:
                (picture,) = dataset.pictures()
            engine.dispose()
        yield f"{fmt} {kind}", _worth(rasters, [label.shape for label in picture.labels or ()])


if __name__ == "__main__":
    main()
