"""The bench of videos, on a drawn clip: what is measured is measured right, and people are charged for what they do."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.track.motion import FlowMotion
from tests.bench.video import Clip, boxes_needed, measure, read_tracks, starwars
from tests.bench.video_people import Labelling, label_clip
from tests.track.scenes import Scene, Walker

FRAMES = 41
SCENE = Scene(
    (Walker((5, 15), (3, 0), 14, there=(0, 40), seed=1), Walker((170, 100), (-3, 0), -14, there=(0, 40), seed=2)),
    frames=FRAMES,
)


@pytest.fixture(scope="module")
def motion() -> FlowMotion:
    return FlowMotion.of((at, SCENE.draw(at)) for at in range(FRAMES))


def seen(at: int) -> np.ndarray:
    return np.stack([walker.box(at) for walker in SCENE.walkers])


def test_flow_and_detector_need_fewer_boxes_than_a_line(motion: FlowMotion) -> None:
    tracks = [[(at, walker.box(at)) for at in range(FRAMES)] for walker in SCENE.walkers]
    clip = Clip(tracks, motion, [seen(at) for at in range(FRAMES)])
    found = measure(clip, 20, (0, FRAMES), "line")
    assert (found.drawn, found.boxes, len(found.iou)) == (6, 82, 76)
    assert found.per_1000 == pytest.approx(1000 * 6 / 82)
    line, both = (boxes_needed(clip, (0, FRAMES), way)["step"] for way in ("line", "flow + detector + line"))
    assert both == 20
    assert line is None or line <= both


def test_people_are_asked_about_few_frames_and_nothing_is_lost(motion: FlowMotion) -> None:
    truth = {at: [(n, walker.box(at)) for n, walker in enumerate(SCENE.walkers)] for at in range(FRAMES)}
    detections = [seen(at) for at in range(FRAMES)]
    found = label_clip(Labelling(FRAMES, truth, motion, detections))
    cost, quick = found["classic"], found["extreme-clicking"]
    assert found["precision"] == found["recall"] == 1
    assert cost["human_seconds_manual"] == round(FRAMES * 7.8 + 82 * 25.5)
    assert cost["human_seconds"] < cost["human_seconds_manual"] / 4
    assert quick["human_seconds_manual"] == round(FRAMES * 7.8 + 82 * 7.0)
    assert quick["human_seconds"] == cost["human_seconds"], "nothing is drawn here"
    assert found["boxes_drawn"] == 0, "the detector knows them all"
    assert found["hota"] > 0.9 and found["id_switches"] == 0


def test_tracks_of_a_motchallenge_file_are_read_in_pixels_of_the_clip(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("2,7,16,8,32,16,1,0,0,0\n1,7,0,8,32,16,1,0,0,0\n1,9,0,0,8,8,1,0,0,0\n")
    tracks = read_tracks(tmp_path / "gt.txt")
    assert [[frame for frame, _ in track] for track in tracks] == [[0, 1], [0]]
    assert tracks[0][1][1].tolist() == [10, 5, 30, 15]


def test_stills_are_followed_within_their_shots(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "Annotations").mkdir()
    for shot in (0, 300):
        for at in range(8):
            name = f"play{shot + 6 * at:04d}"
            cv2.imwrite(str(tmp_path / "JPEGImages" / f"{name}.jpg"), SCENE.draw(at))
            edges = dict(zip(("xmin", "ymin", "xmax", "ymax"), SCENE.walkers[0].box(at), strict=True))
            inside = "".join(f"<{edge}>{value}</{edge}>" for edge, value in edges.items())
            (tmp_path / "Annotations" / f"{name}.xml").write_text(
                f"<annotation><object><name>tie</name><bndbox>{inside}</bndbox></object></annotation>"
            )
    found = starwars(tmp_path)
    assert (found["tracks"], found["boxes"]) == (2, 16)
    assert found["step_3"]["flow + line"]["share"] == 1
