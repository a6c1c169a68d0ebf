"""The arguments that all servers behind a door have in common; no secret is among them."""

import argparse
from collections.abc import Sequence

LOGIN_VARIABLE = "LABELLINE_OWNER_LOGIN"
"""The environment variable that carries `user:password` to the doors of MLflow and the gallery."""

SCORE_VARIABLE = "LABELLINE_SCORE_TOKEN"
"""The environment variable that carries the token of `POST /score` to the gateway."""


def parse_arguments(
    module: str, description: str | None, arguments: Sequence[str] | None, *needed: str
) -> argparse.Namespace:
    """Return `host`, `port`, `public_host` (a list) and whatever else is needed.

    Args:
        module: What is started by `python -m`.
        description: Shown by `--help`.
        arguments: Empty: those of the command line.
        needed: Further options, such as `--backend-store-uri`.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--public-host", action="append", default=[], help="a further name of it; may be repeated")
    for name in needed:
        parser.add_argument(name, required=True)
    return parser.parse_args(arguments)
