"""How much memory pictures may take in this process, all threads together, so that no picture fills the machine.

A picture is admitted with what its decoding takes at its peak (`peak_bytes`), before a byte of it is unpacked. Small
ones are decoded side by side; one that takes most of the budget waits until it is alone. What takes more than the whole
budget is refused. Across processes nothing is held back: each has this budget of its own, so a machine needs it once
for each worker's run, and once for the gateway.
"""

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

DECODE_BYTES = 1_900_000_000
"""With it the largest picture that is taken keeps intake, gateway and detection below 3 GB each (measured by
`tests.bench.decoding`)."""

WIDEST_PIXEL_BYTES = 20
"""What decoding takes for a pixel at most, whatever the format (WebP); the bound where only the size is known."""


TRIMMED_BYTES = 200_000_000
"""After a decoding of this size what it has freed goes back to the machine."""


class Budget:
    """Bytes that threads share; who asks for more than is free waits until others give back.

    A thread that asks while it holds some would wait for itself, so it is let through: ask once, for all of it.

    Args:
        total: Bytes. Who asks for more than all of it gets all of it, alone.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._changed = threading.Condition()
        self._mine = threading.local()

    def take(self, count: int) -> int:
        """Wait for so many bytes, and return how many were taken: `count`, or all there are."""
        count = min(count, self.total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= count)
            self._free -= count
        return count

    def try_take(self, count: int) -> int | None:
        """Return what `take` would, or None where one would have to wait."""
        count = min(count, self.total)
        with self._changed:
            if self._free < count:
                return None
            self._free -= count
        return count

    def give_back(self, count: int) -> None:
        """Return bytes that were taken; any thread may."""
        with self._changed:
            self._free += count
            self._changed.notify_all()

    @contextmanager
    def room(self, count: int) -> Iterator[None]:
        """Hold so many bytes meanwhile, unless this thread is `covered` already."""
        if getattr(self._mine, "covered", False):
            yield
            return
        taken = self.take(count)
        try:
            with self.covered():
                yield
        finally:
            self.give_back(taken)

    @contextmanager
    def covered(self) -> Iterator[None]:
        """Say that what this thread decodes meanwhile has been taken already, here or by another thread for it."""
        before = getattr(self._mine, "covered", False)
        self._mine.covered = True
        try:
            yield
        finally:
            self._mine.covered = before


DECODING = Budget(DECODE_BYTES)
"""Of this process."""


def widest_bytes(width: int, height: int, size_bytes: int = 0) -> int:
    """Return what decoding a picture takes at most where only its size is known, and its file's."""
    return width * height * WIDEST_PIXEL_BYTES + size_bytes


def trim_after(count: int) -> None:
    """Hand memory that a large decoding has freed back to the machine.

    Pillow builds pictures of blocks that glibc keeps for the next picture of the same thread: four threads would each
    keep their largest one.
    """
    if count >= TRIMMED_BYTES and sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, other C libraries do not keep so much
        if trim is not None:
            trim(0)
