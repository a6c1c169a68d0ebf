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

    Exit code 0: all objects are whole, or were mended. 4: some are missing, damaged or unreadable still.
    """
    from infra.cli.keeping.commands import check
    from tasks.keeping.check import CheckOptions

    options = CheckOptions(mb_per_s=rate, for_s=minutes and minutes * 60, mend=mend)
    raise typer.Exit(check(labelline_home(), options, anew=anew, as_json=as_json))


PLACE = "A folder on another disk, or s3://BUCKET/PREFIX (LABELLINE_S3_ENDPOINT, AWS_ACCESS_KEY_ID, …)."


@keeping_app.command()
def backup(
    to: Annotated[str, typer.Argument(help=PLACE)],
    keep: Annotated[int | None, typer.Option(min=1, help="So many finished backups stay; all where not given.")] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="First read and hash what is there; what is damaged is copied anew."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Back up all that the stack knows, while the line runs; objects that are there already are not copied again.

    The backup holds all secrets of the stack and is closed to other users: guard it as such. Exit code 4: something
    could not be kept, was damaged, or stands in the way of dropping older backups.
    """
    from infra.cli.keeping.backups import take_backup

    raise typer.Exit(take_backup(labelline_home(), to, keep, verify=verify, as_json=as_json))


@keeping_app.command("restore")
def restore_backup(
    backup_at: Annotated[str, typer.Argument(metavar="FROM", help=PLACE)],
    name: Annotated[str | None, typer.Option(help="Which backup; the newest finished one where not given.")] = None,
    manifest: Annotated[str | None, typer.Option(help="SHA-256 that `backup` told: another one is refused.")] = None,
    catalog: Annotated[
        str | None, typer.Option(help="An empty PostgreSQL database, for a backup of one; its password in PGPASSWORD.")
    ] = None,
    objects: Annotated[str | None, typer.Option(help="s3://BUCKET for the objects, empty; else the folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into the state folder, which must be empty or not there, and check every object.

    Exit code 0: all of it is back. 4: something of it is missing or damaged.
    """
    from infra.cli.keeping.backups import bring_back

    found = bring_back(labelline_home(), backup_at, name, manifest, catalog, objects, as_json=as_json)
    raise typer.Exit(found)
