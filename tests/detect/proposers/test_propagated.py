"""What a detector sees in the frames of a sequence: asked once for each, told by class and with scores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from blocks.database.tables import Item
from tasks.detect.proposers.propagated import DETECTED_FROM, _Detections
from tasks.detect.proposers.protocol import Looked, UnreadItem
from tasks.track.clip import FollowedBox
from tasks.track.joined import SeenBox

FRAMES = [
    Item(
        id=f"{at:064x}", key=f"items/{at}", name=f"{at}.png", sequence="film", media_type="image/png", size=1, frame=at
    )
    for at in range(6)
]


@dataclass
class Eyes:
    """Sees a car in each frame, farther right and surer in each; the fourth cannot be read."""

    classes: tuple[str, ...] = ("car", "van")
    looked_at: list[int] = field(default_factory=list)

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked | UnreadItem]:
        assert wanted == ["car"]
        for item in items:
            at = int(item.id, 16)
            self.looked_at.append(at)
            row = {"class_name": "car", "score": 0.1 * (at + 1), "x_min": at, "y_min": 0, "x_max": at + 9, "y_max": 9}
            yield UnreadItem(item_id=item.id, reason="cut off") if at == 3 else Looked(item.id, {}, [row])


def test_each_frame_is_looked_at_once_however_often_it_is_asked_for() -> None:
    eyes = Eyes()
    detections = _Detections(eyes, FRAMES, ("car", "lorry"))
    detections.between(0, 2)
    detections.between(2, 4)
    assert [detections.at(at)[0].score for at in (0, 5)] == pytest.approx([0.1, 0.6])
    assert eyes.looked_at == [0, 1, 2, 3, 4, 5]


def test_weak_detections_say_nothing_of_where_a_followed_object_is_but_may_be_shown() -> None:
    detections = _Detections(Eyes(), FRAMES, ("car",))
    assert [len(boxes) for boxes in detections.between(0, 2)["car"]] == [0, 1, 1]
    assert DETECTED_FROM > 0.1
    assert detections.at(0) == [SeenBox("car", (0, 0, 9, 9), pytest.approx(0.1))]


def test_a_frame_that_cannot_be_read_has_none_and_spoils_no_other() -> None:
    detections = _Detections(Eyes(), FRAMES, ("car",))
    assert [len(boxes) for boxes in detections.between(2, 4)["car"]] == [1, 0, 1]
    assert detections.at(3) == []


def test_nothing_is_proposed_in_a_frame_that_cannot_be_read_though_it_is_followed_there() -> None:
    box = FollowedBox("car", (50, 50, 59, 59), "a", 0.9)
    boxes = _Detections(Eyes(), FRAMES, ("car",)).joined({3: [box], 4: [box]}, named={0})
    assert {place: len(some) for place, some in boxes.items()} == {1: 0, 2: 1, 4: 2, 5: 1}
    assert _Detections(None, FRAMES, ("car",)).joined({4: [box]}, named={0}) == {4: [box]}


def test_what_is_settled_is_not_looked_at_again_and_still_says_who_is_there() -> None:
    eyes, label = Eyes(), SeenBox("car", (5, 5, 14, 14), 1.0)
    detections = _Detections(eyes, FRAMES, ("car",), settled=frozenset({1, 2}), _seen={1: [label], 2: []})
    assert [boxes.tolist() for boxes in detections.between(0, 2)["car"]] == [[], [[5, 5, 14, 14]], []]
    assert detections.joined({}, named={0}).keys() == {4, 5}
    assert eyes.looked_at == [0, 3, 4, 5]


@pytest.mark.parametrize("looker", [None, Eyes(classes=("boat",))], ids=["no detector", "it knows other classes"])
def test_without_a_detector_of_these_classes_nothing_is_seen(looker: Eyes | None) -> None:
    detections = _Detections(looker, FRAMES, ("car",))
    assert not any(map(len, detections.between(0, 5).get("car", ())))
    assert detections.at(2) == []
