"""Whose each box of a labelled sequence is: named by neighbours, joined where a track broke, never where it did not."""

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.track.clip import KeyBox
from tasks.track.identities import LONGEST_HIDDEN, name_all
from tests.track import plain_identities


def box(
    place: int, track: str | None = None, *, x: float, y: float = 10, name: str = "car", wide: float = 40
) -> KeyBox:
    return KeyBox(f"{place}-{x:g}-{y:g}", name, (x, y, x + wide, y + 20), track)


def drive(
    places: Sequence[int], track: str | None, *, pace: float = 5, y: float = 10, start: float = 0
) -> list[KeyBox]:
    return [box(at, track, x=start + pace * at, y=y) for at in places]


def frames(length: int, *tracks: Sequence[KeyBox]) -> dict[int, list[KeyBox]]:
    found: dict[int, list[KeyBox]] = {at: [] for at in range(length)}
    for one in (each for track in tracks for each in track):
        found[int(one.id.partition("-")[0])].append(one)
    return found


def tracks_of(named: Mapping[int, Sequence[KeyBox]], y: float = 10) -> set[str | None]:
    return {one.track for some in named.values() for one in some if one.box_xyxy_px[1] == y}


def test_nothing_is_named_where_nothing_is() -> None:
    assert name_all({}) == {}
    assert name_all({0: [], 1: []}) == {0: [], 1: []}


def test_a_box_that_somebody_drew_anew_is_of_the_track_that_lacks_it() -> None:
    known = drive([*range(10), *range(11, 20)], "a")
    named = name_all(frames(20, known, drive([10], None), drive(range(20), "b", y=60)))
    assert tracks_of(named) == {"a"}
    assert tracks_of(named, y=60) == {"b"}


def test_a_box_at_a_tracks_end_goes_on_from_it_and_a_box_of_another_class_does_not() -> None:
    ahead = name_all(frames(14, drive(range(10), "a"), drive(range(10, 14), None)))
    assert tracks_of(ahead) == {"a"}
    van = [box(10, x=50, name="van")]
    assert len(tracks_of(name_all(frames(11, drive(range(10), "a"), van)))) == 2


def test_who_is_gone_under_a_bridge_comes_out_as_the_same_one() -> None:
    named = name_all(frames(60, drive(range(15), "a"), drive(range(40, 60), "b")))
    assert tracks_of(named) == {"a"}


def test_a_chain_of_parts_is_one_track() -> None:
    parts = drive(range(10), "c"), drive(range(20, 30), "b"), drive(range(40, 50), "a")
    assert tracks_of(name_all(frames(50, *parts))) == {"c"}


def test_parts_that_do_not_lead_to_one_another_stay_two() -> None:
    too_late = drive(range(10), "a"), drive(range(12 + LONGEST_HIDDEN, 80 + LONGEST_HIDDEN), "b")
    assert tracks_of(name_all(frames(80 + LONGEST_HIDDEN, *too_late))) == {"a", "b"}
    other_way = drive(range(10), "a"), drive(range(20, 30), "b", pace=-5, start=300)
    assert tracks_of(name_all(frames(30, *other_way))) == {"a", "b"}
    lorry = [box(at, "b", x=5 * at, wide=120) for at in range(20, 30)]
    assert tracks_of(name_all(frames(30, drive(range(10), "a"), lorry))) == {"a", "b"}


def test_two_in_one_frame_are_never_one() -> None:
    named = name_all(frames(20, drive(range(12), "a"), drive(range(10, 20), "b")))
    assert tracks_of(named) == {"a", "b"}


def test_two_that_swapped_are_exchanged_from_there_on_and_two_that_pass_are_not() -> None:
    def pass_by(swap_from: int) -> dict[int, list[KeyBox]]:
        east = [box(at, "b" if at >= swap_from else "a", x=20 * at, y=10) for at in range(20)]
        west = [box(at, "a" if at >= swap_from else "b", x=380 - 20 * at, y=14) for at in range(20)]
        return frames(20, east, west)

    for swap_from in (99, 15):
        named = name_all(pass_by(swap_from))
        assert tracks_of(named) == {"a"}
        assert tracks_of(named, y=14) == {"b"}


def test_two_classes_never_swap() -> None:
    cars = [box(at, "b" if at >= 15 else "a", x=20 * at) for at in range(20)]
    vans = [box(at, "a" if at >= 15 else "b", x=380 - 20 * at, y=14, name="van") for at in range(20)]
    assert tracks_of(name_all(frames(20, cars, vans))) == {"a", "b"}


def test_naming_what_is_named_changes_nothing() -> None:
    named = name_all(frames(60, drive(range(15), None), drive(range(40, 60), None), drive(range(30), None, y=80)))
    assert name_all(named) == named
    assert None not in tracks_of(named) | tracks_of(named, y=80)


def drawn(seed: int, length: int, objects: int) -> dict[int, list[KeyBox]]:
    """A crowded film: boxes are missed or nameless, tracks break, and two that meet may swap."""
    rng = np.random.default_rng(seed)
    found: dict[int, list[KeyBox]] = {at: [] for at in range(length)}
    names = [f"{number}" for number in range(objects)]
    start, pace = rng.uniform(0, 300, (objects, 2)), rng.normal(0, 6, (objects, 2))
    begin = rng.integers(0, max(1, length // 2), objects)
    for at in range(length):
        if objects > 1 and rng.random() < 0.15:
            one, other = rng.choice(objects, 2, replace=False)
            names[one], names[other] = names[other], names[one]
        for number in range(objects):
            if rng.random() < 0.05:
                names[number] = f"{number}-{at}"
            if at >= begin[number] and rng.random() < 0.85:
                left, top = (start[number] + pace[number] * at + rng.normal(0, 1, 2)).tolist()
                track = names[number] if rng.random() < 0.9 else None
                kind = "car" if number % 4 else "van"
                found[at].append(KeyBox(f"{at}-{number}", kind, (left, top, left + 40, top + 30), track))
    return found


@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(0, 12))
def test_looking_only_at_who_is_near_finds_what_holding_all_against_all_finds(
    seed: int, length: int, objects: int
) -> None:
    film = drawn(seed, length, objects)
    assert name_all(film) == plain_identities.name_all(film)
