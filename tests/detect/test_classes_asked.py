"""No class that a line does not ask for ever removes a box of one that it does: in no back end, at no seam."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.detect.backends import decode
from tasks.detect.backends.choice import installed, probe_pictures
from tasks.detect.backends.runner import NetworkFacts
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.detector import to_detections
from tasks.detect.models import load_detector
from tasks.detect.stream import find_objects
from tests.detect.scenes import ColourDetector
from tests.detect.tiling.test_stream import OPTIONS, source
from tests.examples import examples

BACKENDS = ["torch", "torch-bf16", "opencv", *installed("onnxruntime", "openvino")]
BACKENDS += ["openvino-bf16", "openvino-int8"] if len(installed("onnxruntime", "openvino")) == 2 else []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_crowd_of_another_class_pushes_nothing_out_in_any_back_end(tiny_weights, monkeypatch, backend):
    detector = load_detector(tiny_weights, version_of(tiny_weights), 320, backend)
    pictures = probe_pictures(320)[:2]
    alone = [[said[said.class_id == n] for n in range(3)] for said in detector.predict(pictures, 0.01)]
    monkeypatch.setattr(decode, "MOST_BOXES", min(len(said) for mine in alone for said in mine))
    for class_id in range(3):
        asked = detector.predict(pictures, 0.01, class_ids=[class_id])
        for said, mine in zip(asked, alone, strict=True):
            best = mine[class_id][: decode.MOST_BOXES]
            assert len(best)
            assert np.array_equal(said.xyxy, best.xyxy)
            assert np.array_equal(said.confidence, best.confidence)


@pytest.mark.parametrize("suppressed", [False, True])
def test_boxes_nobody_asked_for_do_not_count_against_the_bounds(monkeypatch, suppressed):
    monkeypatch.setattr(decode, "MOST_CANDIDATES", 400)
    crowd = np.array([[10.0 * n, 0, 10.0 * n + 9, 9, 0.9, 1] for n in range(500)] + [[0, 0, 9, 9, 0.3, 0]]).T
    facts = NetworkFacts(classes=("car", "person"), imgsz=320, suppressed=suppressed)
    rows = crowd.astype(np.float32)
    assert decode.suppress_rows(rows, 0.1, facts)[5].tolist() == [1] * decode.MOST_BOXES
    assert decode.suppress_rows(rows, 0.1, facts, class_ids=[0])[5].tolist() == [0]
    assert decode.suppress_rows(rows, 0.1, facts, class_ids=[]).shape == (6, 0)


class Sure(ColourDetector):
    """Reports beside each solid rectangle the same box once more, in another class and with a better score."""

    def _look(self, image, fitted=False):
        said = super()._look(image, fitted)
        doubled = to_detections(
            np.concatenate([said.xyxy, said.xyxy]),
            np.concatenate([said.confidence, said.confidence * 0 + 0.99]),
            np.concatenate([said.class_id, said.class_id * 0 + 2]),
        )
        doubled.metadata.update(said.metadata)
        return doubled


@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 500)), min_size=1, max_size=6),
    st.integers(1, 3),
    st.booleans(),
)
@settings(deadline=None, max_examples=examples(10))
def test_at_no_seam_does_an_unasked_class_take_over_what_was_asked(corners, join, whole_image):
    boxes = [[x, y, x + 150, y + 90] for x, y in corners]
    options = OPTIONS.model_copy(update={"join": join, "whole_image": whole_image})
    (alone,) = find_objects([source("a", (900, 700), boxes)], ColourDetector(), [0], options)
    (asked,) = find_objects([source("a", (900, 700), boxes)], Sure(), [0], options)
    (all_classes,) = find_objects([source("a", (900, 700), boxes)], Sure(), [0, 1, 2], options)
    assert len(alone.merged)
    assert np.array_equal(asked.merged.boxes_xyxy_px, alone.merged.boxes_xyxy_px)
    assert np.array_equal(asked.merged.scores, alone.merged.scores)
    assert set(all_classes.merged.class_ids.tolist()) == {2}
