"""A film with tracks as a question: what it shows, and what its answer says of each frame, whatever comes back."""

import copy
from typing import Any

import pytest

from blocks.errors import BadRegion
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.boxes.strip import StillPlace, stills_in
from tasks.review.questions.kinds.correct import CORRECT, CorrectPayload
from tasks.review.questions.kinds.films.shown import WatchedBox, WatchPayload
from tasks.review.questions.kinds.films.watch import WATCH
from tasks.review.questions.kinds.protocol import SaidLabel
from tasks.review.questions.queues.films import watch_queue
from tasks.review.questions.task import AskedItem, label_config, task_of
from tasks.track.identities import GIVEN

SERVER = AnnotationServer("http://ls", "token", "http://gateway", "links", "bell")
QUEUE = watch_queue(("car", "bus"))
WIDE, HIGH, FRAMES = 960, 640, 12
LEFT = {"a": 100.0, "b": 500.0}
"""Of two cars in the first frame; they drive 10 pixels a frame to the right, b from frame 4 to 8 alone."""


def box(track: str, frame: int) -> WatchedBox:
    left = LEFT[track] + 10.0 * frame
    edges = {"x_min": left, "y_min": 200.0, "x_max": left + 60, "y_max": 240.0}
    return WatchedBox(id=f"{track}-label-{frame}", class_name="car", score=1.0, track=track, **edges)


def payload(frame: int, boxes: list[WatchedBox] | None = None) -> WatchPayload:
    there = [box("a", frame)] + ([box("b", frame)] if 4 <= frame <= 8 else [])
    shown = there if boxes is None else boxes
    return WatchPayload(
        width=WIDE,
        height=HIGH,
        boxes=shown,
        prefill=[one.id for one in shown],
        still=StillPlace(strip="f", number=frame),
        film="f.mp4",
        frames=FRAMES,
        rate=10,
    )


ALL = [payload(frame) for frame in range(FRAMES)]


def posted(payloads: list[WatchPayload]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    asked = [AskedItem(f"q{one.frame}", f"item{one.frame}", one.model_dump(mode="json")) for one in payloads]
    task = task_of(SERVER, QUEUE, asked)
    return task["data"], task["predictions"][0]["result"]


def said(result: list[Any], payloads: list[WatchPayload] = ALL) -> list[tuple[SaidLabel, ...]]:
    """What an answer says of each frame."""
    dealt = WATCH.together.deal(payloads, result, QUEUE.classes)
    parsed = [
        WATCH.parse(one, [entry for _, entry in entries], QUEUE).said
        for one, entries in zip(payloads, dealt, strict=True)
    ]
    return [WATCH.labels(one.model_dump(), mine) for one, mine in zip(payloads, parsed, strict=True)]


def reasons(result: list[Any]) -> list[str]:
    """What is said of what does not count, frame by frame."""
    dealt = WATCH.together.deal(ALL, result, QUEUE.classes)
    return [
        part.reason
        for one, entries in zip(ALL, dealt, strict=True)
        for part in WATCH.parse(one, [entry for _, entry in entries], QUEUE).parts
    ]


@pytest.fixture
def shown() -> list[dict[str, Any]]:
    """As Label Studio sends back what it was shown."""
    return [copy.deepcopy(region) | {"origin": "prediction"} for region in posted(ALL)[1]]


def keys_of(regions: list[dict[str, Any]], track: str) -> list[dict[str, Any]]:
    (region,) = [one for one in regions if one["id"] == track]
    keys: list[dict[str, Any]] = region["value"]["sequence"]
    return keys


def test_the_task_is_the_film_with_its_rate_and_each_frames_question() -> None:
    data, regions = posted(ALL)
    assert data["video"].startswith("http://gateway/films/f.mp4?signature=")
    assert data["rate"] == 10
    assert stills_in(data) == tuple(f"q{frame}" for frame in range(1, FRAMES + 1))
    assert data["question_id"] == "q1"
    assert [one["frame"] for one in data["stills"]] == list(range(1, FRAMES + 1))
    assert [(one["id"], one["meta"]["text"]) for one in regions] == [("a", ["track a"]), ("b", ["track b"])]
    assert [[key["frame"] for key in one["value"]["sequence"]] for one in regions] == [[1, 12], [5, 9]]
    config = label_config(QUEUE)
    assert 'frameRate="$rate"' in config
    assert '<Choices name="why" toName="video"' in config


def test_what_is_submitted_as_it_was_shown_touches_nothing(shown: list[dict[str, Any]]) -> None:
    for payload_, labels in zip(ALL, said(shown), strict=True):
        assert [(one.id, one.untouched) for one in labels] == [(box.id, True) for box in payload_.boxes]
        assert {one.track for one in labels} == {None}  # whose they are by now, nobody says anew
        assert [one.box_px for one in labels] == [(b.x_min, b.y_min, b.x_max, b.y_max) for b in payload_.boxes]


def test_a_key_frame_that_is_mended_changes_what_lies_beside_it_and_no_more(shown: list[dict[str, Any]]) -> None:
    keys = keys_of(shown, "a")
    at = {n: {**keys[0], "frame": n, "x": (LEFT["a"] + 10.0 * (n - 1)) / WIDE * 100} for n in (4, 6, 8)}
    keys[1:1] = [at[4], at[6] | {"y": 50.0}, at[8]]
    labels = [next(one for one in some if one.id.startswith("a")) for some in said(shown)]
    assert [one.untouched for one in labels] == [True] * 4 + [False] * 3 + [True] * 5
    assert labels[5].box_px == pytest.approx((150.0, 320.0, 210.0, 360.0))
    assert {one.track for one in labels} == {None}


def test_a_track_that_is_deleted_is_in_no_frame(shown: list[dict[str, Any]]) -> None:
    assert [len(some) for some in said(shown[:1])] == [1] * FRAMES


def test_a_track_that_is_drawn_is_one_by_a_name_of_its_own(shown: list[dict[str, Any]]) -> None:
    keys = [{"frame": 3, "enabled": True, "x": 1.0, "y": 1.0, "width": 5.0, "height": 5.0, "rotation": 0}]
    new = {**shown[0], "id": "n3w", "value": {**shown[0]["value"], "labels": ["bus"], "sequence": keys}}
    mine = [[one for one in some if one.class_name == "bus"] for some in said([*shown, new])]
    assert [len(some) for some in mine] == [0, 0] + [1] * 10  # to the end of the film, as it is seen
    assert {(one.id, one.track, one.untouched) for some in mine for one in some} == {("n3w", f"{GIVEN}n3w", False)}


def test_a_track_that_goes_on_longer_keeps_its_name_in_the_frames_that_it_gains(shown: list[dict[str, Any]]) -> None:
    keys = keys_of(shown, "b")
    keys[-1]["enabled"] = True
    keys.append({**keys[-1], "frame": 11, "enabled": False})
    gained = [one for some in said(shown)[9:] for one in some if one.track == "b"]
    assert [(one.id, one.untouched) for one in gained] == [("b:10", False), ("b:11", False)]


def test_a_track_whose_end_was_taken_away_ends_where_it_did(shown: list[dict[str, Any]]) -> None:
    del keys_of(shown, "b")[-1]
    labels = said(shown)
    assert [len(some) for some in labels] == [1] * 4 + [2] * 5 + [1] * 3
    assert [one.untouched for some in labels[4:9] for one in some if one.id.startswith("b")] == [True] + [False] * 4


def test_a_track_that_is_switched_on_at_its_end_goes_on_to_the_end_of_the_film(shown: list[dict[str, Any]]) -> None:
    keys_of(shown, "b")[-1]["enabled"] = True
    assert [len(some) for some in said(shown)] == [1] * 4 + [2] * 8


def test_a_label_without_a_track_that_is_made_longer_is_one_object_in_all_its_frames() -> None:
    lone = WatchedBox(id="x", class_name="car", score=1.0, x_min=1, y_min=1, x_max=20, y_max=20)
    twin = box("a", 2).model_copy(update={"id": "again", "y_min": 300.0, "y_max": 340.0})
    some = [payload(2, [box("a", 2), twin, lone]), payload(3, [box("a", 3)])]
    regions = copy.deepcopy(posted(some)[1])
    for region in regions[1:]:
        region["value"]["sequence"][-1]["enabled"] = True
    tracks = [{one.id.partition(":")[0]: one.track for one in labels} for labels in said(regions, some)]
    mine = {"again": f"{GIVEN}again:3", "x": f"{GIVEN}x:3"}
    assert tracks == [{"a-label-2": None, **mine}, {"a-label-3": None, **mine}]


def test_a_track_of_two_classes_is_shown_as_one_region_of_each() -> None:
    some = [
        payload(at, [box("a", at).model_copy(update={"class_name": "bus" if at > 3 else "car"})]) for at in range(9)
    ]
    regions = posted(some)[1]
    assert [(one["id"], one["value"]["labels"]) for one in regions] == [("a", ["car"]), ("a-label-4:5", ["bus"])]
    assert all(one.untouched for labels in said(regions, some) for one in labels)


def test_of_two_tracks_with_one_id_the_second_is_one_by_itself(shown: list[dict[str, Any]]) -> None:
    twin = copy.deepcopy(shown[1])
    for key in twin["value"]["sequence"]:
        key["y"] = 80.0
    labels = said([*shown, twin])[5]
    assert [(one.id, one.track, one.untouched) for one in labels] == [
        ("a-label-5", None, True),
        ("b-label-5", None, True),
        ("b~1", f"{GIVEN}b~1", False),
    ]


def test_a_track_that_ends_before_it_begins_is_read_from_its_first_frame_on(shown: list[dict[str, Any]]) -> None:
    keys_of(shown, "b").reverse()
    assert all(one.untouched for some in said(shown) for one in some)


def test_what_lies_beyond_the_picture_is_cut_and_wholly_beyond_it_is_not_there(shown: list[dict[str, Any]]) -> None:
    keys = keys_of(shown, "a")
    keys[0]["x"], keys[-1]["x"] = -3.0, -40.0
    first, *others = [[one for one in some if one.id.startswith("a")] for some in said(shown)]
    assert first[0].box_px == pytest.approx((0.0, 200.0, 31.2, 240.0))
    assert [len(some) for some in others][-8:] == [0] * 8


BROKEN: dict[str, dict[str, Any]] = {
    "no key frames": {"sequence": []},
    "beyond the film": {"sequence": [{"frame": 99, "x": 1.0, "y": 1.0, "width": 5.0, "height": 5.0}]},
    "no class": {"labels": []},
    "turned": {"sequence": [{"frame": 5, "x": 1.0, "y": 1.0, "width": 5.0, "height": 5.0, "rotation": 30.0}]},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_track_that_comes_back_broken_stays_as_it_was_and_is_named(shown: list[dict[str, Any]], kind: str) -> None:
    shown[1]["value"] |= BROKEN[kind]
    assert all(one.untouched for some in said(shown) for one in some)
    assert [len(some) for some in said(shown)] == [1] * 4 + [2] * 5 + [1] * 3
    (reason,) = reasons(shown)
    assert "'b'" in reason


def test_a_broken_track_that_was_never_shown_is_named_and_costs_no_other(shown: list[dict[str, Any]]) -> None:
    new = {**shown[0], "id": "n3w", "value": {**shown[0]["value"], "sequence": []}}
    assert all(one.untouched for some in said([*shown, new]) for one in some)
    assert len(reasons([*shown, new])) == 1


@pytest.mark.parametrize(("count", "is_fine"), [(FRAMES, True), (FRAMES + 1, True), (FRAMES - 1, True), (14, False)])
def test_an_answer_to_a_film_of_another_length_is_set_aside_whole(
    shown: list[dict[str, Any]], count: int, is_fine: bool
) -> None:
    for region in shown:
        region["value"]["framesCount"] = count
    if is_fine:
        assert all(one.untouched for some in said(shown) for one in some)
        return
    for one, entries in zip(ALL, WATCH.together.deal(ALL, shown, QUEUE.classes), strict=True):
        with pytest.raises(BadRegion, match="film of 14 frames \\(this one has 12\\)"):
            WATCH.parse(one, [entry for _, entry in entries], QUEUE)


def test_a_track_of_an_unknown_class_stays_as_it_was_shown_for_one_reason(shown: list[dict[str, Any]]) -> None:
    shown[1]["value"]["labels"] = ["lorry"]
    keys_of(shown, "b")[0]["y"] -= 9.0
    assert [len(some) for some in said(shown)] == [1] * 4 + [2] * 5 + [1] * 3
    assert all(one.untouched and one.class_name == "car" for some in said(shown) for one in some)
    (reason,) = reasons(shown)
    assert reason.startswith("class 'lorry' is not in the label config (known: car, bus)")


def test_words_and_strangers_mean_nothing(shown: list[dict[str, Any]]) -> None:
    strangers = [{"type": "choices", "from_name": "why"}, "nonsense", None, {"from_name": "box"}, [7]]
    assert said([*strangers, *shown])[3] == said(shown)[3]
    assert said([]) == [()] * FRAMES


def test_the_frames_of_a_part_of_the_film_are_answered_alone(shown: list[dict[str, Any]]) -> None:
    some = [payload(frame) for frame in (2, 5, 6, 11)]
    regions = posted(some)[1]
    assert all(one.untouched for labels in said(regions, some) for one in labels)
    assert [len(labels) for labels in said(regions, some)] == [1, 2, 2, 1]


def test_labels_without_a_track_or_two_of_one_in_a_frame_are_each_by_itself() -> None:
    lone = WatchedBox(id="x", class_name="car", score=1.0, x_min=1, y_min=1, x_max=20, y_max=20)
    twice = [box("a", 3), box("a", 3).model_copy(update={"id": "again", "y_min": 300.0, "y_max": 340.0})]
    some = [payload(2, [lone]), payload(3, [*twice, lone])]
    regions = posted(some)[1]
    assert [one["id"] for one in regions] == ["x:3", "a", "again:4", "x:4"]
    assert all(one.untouched for labels in said(regions, some) for one in labels)
    assert [[one.track for one in labels] for labels in said(regions, some)] == [[None], [None, None, None]]


def test_a_frame_that_is_not_known_costs_no_other(shown: list[dict[str, Any]]) -> None:
    dealt = WATCH.together.deal([None, *ALL[1:]], shown, QUEUE.classes)
    assert dealt[0] == []
    assert all(len(some) for some in dealt[1:])
    assert WATCH.together.deal([None], shown, QUEUE.classes) == [[]]


def test_a_question_about_a_single_frame_tells_whose_its_boxes_are_too() -> None:
    boxes = [ShownBox(id=id_, class_name="car", score=0.9, x_min=1, y_min=1, x_max=9, y_max=9) for id_ in "pq"]
    payload_ = CorrectPayload(width=10, height=10, tracks={"p": f"{GIVEN}0123456789ab"}, reasons={"p": "jumps"})
    told = {one["id"]: one.get("meta") for one in CORRECT.shown(payload_.showing(boxes))}
    assert told == {"p": {"text": ["jumps", "track 01234567"]}, "q": None}
