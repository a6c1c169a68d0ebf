"""What keeps data safe: the check of all objects, backups, and the way back."""

from typing import Annotated

import typer

from blocks.home import labelline_home
from infra.cli.json_answer import AsJson

keeping_app = typer.Typer()

RATE = typer.Option(min=0.1, help="At most so many megabytes are read in a second; no limit where it is not given.")


@keeping_app.command()
def fsck(
    rate: Annotated[float | None, RATE] = None,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="End after so long; the next one goes on.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="From the beginning, not where the last one ended.")] = False,
    mend: Annotated[bool, typer.Option(help="Write broken objects anew from a second copy.")] = True,
    as_json: AsJson = False,
) -> None:
    """Check every object of the store against the catalogue, and back; broken off it goes on where it was.

    Exit code 0: all objects are whole, or were mended. 4: some are missing or damaged still.
    """
    from infra.cli.keeping.commands import check
    from tasks.keeping.check import CheckOptions

    options = CheckOptions(mb_per_s=rate, for_s=minutes and minutes * 60, mend=mend)
    raise typer.Exit(check(labelline_home(), options, anew=anew, as_json=as_json))
