"""References to looks at batches, for tests of steps behind the detector."""

from collections.abc import Sequence

from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef, ScanRef
from tasks.intake.batches import BatchRef


def scan_of(
    batch_id: str,
    detector: DetectorRef | str = "d1",
    recipe: str = "r1",
    classes: Sequence[str] = ("car",),
    tiling: TilingOptions | None = None,
    plugs: str = "local",
    collection: str = "lots",
    label_kind: str = "boxes",
) -> ScanRef:
    """Build the reference that `plan_scan` would return; versions of detectors may be short here."""
    if isinstance(detector, str):
        detector = DetectorRef.model_construct(version=detector, weights_key="", name=detector)
    return ScanRef.model_construct(
        batch=BatchRef(id=batch_id, collection=collection, size=1),
        detector=detector,
        classes=tuple(classes),
        tiling=tiling or TilingOptions(),
        recipe=recipe,
        label_kind=label_kind,
        plugs=plugs,
    )
