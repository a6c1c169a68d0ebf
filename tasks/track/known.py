"""What propagation begins with: the labels of key frames, and which detector corrects the flow; as a file.

It stands in a detector's place, known by its hash as weights are, so a batch that is looked at twice is looked at by
the same.
"""

import hashlib
from collections.abc import Mapping

from pydantic import Field, ValidationError

from blocks.errors import BadWeights
from blocks.frozen import Frozen


class KnownBox(Frozen):
    """A label in a key frame."""

    region: str
    class_name: str
    box_xyxy_px: tuple[float, float, float, float]
    track: str | None = None


class KnownFrames(Frozen):
    """Labels by key frame, and a detector."""

    collection: str
    network_version: str = Field(default="", description="of the detector; empty: there is none")
    network_key: str = ""
    classes: tuple[str, ...]
    frames: Mapping[str, tuple[KnownBox, ...]] = Field(description="by item id; empty where nothing is there")
    settled: Mapping[str, tuple[KnownBox, ...]] = Field(
        default_factory=dict, description="labels of what else is settled, by item id: the detector need not look there"
    )
    tracker: str = Field(default="", description="that says whose the detector's boxes are; empty: nothing is tracked")

    def to_bytes(self) -> bytes:
        """Return it as JSON: the same bytes whenever it is written."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, data: bytes, version: str) -> "KnownFrames":
        """Read it, and see that it is what was written.

        Raises:
            BadWeights: It is another file, or none of these.
        """
        if version_of_known(data) != version:
            raise BadWeights(f"what propagation {version} began with was overwritten. Begin a new batch.")
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise BadWeights(f"what propagation {version} began with cannot be read ({error})") from error


def version_of_known(data: bytes) -> str:
    """Return 12 hex digits that name a file by what is in it."""
    return hashlib.sha256(data).hexdigest()[:12]
