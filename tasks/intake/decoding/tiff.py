"""What kind of TIFF a file is: bands, bits, pages. "TIFF" says no more of a picture than "folder" does.

Source:
    TIFF revision 6.0 (tags 256 to 339), and GDAL's tag 42113 for the value that stands for no data.
"""

import io
import struct
from dataclasses import dataclass
from typing import Any

from PIL import TiffImagePlugin

_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS, _ORIENTATION, _BANDS = 256, 257, 258, 259, 262, 274, 277
_ROWS, _PLANES, _EXTRA, _FORMAT, _SUBFILE, _TILE_HEIGHT, _NO_DATA = 278, 284, 338, 339, 254, 323, 42113
_TRANSPARENCY = (1, 2, 999)
"""What a band beyond the colours is where it is transparency: both kinds, and how CorelDRAW writes it."""

_FORMATS = {1: "unsigned", 2: "signed", 3: "float", 4: "undefined", 5: "complex signed", 6: "complex float"}
_PHOTOMETRIC = {0: "white is zero", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab", 32845: "LogLuv"}
_RGB = 2
_REDUCED_OR_MASK = 1 | 4
_PAGES_LOOKED_AT = 64
"""Pages behind the first one until one is found that is not the same picture made smaller, or its mask."""

_DIRECTORY_ERRORS = (SyntaxError, struct.error, OSError, ValueError, TypeError, LookupError, ArithmeticError, EOFError)


@dataclass(frozen=True, slots=True)
class TiffFacts:
    """What the first directory of a TIFF says.

    Attributes:
        width: Pixels, as stored.
        height: Pixels, as stored.
        bits: Of each band.
        sample: How a value is stored: 1 unsigned, 2 signed, 3 float.
        photometric: What the bands mean: 1 grey, 2 RGB, and so on.
        extra: What the bands beyond the colours are: 1 and 2 are transparency.
        orientation: As in EXIF, 1 to 8.
        compression: Its number.
        planes: 2 where each band lies apart.
        strip_bytes: What one strip takes unpacked.
        no_data: The value that stands for none.
        has_pages: There are other pictures behind the first.
    """

    width: int
    height: int
    bits: tuple[int, ...]
    sample: int
    photometric: int
    extra: tuple[int, ...]
    orientation: int
    compression: int
    planes: int
    strip_bytes: int
    no_data: float | None
    has_pages: bool

    @property
    def channels(self) -> int:
        """How many bands it has."""
        return len(self.bits)

    @property
    def value_bytes(self) -> int:
        """Bytes of a value."""
        return -(-max(self.bits) // 8)

    @property
    def opaque(self) -> bool:
        """Whether a fourth band is something else than transparency, such as near infrared."""
        return self.channels >= 4 and self.photometric == _RGB and not any(each in _TRANSPARENCY for each in self.extra)

    @property
    def is_deep(self) -> bool:
        """Whether OpenCV is to read it: colours of 16 bits or floats, and grey of 64 bits."""
        same = len(set(self.bits)) == 1 and self.planes == 1
        colour = self.photometric == _RGB and self.channels in (3, 4)
        kinds = ((16, 1), (32, 3), (64, 3)) if colour else ((64, 3),)
        return (
            same and (colour or (self.channels == 1 and self.photometric == 1)) and (self.bits[0], self.sample) in kinds
        )

    def refusal(self) -> str:
        """Say what kind of TIFF this is, for one that nothing here reads."""
        bits = "/".join(str(each) for each in sorted(set(self.bits)))
        how = _FORMATS.get(self.sample, f"format {self.sample}")
        means = _PHOTOMETRIC.get(self.photometric, f"colours {self.photometric}")
        apart = ", each band apart" if self.planes != 1 else ""
        return (
            f"a TIFF of {self.width}×{self.height} pixels with {self.channels} bands of {bits} bits ({how}, {means}"
            f"{apart}, compression {self.compression}), which is not read: expected 1, 3 or 4 bands of 8 or 16 bits or "
            "of 32-bit floats. Save it as one of these."
        )


def read_tiff(data: bytes) -> TiffFacts | None:
    """Return what kind of TIFF a file is; None where it is no TIFF, or its directory cannot be read."""
    if data[:4] not in _STARTS:
        return None
    try:
        tags = _directory(data)
        if not {_WIDTH, _HEIGHT} <= tags.keys():
            return None
        bands = int(tags.get(_BANDS, 1))
        bits = tuple(int(each) for each in _many(tags.get(_BITS, 1)))
        return TiffFacts(
            width=int(tags[_WIDTH]),
            height=int(tags[_HEIGHT]),
            bits=bits * bands if len(bits) == 1 else bits,
            sample=int(max(_many(tags.get(_FORMAT, 1)))),
            photometric=int(tags.get(_COLOURS, 1)),
            extra=tuple(int(each) for each in _many(tags.get(_EXTRA, ()))),
            orientation=_orientation(tags.get(_ORIENTATION, 1)),
            compression=int(tags.get(_COMPRESSION, 1)),
            planes=int(tags.get(_PLANES, 1)),
            strip_bytes=_strip_bytes(tags, bits, bands),
            no_data=_no_data(tags.get(_NO_DATA)),
            has_pages=_has_pages(data, tags.next),
        )
    except _DIRECTORY_ERRORS:
        return None


def _directory(data: bytes, at: int | None = None) -> Any:
    file = io.BytesIO(data)
    head = data[:16] if data[2:3] == b"+" or data[3:4] == b"+" else data[:8]
    tags = TiffImagePlugin.ImageFileDirectory_v2(head)
    file.seek(tags.next if at is None else at)
    tags.load(file)
    return tags


def _many(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _orientation(value: Any) -> int:
    return value if value in range(1, 9) else 1


def _strip_bytes(tags: Any, bits: tuple[int, ...], bands: int) -> int:
    """Return what a decoder unpacks at once; nothing where the bytes lie there as they are."""
    if int(tags.get(_COMPRESSION, 1)) == 1:
        return 0
    height = int(tags[_HEIGHT])
    rows = min(int(tags.get(_TILE_HEIGHT, tags.get(_ROWS, height))), height)
    return int(tags[_WIDTH]) * rows * bands * -(-max(bits) // 8)


def _no_data(text: Any) -> float | None:
    try:
        return float(str(text).strip("\0 ")) if text is not None else None
    except ValueError:
        return None


def _has_pages(data: bytes, following: int) -> bool:
    seen: set[int] = set()
    while following and following not in seen and len(seen) < _PAGES_LOOKED_AT:
        seen.add(following)
        try:
            tags = _directory(data, following)
        except _DIRECTORY_ERRORS:
            return False  # no page that anybody could show
        if not int(tags.get(_SUBFILE, 0)) & _REDUCED_OR_MASK:
            return True
        following = tags.next
    return False
