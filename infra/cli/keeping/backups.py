"""`backup` and `restore` in a terminal."""

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from blocks.errors import BadInput, BadOption, StackError
from infra.cli.json_answer import print_json
from infra.cli.keeping.commands import REMAINS, show_check, teller
from infra.cli.words import this_command
from infra.keeping.backup import BackupSource, back_up
from infra.keeping.place import open_bucket, open_place
from infra.keeping.restore import RestoreTarget, choose_backup, restore
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.documents import saved_server
from infra.stack.plugs import open_plugs, refuse_empty
from infra.stack.servers.services import tracking_uri
from infra.stack.state import StackState, open_stack

SHOWN = 20


def take_backup(home: Path, to: str, keep: int | None, *, verify: bool, as_json: bool) -> int:
    """Take a backup, and say what is in it and what is not.

    Raises:
        StackError: No stack was ever started there, or Prefect, which knows where data are, is down.
        StoreUnavailable: The store has nothing of what the catalogue names.
        BadOption: The place cannot be used.
    """
    console = _console(as_json)
    state = open_stack(home)
    plugs = open_plugs(state, lambda _line: None)
    if not plugs.is_up:
        raise StackError(
            f"the stack in {home} is down, and its Prefect knows where data are: `{this_command()} up` first "
            "(or copy the whole folder while it is down)"
        )
    refuse_empty(plugs, state)
    place = open_place(to, plugs.stores[0])
    elsewhere = _elsewhere(state)
    if len(plugs.stores) > 1:
        elsewhere.append(
            "that objects are kept twice: name the second place again in the block `local` after a restore"
        )
    source = BackupSource(home, plugs.engine, plugs.stores, tuple(elsewhere))
    with console.status("backing up") as status:
        done = back_up(source, place, teller(console, status), keep, verify=verify)
    manifest = done.manifest
    if as_json:
        numbers = {"sha256": done.sha256, "copied_bytes": done.copied_bytes, "dropped": done.dropped}
        numbers |= {"rotten": done.rotten, "all_stay": done.all_stay}
        print_json({**numbers, **manifest.model_dump(mode="json", exclude={"files"}), "files": len(manifest.files)})
    seconds = (manifest.ended_at - manifest.begun_at).total_seconds()
    console.print(
        f"backup {manifest.name} in {place.where} after {seconds:.0f} s: the catalogue, {len(manifest.files)} files, "
        f"{manifest.objects.count:,} objects ({done.copied_bytes / 1e9:.2f} GB of them copied now)"
    )
    console.print(f"its manifest has the SHA-256 {done.sha256}: with it `restore` sees whether somebody changed it")
    console.print("it holds the secrets of this stack (secrets.json, databases): guard it as such")
    _list(console, "not in it", manifest.left_out)
    _list(console, "COULD NOT BE KEPT", manifest.problems)
    if done.rotten:
        console.print(
            f"{len(done.rotten):,} entries of the pool were damaged, and were dropped; what the stack has of them was "
            "copied anew, older backups may lack the others: look at that disk"
        )
    if done.all_stay:
        console.print(f"NO OLDER BACKUP WAS DROPPED, {done.all_stay}: one of them may be the last that is whole")
    if done.dropped:
        console.print(f"dropped: {', '.join(done.dropped)}, and {done.freed:,} entries of the pool with them")
    return REMAINS if manifest.problems or done.rotten or done.all_stay else 0


def bring_back(
    home: Path,
    backup_at: str,
    name: str | None,
    digest: str | None,
    catalog: str | None,
    objects: str | None,
    *,
    as_json: bool,
) -> int:
    """Restore a backup, and say what is back.

    Raises:
        BadInput: The backup is unfinished, damaged, changed, or of a newer version.
        BadOption: The target is not empty.
    """
    console = _console(as_json)
    if not backup_at.startswith("s3://") and not Path(backup_at).expanduser().is_dir():
        raise BadInput(
            f"there is no folder {backup_at}: expected one that `labelline backup` wrote, or s3://BUCKET/PREFIX"
        )
    place = open_place(backup_at)
    manifest = choose_backup(place, name, console.print)
    if digest is not None and (found := hashlib.sha256(place.read(manifest.name)).hexdigest()) != digest.lower():
        raise BadInput(f"the manifest of {manifest.name} has the SHA-256 {found}, not {digest}: somebody changed it")
    bucket = open_bucket(_bucket_of(objects), None) if objects else None
    target = RestoreTarget(home.resolve(), _with_password(catalog), bucket)
    with console.status("restoring") as status:
        done = restore(place, manifest, target, teller(console, status))
    if as_json:
        told = done.check.model_dump(mode="json") | {"remaining": done.check.remaining}
        print_json({"name": manifest.name, "objects": done.objects, "problems": list(done.problems), "check": told})
    else:
        show_check(done.check, console)
    console.print(
        f"{home} is as {manifest.name} was ({manifest.ended_at:%Y-%m-%d %H:%M} UTC), {done.objects:,} objects: "
        f"`{this_command()} up` starts it; what was answered since then is not in it"
    )
    _list(console, "not in it", manifest.left_out)
    _list(console, "LOST OR DAMAGED", done.problems)
    return REMAINS if done.check.remaining or done.problems else 0


def _elsewhere(state: StackState) -> list[str]:
    """Say what the stack uses that is kept elsewhere."""
    with connected(state):
        server = saved_server()
        tracking = _tracking_of()
    told = []
    if server is not None and server.url != state.server.url:
        told.append(
            f"Label Studio at {server.url}: answers not read yet, drafts, accounts; back it up there. What is restored "
            "works with that same one: never let it run beside the original"
        )
    if tracking and tracking != tracking_uri(state.home):
        told.append(f"MLflow at {urlsplit(tracking).hostname or 'another place'}: trainings, models; back it up there")
    return told


def _tracking_of() -> str | None:
    from typing import cast

    from blocks.tracking import Tracking
    from infra.stack.servers.services import PLUGS

    try:
        return cast(Tracking, Tracking.load(PLUGS)).uri.get_secret_value()
    except ValueError:  # Prefect's word for "no such document"
        return None


def _bucket_of(address: str) -> str:
    bucket = address.removeprefix("s3://").rstrip("/")
    if not address.startswith("s3://") or "/" in bucket:
        raise BadOption(f"--objects {address!r}: expected s3://BUCKET, without a prefix")
    return bucket


def _with_password(catalog: str | None) -> str | None:
    if catalog is None:
        return None
    try:
        url = make_url(catalog)
    except ArgumentError as error:
        raise BadOption(f"--catalog {catalog!r} is no address: expected postgresql+psycopg://…") from error
    if url.get_backend_name() != "postgresql":
        raise BadOption("--catalog is for PostgreSQL: expected postgresql+psycopg://USER@HOST/DATABASE")
    if url.password is None and (password := os.environ.get("PGPASSWORD")):
        url = url.set(password=password)
    return url.render_as_string(hide_password=False)


def _console(as_json: bool) -> Console:
    return Console(soft_wrap=True, markup=False, emoji=False, highlight=False, stderr=as_json)


def _list(console: Console, what: str, lines: tuple[str, ...]) -> None:
    for line in lines[:SHOWN]:
        console.print(f"{what}: {line}")
    if len(lines) > SHOWN:
        console.print(f"{what}: and {len(lines) - SHOWN} more; the manifest lists all")
