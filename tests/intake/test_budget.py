"""Memory for pictures is taken before it is used, waited for, and given back; and the bounds hold for real files."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from tasks.intake.decoding.budget import Budget
from tasks.intake.decoding.headers import read_header
from tests.intake.factories import encoded


def test_who_asks_for_more_than_is_free_waits_for_it() -> None:
    budget = Budget(100)
    order: list[str] = []
    held, waits = threading.Event(), threading.Event()

    def large() -> None:
        with budget.room(80):
            held.set()
            waits.wait(10)
            order.append("first")

    def next_one() -> None:
        held.wait(10)
        assert budget.try_take(30) is None
        waits.set()
        with budget.room(500):  # all there is
            order.append("second")

    threads = [threading.Thread(target=each) for each in (large, next_one)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert order == ["first", "second"]
    assert budget.try_take(100) == 100


def test_a_thread_that_holds_room_does_not_wait_for_itself() -> None:
    budget = Budget(100)
    with budget.room(100), budget.room(100), budget.covered(), budget.room(7):
        assert budget.try_take(1) is None
    assert budget.try_take(100) == 100


def test_room_is_given_back_after_an_error() -> None:
    budget = Budget(10)
    with pytest.raises(ValueError, match="on purpose"), budget.room(10):
        raise ValueError("on purpose")
    assert budget.take(10) == 10


SIDE = 4000
CODE = """
import sys
from pathlib import Path
from tests.bench.peak_memory import peak_mb
from tasks.intake.images import decode_upright, inspect_image
from tasks.intake.decoding.headers import read_header
import tasks.intake.images
data = Path(sys.argv[1]).read_bytes()
read_header(data)
before = peak_mb()
{"decode": decode_upright, "inspect": inspect_image}[sys.argv[2]](data)
print(peak_mb() - before)
"""


@pytest.mark.parametrize("what", ["decode", "inspect"])
@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGBA", {"compress_level": 1}),
        ("PNG", "1", {}),
        ("PNG", "P", {"compress_level": 1, "transparency": 0}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "CMYK", {}),
        ("TIFF", "F", {"compression": "tiff_lzw"}),
        ("TIFF", "I;16", {}),
        ("WEBP", "RGBA", {"lossless": True, "method": 0}),
        ("GIF", "P", {}),
    ],
)
def test_decoding_takes_no_more_than_its_header_says(
    tmp_path: Path, what: str, kind: str, mode: str, options: dict[str, object]
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(Image.new(mode, (SIDE, SIDE)), kind, **options))
    bound_mb = read_header(path.read_bytes()).peak_bytes / 2**20
    done = subprocess.run([sys.executable, "-c", CODE, str(path), what], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= bound_mb + 40, "40 MB: code that is loaded at first use, and one strip"
