"""How Label Studio is started: its command line and its environment, in one place for the stack and for tests.

`python -m infra.stack.servers.label_studio` migrates an empty database once and keeps it beside the program: it takes
30 s of a processor, which every first start in a new folder saves from then on.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from blocks.errors import StackError
from infra.stack.doors.hosts import allowed_hosts, origins_of

EXECUTABLE_VARIABLE = "LABELLINE_LABEL_STUDIO"
"""Names the label-studio executable, where it is not found by itself."""

DATABASE = "label_studio.sqlite3"

SETTINGS = Path(__file__).parents[1] / "for_label_studio"
"""What we put on the path of Label Studio's Python: settings with which its SQLite waits, and a guard."""

OUR_SETTINGS = {"PYTHONPATH": str(SETTINGS), "DJANGO_SETTINGS_MODULE": "labelline_settings"}

KEPT_OUT = frozenset({"VIRTUAL_ENV", "PYTHONPATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
"""Variables that Label Studio does not get: it would load our packages, or fetch for anybody from a proxy's network."""


def label_studio_command(
    executable: Path, home: Path, port: int, email: str, password: str, token: str
) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and the whole environment that start Label Studio on this machine alone.

    Args:
        executable: The `label-studio` program of its own environment (Django's pins do not fit beside ours).
        home: Its data folder: database, uploads, secret key.
        port: Where it listens, on the loopback interface.
        email: The administrator's address, made at the first start.
        password: The administrator's password.
        token: The administrator's legacy token, 40 hex digits.

    Returns:
        Arguments, and the environment (the caller's own, with Label Studio's settings over it).
    """
    arguments = [str(executable), "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1"]
    return arguments, {**inherited_by_label_studio(), **label_studio_settings(home, email, password, token)}


def label_studio_settings(home: Path, email: str, password: str, token: str) -> dict[str, str]:
    """Return the environment variables that we set for Label Studio's server; arguments as `label_studio_command`."""
    return {
        **_settings(home),
        "LABEL_STUDIO_USERNAME": email,
        "LABEL_STUDIO_PASSWORD": password,
        "LABEL_STUDIO_USER_TOKEN": token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "DEBUG": "false",
        # Who opens a question and walks away keeps it from the others for so long: half an hour, not the default day.
        "TASK_LOCK_TTL": "1800",
        # Without it one prediction into a project of 20,000 tasks takes 12 s instead of 0.06 s.
        "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short": "true",
        **label_studio_doors(()),
        **OUR_SETTINGS,
    }


def label_studio_doors(public_hosts: Sequence[str]) -> dict[str, str]:
    """Return the settings by which Label Studio knows its own names, and the origins of its own pages.

    Args:
        public_hosts: Names beside those of this machine, from `parse_hosts`.
    """
    return {
        "LABEL_STUDIO_HOST": "",  # its pages go on asking the name under which they were opened
        "ALLOWED_HOSTS": ",".join(allowed_hosts(public_hosts)),
        "LABELLINE_ORIGINS": ",".join(origins_of(public_hosts)),
    }


def label_studio_environment(home: Path) -> dict[str, str]:
    """Return the whole environment in which a command of Label Studio's works on a data folder."""
    return {**inherited_by_label_studio(), **_settings(home)}


def without_our_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with which somebody else would start Label Studio, for trials of what it does then."""
    theirs = {name: value for name, value in environment.items() if name not in OUR_SETTINGS}
    return {**theirs, "SSRF_PROTECTION_ENABLED": "false"}  # or it refuses the webhook to a gateway beside it


def prepared_database(executable: Path) -> Path:
    """Return where the migrated, empty database of a Label Studio is kept; it may not be there."""
    return executable.parent.parent / "share" / "labelline" / DATABASE


def prepare_database(executable: Path) -> Path:
    """Migrate an empty database and keep it; where one is kept already, nothing is done.

    Raises:
        StackError: Label Studio ended with an error.
    """
    kept = prepared_database(executable)
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        # Any command migrates first; this one makes no user.
        command = [str(executable), "version"]
        environment = label_studio_environment(Path(folder))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"{executable} version failed with exit code {done.returncode}: {done.stderr[-1000:]}")
        (Path(folder) / DATABASE).replace(kept)
    return kept


def seed_database(executable: Path, home: Path) -> bool:
    """Give a new data folder the prepared database, if there is one; say whether it was given."""
    kept, wanted = prepared_database(executable), home / DATABASE
    if wanted.exists() or not kept.exists():
        return False
    home.mkdir(parents=True, exist_ok=True)
    draft = wanted.with_suffix(".new")
    shutil.copyfile(kept, draft)
    draft.replace(wanted)
    return True


def inherited_by_label_studio() -> dict[str, str]:
    """Return what Label Studio has of the caller's environment.

    Prefect's variables may hold its password.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in KEPT_OUT and not name.startswith("PREFECT_")
    }


def _settings(home: Path) -> dict[str, str]:
    """Return what every Label Studio command of ours needs."""
    return {
        "LABEL_STUDIO_BASE_DATA_DIR": str(home),
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "false",
    }


def find_label_studio() -> Path:
    """Return the `label-studio` program: the named one, the neighbour environment's, or the one on the path.

    Raises:
        StackError: None of these places has it.
    """
    named = os.environ.get(EXECUTABLE_VARIABLE)
    environment = Path(sys.prefix)
    places = (
        [Path(named)]
        if named
        else [
            environment.parent / f"{environment.name}-label-studio" / "bin" / "label-studio",
            Path(shutil.which("label-studio") or ""),
        ]
    )
    for place in places:
        if place.is_file() and os.access(place, os.X_OK):
            return place
    raise StackError(
        f"label-studio is not installed (looked at {', '.join(str(place) for place in places if place.name)}). "
        f"Run `make setup`, or name the program in {EXECUTABLE_VARIABLE}."
    )


if __name__ == "__main__":
    print(prepare_database(find_label_studio()))
