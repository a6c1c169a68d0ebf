"""How a line looks at its images: tile size, overlap, thresholds. These fields become part of the Prefect run form."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from blocks.frozen import Slimmed

Backend = Literal[
    "auto",
    "torch",
    "torch-bf16",
    "torch-fp16",
    "openvino",
    "openvino-bf16",
    "openvino-int8",
    "onnxruntime",
    "opencv",
    "tensorrt",
]
"""What can be asked for by name; `auto` is the fastest here of those that agree with torch."""

ROUNDED = ("torch-bf16", "torch-fp16", "openvino-bf16", "openvino-int8")
"""Back ends whose boxes may differ from those of the others: asked for by name, they are part of a recipe."""


SCAN_VERSION = 3
"""Part of every recipe: raise it when the same options would find other boxes, so that nothing stale is reused."""

SHOW_SCORE = 0.25
"""From this score on a box counts as found, as in ultralytics' default: for counts, never for what is kept."""

_EXECUTION_ONLY = {"batch_size", "decode_threads", "decoded_megapixels", "backend", "fit_objects", "calibrated"}
"""Fields that change how fast boxes are found, or how other fields come to be, not what is found: no part of it."""


class TilingOptions(Slimmed):
    """How images are cut into tiles, and how what the detector sees in them becomes one set of boxes."""

    retired: ClassVar[Mapping[str, str]] = {"coarse_score": "it saved nothing; every tile is looked at"}

    tile_px: int = Field(
        default=640, ge=64, le=4096, multiple_of=32, description="Side of a tile, and of the network's input, in pixels"
    )
    overlap_share: float = Field(
        default=0.2, ge=0.0, le=0.75, description="Least overlap of neighbouring tiles, as a share of a tile's side"
    )
    whole_image: bool = Field(
        default=True, description="Also look at the whole image, made smaller: finds what is larger than a tile"
    )
    snug: bool = Field(
        default=False,
        description="Make tiles no larger than their least overlap needs: a sixth to a third fewer pixels to look at, "
        "and somewhat fewer objects found, since fewer are seen by two tiles",
    )
    join: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Look at up to this many tiles side by side, along each axis, as one picture at the same scale: "
        "their overlaps are looked at once, a third fewer pixels at 3, most seams are gone, and somewhat fewer objects "
        "are found, since fewer are seen twice. For networks that see pictures of any size; at 3, OpenVINO takes a "
        "fifth of a gigabyte more",
    )
    min_score: float = Field(default=0.1, ge=0.001, le=1.0, description="Boxes that score less are not kept at all")
    merge_iou: float = Field(
        default=0.5, ge=0.1, le=1.0, description="Boxes of one class that overlap by this IoU are one object"
    )
    rival_iou: float = Field(
        default=0.8, ge=0.1, le=1.0, description="Boxes of different classes that overlap by this IoU are one object"
    )
    seam_iou: float = Field(
        default=0.35, ge=0.05, le=1.0, description="How well two views must agree, where both see, on a box that is cut"
    )
    fit_objects: bool = Field(
        default=False,
        description="Choose tiles and overlap by the sizes of the objects that are labelled in the collection, once "
        "there are 30; tile_px and overlap_share count until then",
    )
    calibrated: bool = Field(
        default=True,
        description="Bring scores to the share of boxes that are right, as far as settled labels tell it: then a score "
        "means the same whether one tile, several or the whole image saw the object",
    )
    calibration: str = Field(
        default="", pattern=r"^([0-9a-f]{12})?$", description="The calibration in use; the line fills it in"
    )
    backend: Backend = Field(
        default="auto",
        description="What runs the network: the fastest that gives torch's boxes (auto), or one by name; openvino-bf16 "
        "is twice as fast on recent CPUs and moves boxes a little; openvino-int8 is a quarter faster again, and moves "
        "them a little more",
    )
    batch_size: int = Field(
        default=8, ge=1, le=512, description="Tiles that go through the network at once, joined ones by their area"
    )
    decode_threads: int = Field(default=2, ge=1, le=64, description="Threads that read images ahead of the detector")
    decoded_megapixels: int = Field(
        default=200, ge=1, le=100_000, description="Images read ahead hold at most this; a larger image goes alone"
    )

    def uncalibrated(self) -> "TilingOptions":
        """Return the same tiles without the calibration, which belongs to one detector."""
        return self.model_copy(update={"calibration": ""})

    def recipe(self, classes: Sequence[str], version: int = SCAN_VERSION) -> str:
        """Return 12 hex digits that name these options with these classes, whatever the order of the classes.

        Two scans of one item by one detector under one recipe find the same boxes, so the second need not be made.

        Args:
            classes: That are looked for.
            version: Of what is done by these options; another one is another recipe.
        """
        fields = self.model_dump(exclude=_EXECUTION_ONLY)
        for name in ("calibration", "snug", "join"):
            if fields[name] == type(self).model_fields[name].default:
                del fields[name]  # as it was before there was such a thing: earlier scans stay valid
        if self.backend in ROUNDED:
            fields["backend"] = self.backend
        text = json.dumps([version, fields, sorted(set(classes))], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]
