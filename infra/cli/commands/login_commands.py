"""`login`, `env`: how the owner of a stack is let in to it, by a browser and by Prefect's own commands."""

import shlex
from pathlib import Path

from infra.stack.servers.services import stack_environment
from infra.stack.state import StackState, open_stack


def logins(state: StackState) -> str:
    """Return where a person finds what, and what to type there: a text with secrets in it.

    One of them on a line, at its end, so that no narrow terminal breaks it in two.
    """
    credentials = state.credentials
    user, _, password = credentials.prefect_login.partition(":")
    return "\n".join(
        [
            f"Label Studio, where people answer: {state.urls.label_studio}",
            f"  user      {credentials.email}",
            f"  password  {credentials.password.get_secret_value()}",
            f"Prefect, runs and schedules: {state.urls.prefect_ui}",
            f"  login     {credentials.prefect_login}",
            f"MLflow, detectors and trainings: {state.urls.mlflow}",
            f"  user      {user}",
            f"  password  {password}",
            f"Gallery, pictures with their labels: {state.urls.gateway}/gallery/",
            "  the same as for MLflow",
            f"Score, what the champion says of pictures that a program sends: {state.urls.gateway}/score/docs",
            "  login     the same as for Prefect",
            f"  token     {credentials.score_bearer}",
        ]
    )


def exports(home: Path) -> str:
    """Return shell commands after which Prefect's and our own commands work with the stack of a state folder.

    Raises:
        StackError: None was ever started there.
    """
    settings = stack_environment(open_stack(home))
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in settings.items())
