"""`--json`: what a command came to, as one JSON object on standard output, and all that is said meanwhile on the other.

The one place that knows it. A command returns a model or a table and says in words what it always says; here is decided
where either goes. What fails says why on standard error, as without it, and nothing on standard output.
"""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON object; progress goes to standard error.")]


def answer(work: Callable[[], Any], *, as_json: bool) -> None:
    """Run a command, and print what it returns where that was asked for.

    Args:
        work: The command; returns a pydantic model, a table (a mapping), a list of them, or what makes one of these
            where that takes time of its own.
        as_json: Print it, and nothing else, on standard output.
    """
    if not as_json:
        work()
        return
    with redirect_stdout(sys.stderr):  # consoles look up where they write at each line
        found = work()
        found = found() if callable(found) else found
    print_json(found)


def print_json(value: Any) -> None:
    """Print a model or a table as JSON that is ready to be read by people, too."""
    print(json.dumps(_plain(value), indent=1, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
