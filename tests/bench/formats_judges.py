"""What readers that we did not write find in what we write: pycocotools, ultralytics, supervision, datumaro.

datumaro wants other versions of much that stands here, so it lives in an environment of its own (`.venv-datumaro`).
"""

import json
import subprocess
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

PICTURES = 60

DATUMARO = Path(".venv-datumaro/bin/python")

BY_DATUMARO = {"coco": "coco", "yolo": "yolo", "voc": "voc", "cvat": "cvat"}
"""Our names of formats to datumaro's."""

SCRIPT = """
import json, sys
import datumaro as dm
dataset = dm.Dataset.import_from(sys.argv[1], sys.argv[2])
items = list(dataset)
boxes = [each for item in items for each in item.annotations if each.type == dm.AnnotationType.bbox]
print(json.dumps({"pictures": len(items), "labels": len(boxes)}))
"""


def judge(room: Path) -> dict[str, Any]:
    """Write real pictures with labels in each format, and let others count what they find."""
    written = _write(room)
    found: dict[str, Any] = {"written": written}
    judges: dict[str, Callable[[Path], dict[str, int]]] = {
        "pycocotools coco": _pycocotools,
        "ultralytics yolo": _ultralytics,
        "supervision yolo": _supervision_yolo,
        "supervision coco": _supervision_coco,
        "supervision voc": _supervision_voc,
    }
    for name, look in judges.items():
        found[name] = look(room / f"judged-{name.rpartition(' ')[2]}")
    for ours, theirs in BY_DATUMARO.items():
        found[f"datumaro {ours}"] = _datumaro(room / f"judged-{ours}", theirs)
    return found


def _write(room: Path) -> dict[str, int]:
    from blocks.catalog import migrate
    from blocks.database.engine import open_engine
    from blocks.storage.stores import FolderStore
    from tasks.dataset.take_along import take_along
    from tests.dataset.scenes import draw_scene, settle_scenes

    url = f"sqlite:///{room}/judged.sqlite"
    migrate(url)
    engine, store = open_engine(url), FolderStore(room / "judged-objects")
    scenes = [draw_scene(n, sequence=f"s{n % 3}", squares=n % 5) for n in range(PICTURES)]
    settle_scenes(engine, store, scenes, {"s0": "train", "s1": "val", "s2": "test"})
    for fmt in BY_DATUMARO:
        result = take_along(engine, store, "lot", room / f"judged-{fmt}", fmt, "copy")  # type: ignore[arg-type]
    return {"pictures": result.pictures.total(), "labels": result.labels.total()}


def _pycocotools(folder: Path) -> dict[str, int]:
    from pycocotools.coco import COCO

    files = [folder / "annotations" / f"instances_{split}.json" for split in ("train", "val", "test")]
    with redirect_stdout(StringIO()):
        read = [COCO(str(path)) for path in files]
    return {"pictures": sum(len(each.imgs) for each in read), "labels": sum(len(each.anns) for each in read)}


def _ultralytics(folder: Path) -> dict[str, int]:
    from tasks.detect.backends.safe_weights import quiet_ultralytics

    quiet_ultralytics()
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(folder / "data.yaml"), autodownload=False)
    sets = [
        YOLODataset(img_path=data[split], data=data, task="detect", augment=False) for split in ("train", "val", "test")
    ]
    labels = [each for found in sets for each in found.labels]
    return {"pictures": len(labels), "labels": sum(len(each["cls"]) for each in labels)}


def _supervision_yolo(folder: Path) -> dict[str, int]:
    import supervision as sv

    return _counted(
        sv.DetectionDataset.from_yolo(
            str(folder / "images" / split), str(folder / "labels" / split), str(folder / "data.yaml")
        )
        for split in ("train", "val", "test")
    )


def _supervision_coco(folder: Path) -> dict[str, int]:
    import supervision as sv

    return _counted(
        sv.DetectionDataset.from_coco(
            str(folder / "images" / split), str(folder / "annotations" / f"instances_{split}.json")
        )
        for split in ("train", "val", "test")
    )


def _supervision_voc(folder: Path) -> dict[str, int]:
    import supervision as sv

    return _counted([sv.DetectionDataset.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))])


def _counted(sets: Any) -> dict[str, int]:
    found = [detections for each in sets for _, _, detections in each]
    return {"pictures": len(found), "labels": sum(len(each) for each in found)}


def _datumaro(folder: Path, fmt: str) -> dict[str, Any]:
    if not DATUMARO.exists():
        return {"skipped": f"{DATUMARO} is not there: make bench-formats installs it"}
    done = subprocess.run([DATUMARO, "-c", SCRIPT, str(folder), fmt], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"refused": done.stderr.strip().splitlines()[-1][:300]}
    counts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return counts
