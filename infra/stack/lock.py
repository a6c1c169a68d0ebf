"""One command at a time starts or stops the stack of a home."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(home: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Wait for other commands that start or stop this stack, and keep them waiting meanwhile."""
    with (home / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another labelline command starts or stops this stack: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
