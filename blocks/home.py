"""Where the state of one machine lives: a single folder, so that a copy of it is a backup."""

import os
from pathlib import Path


def labelline_home() -> Path:
    """Return the state folder: `LABELLINE_HOME`, or `.labelline` in the current folder. It may not exist yet."""
    return Path(os.environ.get("LABELLINE_HOME", ".labelline")).resolve()


def enter_labelline_home() -> dict[str, str]:
    """Make the state folder the current one: the step with which every deployed run begins.

    It asks where the run is. Prefect's own step takes a path, which `prefect deploy` writes into the deployment, and a
    run that goes on after the folder was moved would look for the old place until everything is deployed again.

    Returns:
        The folder, as Prefect's steps give theirs.
    """
    home = labelline_home()
    os.chdir(home)
    return {"directory": str(home)}
