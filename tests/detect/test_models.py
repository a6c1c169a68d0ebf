"""A detector is loaded once and stays warm, whatever number of threads and shards ask for it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from blocks.errors import BadWeights, ObjectMissing
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.models import load_detector, loads_of, open_detector
from tasks.detect.refs import DetectorRef
from tests.detect.conftest import save_tiny


@pytest.fixture
def ref(store, tiny_weights):
    version = version_of(tiny_weights)
    store.put(f"weights/{version}.pt", tiny_weights)
    return DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="tiny")


def test_many_threads_load_a_detector_once(tiny_weights):
    version, before = version_of(tiny_weights), loads_of(version_of(tiny_weights))
    with ThreadPoolExecutor(8) as threads:
        detectors = list(threads.map(lambda _: load_detector(tiny_weights, version, 320), range(24)))
    assert len({id(detector) for detector in detectors}) == 1
    assert loads_of(version) == before + 1


def test_a_reference_opens_the_warm_detector(store, ref):
    before = loads_of(ref.version)
    first = open_detector(store, ref, 320)
    assert open_detector(store, ref, 320) is first
    assert loads_of(ref.version) == before + 1
    assert first.version == ref.version


def test_weights_that_are_not_those_of_the_reference_are_refused(store, ref, tmp_path):
    store.put(ref.weights_key, save_tiny(tmp_path / "other.pt", seed=5))
    with pytest.raises(BadWeights, match=f"not {ref.version}"):
        open_detector(store, ref, 320)


def test_a_reference_without_weights_is_refused(store):
    ref = DetectorRef(version="0" * 12, weights_key="weights/000000000000.pt", name="gone")
    with pytest.raises(ObjectMissing):
        open_detector(store, ref, 320)


def test_a_failed_load_is_tried_again(tmp_path):
    path = tmp_path / "late.pt"
    with pytest.raises(BadWeights):
        load_detector(path, "late", 320)
    save_tiny(path)
    assert load_detector(path, "late", 320).classes == ("car", "truck", "bus")
