"""Who is who between two key frames: one rule each for those who stay, enter, leave, hide, meet and swap."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.kinds.geometry import Floats, paired_iou
from tasks.track.clip import KeyBox, KeyFrame, follow_gap, with_own_track, with_tracks
from tasks.track.motion import FlowMotion
from tasks.track.sequence import FARTHEST, LONGEST_GAP, SequenceReader, follow_sequence, nothing_seen, seen_by_class
from tests.track.scenes import Scene, Walker


def key(scene: Scene, place: int, names: str = "car", **tracks: str) -> KeyFrame:
    boxes = [
        KeyBox(f"r{place}-{at}", names, tuple(walker.box(place).tolist()), tracks.get(f"w{at}"))  # type: ignore[arg-type]
        for at, walker in enumerate(scene.walkers)
        if walker.is_there(place)
    ]
    return KeyFrame(place, tuple(map(with_own_track, boxes)) if place == 0 else tuple(boxes))


def motion_of(scene: Scene, first: int = 0, last: int | None = None) -> FlowMotion:
    return FlowMotion.of((at, scene.draw(at)) for at in range(first, (last or scene.frames - 1) + 1))


def overlap(box: tuple[float, ...], walker: Walker, place: int) -> float:
    return float(paired_iou(np.array([box]), walker.box(place)[None])[0])


def test_two_that_stay_keep_their_tracks_and_are_followed_in_every_frame() -> None:
    scene = Scene((Walker((10, 20), (5, 0), 10, seed=1), Walker((160, 90), (-5, 0), 10, seed=2)))
    first, motion = key(scene, 0), motion_of(scene)
    last = with_tracks(first, key(scene, 20), motion, {})
    assert [box.track for box in last.boxes] == [box.track for box in first.boxes]
    found = follow_gap(first, last, motion, {})
    assert sorted(found) == list(range(1, 20))
    for place, boxes in found.items():
        by_track = {box.track: box for box in boxes}
        for at, walker in enumerate(scene.walkers):
            assert overlap(by_track[first.boxes[at].track or ""].box_xyxy_px, walker, place) > 0.7


def test_tracks_that_people_gave_are_kept_even_where_places_say_otherwise() -> None:
    scene = Scene((Walker((10, 20), (0.2, 0)), Walker((120, 20), (0.2, 0), seed=2)))
    first = key(scene, 0, w0="a", w1="b")
    swapped = key(scene, 20, w0="b", w1="a")
    last = with_tracks(first, swapped, motion_of(scene), {})
    assert [box.track for box in last.boxes] == ["b", "a"]


def test_two_of_two_classes_are_never_one() -> None:
    scene = Scene((Walker((10, 20), (1, 0)),))
    last = with_tracks(key(scene, 0, "car"), key(scene, 20, "van"), motion_of(scene), {})
    assert last.boxes[0].track != key(scene, 0, "car").boxes[0].track


def test_who_enters_is_followed_back_as_far_as_it_is_seen_and_who_leaves_likewise() -> None:
    scene = Scene((Walker((10, 20), (4, 0), there=(0, 8)), Walker((10, 90), (4, 0), there=(12, 20), seed=2)))
    first, motion = key(scene, 0), motion_of(scene)
    seen = {
        "car": [
            np.array([walker.box(at) for walker in scene.walkers if walker.is_there(at)]).reshape(-1, 4)
            for at in range(21)
        ]
    }
    last = with_tracks(first, key(scene, 20), motion, seen)
    found = follow_gap(first, last, motion, seen)
    assert [len(found[at]) for at in range(1, 20)] == [1] * 8 + [0] * 3 + [1] * 8
    assert {box.track for box in found[1]}.isdisjoint(box.track for box in found[19])
    assert overlap(found[8][0].box_xyxy_px, scene.walkers[0], 8) > 0.7


def test_without_a_detector_who_leaves_is_followed_to_the_middle_at_most() -> None:
    scene = Scene((Walker((10, 20), (4, 0)),))
    first, motion = key(scene, 0), motion_of(scene)
    found = follow_gap(first, KeyFrame(20, ()), motion, {})
    lengths = [len(found[at]) for at in range(1, 20)]
    assert lengths == [1] * 10 + [0] * 9


def test_boxes_that_lie_on_one_another_are_trusted_less() -> None:
    apart = Scene((Walker((10, 20), (5, 0), seed=1), Walker((10, 90), (5, 0), seed=2)))
    crossing = Scene((Walker((10, 50), (5, 0), seed=1), Walker((110, 50), (-5, 0), seed=2)))
    least = []
    for scene in (apart, crossing):
        first = key(scene, 0, w0="a", w1="b")
        found = follow_gap(first, key(scene, 20, w0="a", w1="b"), motion_of(scene), {})
        least.append(min(box.trust for box in found[10]))
    assert least[1] <= least[0] / 2 + 0.01


def test_an_own_track_is_the_same_whenever_it_is_made() -> None:
    box = KeyBox("region", "car", (0, 0, 1, 1))
    assert with_own_track(box) == with_own_track(box)
    assert with_own_track(replace(box, track="mine")).track == "mine"


def reader_of(scene: Scene) -> SequenceReader:
    return SequenceReader(
        scene.frames, lambda first, last: ((at, scene.draw(at)) for at in range(first, last + 1)), nothing_seen
    )


def test_a_sequence_keeps_one_track_through_many_key_frames() -> None:
    scene = Scene((Walker((10, 20), (4, 0), 8, there=(0, 40)),), frames=41)
    keys = [key(scene, place) for place in (0, 10, 20, 30, 40)]
    found = dict(follow_sequence(keys, reader_of(scene)))
    assert sorted(found) == [at for at in range(41) if at % 10]
    assert {box.track for boxes in found.values() for box in boxes} == {key(scene, 0).boxes[0].track}


def test_before_the_first_and_after_the_last_key_frame_it_goes_on_for_a_while() -> None:
    scene = Scene((Walker((10, 20), (4, 0), there=(0, 20)),))
    found = dict(follow_sequence([replace(key(scene, 8), place=8)], reader_of(scene)))
    assert sorted(found) == [at for at in range(21) if at != 8]
    assert len(found[7]) == len(found[9]) == 1


@pytest.mark.parametrize("keys", [(), (KeyFrame(5, ()),)], ids=["none", "one, empty"])
def test_of_nothing_nothing_is_followed(keys: tuple[KeyFrame, ...]) -> None:
    scene = Scene((), frames=11)
    found = dict(follow_sequence(keys, reader_of(scene)))
    assert not any(found.values())
    assert len(found) == (10 if keys else 0)


def test_nothing_is_followed_across_a_cut() -> None:
    scene = Scene((Walker((10, 20), (4, 0), there=(0, 20)),))
    cut = replace(reader_of(scene), cuts=(8,))
    named: dict[int, KeyFrame] = {}
    found = dict(follow_sequence([key(scene, 4), key(scene, 16)], cut, named))
    assert sorted(found) == [at for at in range(21) if at not in (4, 16)]
    tracks = {place: {box.track for box in boxes} for place, boxes in found.items() if boxes}
    before = {track for place, some in tracks.items() if place < 8 for track in some}
    after = {track for place, some in tracks.items() if place >= 8 for track in some}
    assert before == {named[4].boxes[0].track} and after == {named[16].boxes[0].track}
    assert not before & after, "who is who in two shots nobody can follow"


def test_of_too_long_a_gap_only_the_ends_are_followed() -> None:
    frames = LONGEST_GAP + 2
    ends = KeyFrame(0, ()), KeyFrame(frames - 1, ())
    read = SequenceReader(frames, lambda _first, _last: (), nothing_seen)
    followed = {place for place, _ in follow_sequence(ends, read)}
    assert followed == {*range(1, FARTHEST + 1), *range(frames - 1 - FARTHEST, frames - 1)}


def test_detections_are_told_by_class_for_every_frame() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    found: dict[str, list[Floats]] = seen_by_class([[("car", box)], [], [("van", box), ("car", box)]])
    assert {name: [len(boxes) for boxes in some] for name, some in found.items()} == {
        "car": [1, 0, 1],
        "van": [0, 0, 1],
    }
