"""The detector that is meant is found, and held against the classes, before anything is stored or registered."""

import re
from pathlib import Path

import pytest

from blocks.errors import BadInput, BadOption, UnknownClass
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from tasks.train.meant import MeantDetector, find_meant
from tasks.train.registry import resolve_detector, versions_of
from tests.train.conftest import tiny_weights

__all__ = ["tiny_weights"]

KNOWS = MeantDetector("0" * 12, "the detector best.pt", ("car", "truck", "bus", "person"))


def test_weights_are_looked_at_and_nothing_is_stored(
    experiments: Experiments, store: FolderStore, tiny_weights: Path
) -> None:
    meant = find_meant(experiments, store, "lots", str(tiny_weights))
    assert meant.classes == ("red", "blue")
    assert versions_of(experiments, "lots") == []
    assert list(store.keys()) == []


def test_a_champion_is_known_by_its_classes(experiments: Experiments, store: FolderStore, tiny_weights: Path) -> None:
    ref = resolve_detector(experiments, store, "Photos (1)", str(tiny_weights))
    for spec in ("champion", ref.version, "1"):
        meant = find_meant(experiments, store, "Photos (1)", spec)
        assert (meant.version, meant.classes) == (ref.version, ("red", "blue"))


def test_without_any_detector_nobody_is_meant(experiments: Experiments, store: FolderStore) -> None:
    meant = find_meant(experiments, store, "lots", "champion")
    assert meant.is_nobody
    assert meant.lacking(("car",)) == ()


def test_a_version_that_is_not_there_is_refused(
    experiments: Experiments, store: FolderStore, tiny_weights: Path
) -> None:
    with pytest.raises(BadOption, match=r"no detector '7' \(known: none\)"):
        find_meant(experiments, store, "lots", "7")
    version = resolve_detector(experiments, store, "lots", str(tiny_weights)).version
    with pytest.raises(BadOption, match=rf"known: 1 \({version}\)"):
        find_meant(experiments, store, "lots", "0" * 12)


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04"])
def test_a_file_that_is_no_weights_is_refused(
    experiments: Experiments, store: FolderStore, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "best.pt").write_bytes(content)
    with pytest.raises(BadInput, match=r"best\.pt"):
        find_meant(experiments, store, "lots", str(tmp_path / "best.pt"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["carr"], "class 'carr'"),
        (["carr"], "Did you mean 'car'?"),
        (["car", "Truck"], "Did you mean 'truck'?"),
        (["cars", "bus"], "Did you mean 'car'?"),
        (["tree", "house"], "knows none of the classes tree, house"),
    ],
)
def test_a_class_that_reads_like_a_slip_is_refused_with_what_was_meant(asked: list[str], said: str) -> None:
    with pytest.raises(UnknownClass, match=re.escape(said)):
        KNOWS.lacking(asked)


@pytest.mark.parametrize(
    ("asked", "new", "lacking"),
    [
        (["car", "bus"], [], ()),
        (["car", "excavator"], [], ("excavator",)),
        (["car", "bus", "minibus"], [], ("minibus",)),
        (["car", "carr"], ["carr"], ("carr",)),
        (["tree"], ["tree"], ("tree",)),
    ],
)
def test_a_class_that_is_meant_to_be_new_is_left_to_people(
    asked: list[str], new: list[str], lacking: tuple[str, ...]
) -> None:
    assert KNOWS.lacking(asked, new) == lacking
