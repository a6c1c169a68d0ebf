"""Which frames of a video become items, as it is typed and as flows pass it on."""

import re

from pydantic import Field, field_validator

from blocks.frozen import Frozen

ALL = "all"
SCENES = "scenes"

MOST_PER_SECOND = 240.0

_RATE = re.compile(r"\d{1,4}(\.\d{1,4})?")


class VideoOptions(Frozen):
    """Which frames of videos become items."""

    frames: str = Field(
        default="1",
        description="Frames a second, such as `2` or `0.5`; or `all`; or `scenes`, the first frame of each scene.",
    )

    @field_validator("frames")
    @classmethod
    def _known(cls, value: str) -> str:
        text = value.strip().lower()
        if text in (ALL, SCENES):
            return text
        if not _RATE.fullmatch(text) or not 0 < float(text) <= MOST_PER_SECOND:
            raise ValueError(
                f"{value!r} does not say which frames are taken: expected frames a second, above 0 and at most "
                f"{MOST_PER_SECOND:g}, such as 2 or 0.5; or {ALL}; or {SCENES}"
            )
        return f"{float(text):g}"

    @property
    def per_second(self) -> float | None:
        """How many frames of each second are taken; None: it is not by their rate."""
        return None if self.frames in (ALL, SCENES) else float(self.frames)
