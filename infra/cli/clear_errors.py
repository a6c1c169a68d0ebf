"""Errors that we raise on purpose, as one message in a terminal."""

from typing import Any

import typer
from typer.core import TyperGroup

from blocks.errors import LabellingError


class ClearErrors(TyperGroup):
    """Shows errors that we raise on purpose as one message; `--debug` shows where they come from."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except LabellingError as error:
            if ctx.params.get("debug"):
                raise
            typer.secho(f"{type(error).__name__}: {error}", err=True, fg="red")
            raise typer.Exit(1) from error
