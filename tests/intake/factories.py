"""Images of every kind that cameras, phones and mishaps make, drawn in code."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.uint8]


def draw_corners(width: int = 48, height: int = 32) -> Array:
    """Shape (height, width, 3), RGB: red top left, green top right, blue bottom left, white bottom right."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (255, 0, 0)
    rgb[: height // 2, width // 2 :] = (0, 255, 0)
    rgb[height // 2 :, : width // 2] = (0, 0, 255)
    rgb[height // 2 :, width // 2 :] = (255, 255, 255)
    return rgb


def draw_noise(seed: int, width: int = 48, height: int = 32) -> Array:
    """Shape (height, width, 3), RGB: no two seeds give the same bytes."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: Image.Image | Array, kind: str = "PNG", **options: object) -> bytes:
    """Return an image as the bytes of a file."""
    buffer = io.BytesIO()
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def with_orientation(rgb: Array, orientation: int, kind: str = "JPEG") -> bytes:
    """Return upright pixels as a camera held that way stores them, with the EXIF tag that says so."""
    back = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(back.get(orientation, back[1])(rgb))
    quality = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    return encoded(stored, kind, exif=exif.tobytes(), **quality)


def png_claiming(width: int, height: int) -> bytes:
    """Return a few bytes of PNG whose header claims a size: a decompression bomb's outside."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def png_16_bit_rgb(width: int = 8, height: int = 4, level: int = 0x8040) -> bytes:
    """Return a PNG of three channels with 16 bits each, which Pillow reads and cannot write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\x00" + struct.pack(">HHH", level, 0, 0xFFFF) * width
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    body = zlib.compress(row * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def write_images(folder: Path, count: int, *, prefix: str = "DJI_", first_seed: int = 0) -> list[Path]:
    """Write so many different small JPEG files; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{prefix}{n:04d}.jpg" for n in range(count)]
    for n, path in enumerate(paths):
        path.write_bytes(encoded(draw_noise(first_seed + n), "JPEG"))
    return paths


def tiff(values: npt.NDArray[np.generic], *, tags: dict[int, tuple[int, ...]] | None = None) -> bytes:
    """Return values (height, width) or (height, width, bands) of any type as an uncompressed TIFF of one strip.

    Args:
        values: What its bands hold.
        tags: Others beside size, bits and format, such as {338: (2,)} for a fourth band that is transparency.
    """
    cube = values if values.ndim == 3 else values[..., None]
    height, width, bands = cube.shape
    kind = {"u": 1, "i": 2, "f": 3}[cube.dtype.kind]
    entries: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (cube.dtype.itemsize * 8,) * bands,
        259: (1,),
        262: (2 if bands >= 3 else 1,),
        277: (bands,),
        278: (height,),
        339: (kind,) * bands,
        **(tags or {}),
    }
    body = np.ascontiguousarray(cube).tobytes()
    entries |= {273: (8,), 279: (len(body),)}
    directory_at = 8 + len(body) + len(body) % 2
    beyond_at = directory_at + 2 + 12 * len(entries) + 4
    rows, beyond = b"", b""
    for tag in sorted(entries):
        packed = struct.pack(f"<{len(entries[tag])}I", *entries[tag])
        if len(packed) > 4:
            packed, beyond = struct.pack("<I", beyond_at + len(beyond)), beyond + packed
        rows += struct.pack("<HHI", tag, 4, len(entries[tag])) + packed
    head = b"II*\0" + struct.pack("<I", directory_at)
    return head + body + b"\0" * (len(body) % 2) + struct.pack("<H", len(entries)) + rows + b"\0\0\0\0" + beyond
