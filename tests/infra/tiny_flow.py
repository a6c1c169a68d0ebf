"""A flow that waits for a file: something for a stack to run, to lose, and to go on with."""

import time
from pathlib import Path

from prefect import flow


@flow
def nap(until: str) -> None:
    """Wait until a file is there."""
    while not Path(until).exists():
        time.sleep(0.1)
