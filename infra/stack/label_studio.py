"""How Label Studio is started: its command line and its environment, in one place for the stack and for tests."""

import os
import shutil
import sys
from pathlib import Path

from blocks.errors import StackError

EXECUTABLE_VARIABLE = "LABELLINE_LABEL_STUDIO"
"""Names the label-studio executable, where it is not found by itself."""


def label_studio_command(  # noqa: PLR0917 - read as one line of settings, in the order of Label Studio's own options
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
    settings = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(home),
        "LABEL_STUDIO_USERNAME": email,
        "LABEL_STUDIO_PASSWORD": password,
        "LABEL_STUDIO_USER_TOKEN": token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_HOST": f"http://127.0.0.1:{port}",
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "false",
        "DEBUG": "false",
        # Webhooks go to the gateway on the loopback interface, which this protection refuses.
        "SSRF_PROTECTION_ENABLED": "false",
        # Without it one prediction into a project of 20,000 tasks takes 12 s instead of 0.06 s.
        "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short": "true",
    }
    # A foreign environment's own variables would make its Python load our packages.
    inherited = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    arguments = [str(executable), "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1"]
    return arguments, {**inherited, **settings}


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
        f"Run `make install`, or name the program in {EXECUTABLE_VARIABLE}."
    )
