"""An object between two key frames, where flow and detections know better than a straight line, and where not."""

import numpy as np
import pytest

from tasks.kinds.geometry import Floats, paired_iou
from tasks.track.between import follow, straight
from tasks.track.motion import FlowMotion, flow_between
from tests.track.scenes import Scene, Walker

NOTHING = np.zeros((0, 4))
STILL = FlowMotion()


def scored(found: Floats, walker: Walker, frames: int = 21) -> Floats:
    return paired_iou(found, np.stack([walker.box(at) for at in range(1, frames - 1)]))


def test_without_flow_and_detections_it_is_a_straight_line() -> None:
    one, other = np.array([0.0, 0, 10, 10]), np.array([40.0, 20, 60, 40])
    found = follow((3, one), (7, other), STILL, [NOTHING] * 5)
    np.testing.assert_allclose(found.boxes_xyxy_px, straight(one, other, 4)[1:-1], atol=1e-4)


def test_neighbours_have_nothing_between() -> None:
    found = follow((3, np.array([0.0, 0, 1, 1])), (4, np.array([0.0, 0, 1, 1])), STILL, [NOTHING] * 2)
    assert found.boxes_xyxy_px.shape == (0, 4) and found.trust.shape == (0,)


def test_flow_follows_a_bent_path_that_a_line_cuts_off() -> None:
    walker = Walker((20, 40), (5, 0), bend_px=24)
    scene = Scene((walker,))
    motion = FlowMotion.of((at, scene.draw(at)) for at in range(21))
    ends = (0, walker.box(0)), (20, walker.box(20))
    by_line = scored(straight(walker.box(0), walker.box(20), 20)[1:-1], walker)
    by_flow = scored(follow(*ends, motion, [NOTHING] * 21).boxes_xyxy_px, walker)
    assert by_line.min() < 0.3
    assert by_flow.min() > by_line.min() + 0.25


def test_detections_follow_it_too_with_the_offset_that_they_have_at_the_key_frames() -> None:
    walker = Walker((20, 40), (5, 0), bend_px=12)
    beside = np.array([3.0, 2, 3, 2])
    seen = [(walker.box(at) + beside)[None] for at in range(21)]
    found = follow((0, walker.box(0)), (20, walker.box(20)), STILL, seen)
    assert scored(found.boxes_xyxy_px, walker).min() > 0.75
    assert (
        scored(follow((0, walker.box(0)), (20, walker.box(20)), STILL, [NOTHING] * 21).boxes_xyxy_px, walker).min()
        < 0.5
    )


def test_a_detection_of_somebody_else_changes_nothing() -> None:
    walker = Walker((20, 40), (5, 0))
    other = [(walker.box(at) + np.array([0.0, 40, 0, 40]))[None] for at in range(21)]
    found = follow((0, walker.box(0)), (20, walker.box(20)), STILL, other)
    assert scored(found.boxes_xyxy_px, walker).min() > 0.99


def test_trust_is_higher_where_everything_agrees() -> None:
    straight_on, bent = Walker((20, 40), (5, 0)), Walker((20, 40), (5, 0), bend_px=24)
    trusts = []
    for walker in (straight_on, bent):
        scene = Scene((walker,))
        motion = FlowMotion.of((at, scene.draw(at)) for at in range(21))
        trusts.append(follow((0, walker.box(0)), (20, walker.box(20)), motion, [NOTHING] * 21).trust)
    assert trusts[0].min() > 0.8
    assert trusts[1].min() < trusts[0].min()
    assert all(((trust >= 0) & (trust <= 1)).all() for trust in trusts)


def test_flow_is_in_pixels_of_the_frame_however_large_it_is() -> None:
    scene = Scene((Walker((20, 40), (6, 4), side_px=40),))
    for scale in (1, 5):  # 1000 pixels wide: the flow is computed on smaller ones
        one, other = (np.repeat(np.repeat(scene.draw(at), scale, 0), scale, 1) for at in (0, 1))
        there, back = flow_between(one, other)
        moved = there.shift(scene.walkers[0].box(0) * scale)
        assert moved == pytest.approx(np.array([6, 4]) * scale, abs=0.6 * scale)
        assert back.shift(scene.walkers[0].box(1) * scale) == pytest.approx(np.array([-6, -4]) * scale, abs=0.6 * scale)
        assert there.shift(np.array([-90.0, -90, -80, -80])) is None


def test_of_frames_of_two_sizes_and_across_a_missing_one_nothing_is_known() -> None:
    scene = Scene((Walker((20, 40), (5, 0)),))
    frames = [(0, scene.draw(0)), (1, scene.draw(1)[:, :-2]), (2, scene.draw(2)), (4, scene.draw(4))]
    motion = FlowMotion.of(frames)
    box = scene.walkers[0].box(0)
    assert [motion.shift(at, at + 1, box) for at in range(4)] == [None] * 4
