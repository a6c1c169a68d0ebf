"""Images of 400 megapixels: looked at whole, one in memory at a time; larger ones are refused by name."""

import json
import subprocess
import sys
import zlib
from functools import partial

import pytest
from PIL import Image, ImageDraw

from tasks.detect.options import TilingOptions
from tasks.detect.stream import ImageSource, Unseen, find_objects
from tasks.intake.images import decode_upright
from tests.detect.scenes import ColourDetector, draw

SIDE = 20_000
CAR = (19_200, 19_500, 19_300, 19_560)

CODE = """
import json, sys
from functools import partial
from pathlib import Path
from tests.bench.peak_memory import peak_mb
from tasks.detect.options import TilingOptions
from tasks.detect.stream import Found, ImageSource, find_objects
from tasks.intake.images import decode_upright
from tests.detect.scenes import ColourDetector

def read(path):
    return decode_upright(Path(path).read_bytes())

options = TilingOptions(tile_px=2048, whole_image=False)
sources = [ImageSource(str(n), (20_000, 20_000), partial(read, sys.argv[1])) for n in range(int(sys.argv[2]))]
found = []
for each in find_objects(sources, ColourDetector(imgsz=2048, classes=("car",)), [0], options):
    assert isinstance(each, Found), each
    found.append(each.merged.boxes_xyxy_px.tolist())
print(json.dumps([found, peak_mb()]))
"""


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    """A picture of 20,000 x 20,000 pixels with one red car near its far corner."""
    path = tmp_path_factory.mktemp("huge") / "huge.png"
    image = Image.new("P", (SIDE, SIDE), 0)
    image.putpalette([60, 60, 60, 250, 0, 0])
    ImageDraw.Draw(image).rectangle((CAR[0], CAR[1], CAR[2] - 1, CAR[3] - 1), fill=1)
    image.save(path, compress_level=1)
    return path


def look_at(path, count):
    command = [sys.executable, "-c", CODE, str(path), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, peak_mb = json.loads(done.stdout)
    return found, peak_mb


@pytest.mark.slow
def test_images_of_four_hundred_megapixels_are_looked_at_one_after_the_other(huge):
    found, peak_mb = look_at(huge, 2)
    for boxes in found:
        assert [[round(edge) for edge in box] for box in boxes] == [list(CAR)]
    # One at a time: its pixels (1,200 MB), their copy while colours are reordered, and the decoder's 2,000.
    assert peak_mb < 5_000


def test_an_image_of_more_pixels_than_are_decoded_is_set_aside_and_the_rest_goes_on():
    header = b"IHDR" + (30_000).to_bytes(4, "big") + (30_000).to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    chunks = [
        len(some[4:]).to_bytes(4, "big") + some + zlib.crc32(some).to_bytes(4, "big") for some in (header, b"IDAT")
    ]
    claims = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    sources = [
        ImageSource("large", (30_000, 30_000), partial(decode_upright, claims)),
        ImageSource("usual", (400, 400), lambda: draw((400, 400), [[10, 10, 60, 60]])),
    ]
    large, usual = find_objects(sources, ColourDetector(), range(3), TilingOptions(tile_px=320))
    assert isinstance(large, Unseen)
    assert "30000×30000" in large.reason
    assert "cut it into parts" in large.reason
    assert len(usual.merged) == 1
