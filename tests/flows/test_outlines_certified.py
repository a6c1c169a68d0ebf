"""The line with a promise, of outlines: what people see and judge is the outline, and by its pixels it is right or not.

Of cells a network proposes what is there; of rods it proposes hollow ones, whose boxes are those of the true rods. So a
promise about boxes would hold of both, and one about outlines holds of the cells alone.
"""

from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from scipy import ndimage
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.audit_tables import Judgement, Said
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item, Label, Proposal, Scan
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from blocks.shapes import shape_columns, shape_of
from flows.intake import intake
from flows.label import label
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from infra.demo.outlines.dishes import CLASSES, DrawnDishes, draw_dishes
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import read_thresholds
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.options import TilingOptions
from tasks.detect.refs import Scope
from tasks.kinds.geometry import RIGHT_IOU
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.triage.options import TriageOptions
from tests.flows.surroundings import at_work, save_plugs

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PICTURES = 4
SHAPED = {"polygons": traced, "masks": mask_of}
RISK_CONTROL = RiskControlOptions(max_error_rate=0.4, confidence=0.6, most_share=1.0, boxes_per_class=8)


def save_segmenter(path: Path) -> Path:
    import torch
    from ultralytics.nn.tasks import SegmentationModel

    plan = {
        "nc": len(CLASSES),
        "channels": 3,
        "scales": {"n": [0.33, 0.125, 1024]},
        "scale": "n",
        "backbone": [[-1, 1, "Conv", [64, 3, 2]], [-1, 1, "Conv", [128, 3, 2]], [-1, 1, "Conv", [256, 3, 2]]],
        "head": [[[0, 1, 2], 1, "Segment", ["nc", 8, 64]]],
    }
    network = SegmentationModel(plan, ch=3, nc=len(CLASSES), verbose=False)
    network.names = dict(enumerate(CLASSES))
    torch.save({"model": network, "train_args": {}}, path)
    return path


def hollow(raster: Raster) -> Raster:
    inside = ndimage.binary_erosion(np.pad(raster.pixels, 1), iterations=2)[1:-1, 1:-1]
    return Raster(raster.left, raster.top, raster.pixels & ~inside)


def propose(engine: Engine, line: LineOptions, dishes: DrawnDishes) -> None:
    """Write what that network would propose of every picture."""
    seen = {"detector": version_of(Path(line.detector)), "recipe": line.tiling.recipe(line.classes)}
    with reading(engine) as session:
        ids = {item.name: item.id for item in session.exec(select(Item))}
    scans, proposals = [], []
    for name, objects in dishes.truth.items():
        mine = {"item_id": ids[name], **seen}
        scans.append({**mine, "proposals": len(objects), "whole_frame": 0, "tiles": 2})
        for rank, one in enumerate(objects):
            raster = hollow(one.raster) if one.class_name == "rod" else one.raster
            assert (mask_iou(raster, one.raster) < RIGHT_IOU) == (one.class_name == "rod")
            row = {"id": f"{name} {rank}", "class_name": one.class_name, "score": 0.95 - 0.01 * rank, "view": "tile"}
            proposals.append({**mine, **row, **shape_columns(SHAPED[line.label_kind](raster))})
    with writing(engine) as session:
        upsert(session, Scan, scans)
        upsert(session, Proposal, proposals)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["polygons", "masks"])
def test_a_threshold_is_certified_of_outlines_that_are_right_and_of_no_others(
    engine: Engine,
    experiments: Experiments,
    label_studio: AnnotationServer,
    prefect_api: str,
    tmp_path: Path,
    kind: str,
) -> None:
    name = f"{kind}-{uuid4().hex[:8]}"
    save_plugs(name, engine, label_studio, tmp_path, experiments)
    dishes = draw_dishes(tmp_path / "dishes", PICTURES, 3)
    line = LineOptions(
        collection=name,
        label_kind=kind,
        classes=CLASSES,
        detector=str(save_segmenter(tmp_path / "tiny.pt")),
        tiling=TilingOptions(tile_px=320, whole_image=False, backend="torch"),
        triage=TriageOptions(image_outliers=False, outlier_z=100),
        risk_control=RISK_CONTROL,
        parts=None,
    )
    assert intake(str(dishes.images), name, plugs=name).taken == PICTURES
    propose(engine, line, dishes)
    world = read_world(dishes.folder, "coco", outlines=True)
    with at_work(Simulation(label_studio, world, name, People(count=2, skill=1.0))) as people:
        report = label(line, name)

    assert report.batch and report.certified and report.settled and report.triaged and report.detector
    assert set(report.certified.in_force.accept_from) == {"cell"}
    scope = Scope(report.batch.id, report.detector.version, line.tiling.recipe(line.classes))
    standing = {class_name: one.standing for class_name, one in read_thresholds(engine, scope).items()}
    assert standing["cell"] == "certified" and standing["rod"] != "certified"
    with reading(engine) as session:
        drawn = session.exec(select(Judgement).where(col(Judgement.said).is_not(None))).all()
        labels = session.exec(select(Label).where(col(Label.retracted).is_(False))).all()
    assert {(one.class_name, one.said) for one in drawn} == {("cell", Said.RIGHT), ("rod", Said.WRONG)}
    assert people.report.answers_by_queue["confirm-box"] == len(drawn)
    assert report.triaged.boxes_by_outcome["accept"] > 0
    assert report.settled.items_settled == PICTURES
    names = dict(world_names(engine))
    for one in labels:
        true = [there.raster for there in dishes.truth[names[one.item_id]] if there.class_name == one.class_name]
        assert max(mask_iou(rasterised(shape_of(one)), raster) for raster in true) >= RIGHT_IOU


def world_names(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as session:
        return [(item.id, item.name) for item in session.exec(select(Item))]
