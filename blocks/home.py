"""Where the state of one machine lives: a single folder, so that a copy of it is a backup."""

import os
from pathlib import Path


def labelline_home() -> Path:
    """Return the state folder: `LABELLINE_HOME`, or `.labelline` in the current folder. It may not exist yet."""
    return Path(os.environ.get("LABELLINE_HOME", ".labelline")).resolve()
