"""The peak memory of this process alone.

`getrusage` will not do: a process inherits, across `exec`, the peak of whoever started it.
"""

import resource
from pathlib import Path


def peak_mb() -> float:
    """Return the most megabytes that this program has held at once."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024
