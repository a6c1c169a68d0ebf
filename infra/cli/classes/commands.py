"""`classes`: what people wrote down as missing is listed, and the owner of the line decides what it stands for."""

import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from blocks.errors import BadOption
from blocks.naming.names import check_class
from infra.cli.collections import require_collection
from infra.cli.commands.gold_commands import saved_catalog
from infra.cli.progress.collections_page import show_missing
from infra.cli.words import this_command
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.documents import saved_server
from infra.stack.report import open_for_reading
from infra.stack.state import open_stack
from tasks.audit.missing_classes import MissingClass, decide_class, missing_classes
from tasks.review.posting.offered import offer_class, offered_classes
from tasks.review.questions.kinds.classes.missing import key_of_class

if TYPE_CHECKING:
    from sqlalchemy import Engine

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
table_console = Console(soft_wrap=True)


def list_classes(home: Path, collection: str) -> tuple[MissingClass, ...]:
    """Show what people wrote down as missing, also while the stack is down.

    Raises:
        StackError: No stack was ever started there.
        BadOption: There is no such collection.
    """
    engine, _ = open_for_reading(open_stack(home))
    collection = require_collection(engine, collection)
    found = missing_classes(engine, collection)
    if not found:
        console.print(f"nobody wrote down a class that is missing in {collection}")
    show_missing(found, collection, table_console, this_command())
    return found


def accept_class(home: Path, collection: str, written: str, name: str) -> dict[str, object]:
    """Take what people wrote as a new class, settle its items and offer it.

    Raises:
        StackError: The stack does not run.
        BadOption: Nobody wrote that, or there is such a class already.
        LabelStudioUnavailable: It is decided, and not offered yet: run again.
    """
    engine = saved_catalog(home)
    collection = require_collection(engine, collection)
    class_name = new_name(name or written_as(missing_classes(engine, collection), written))
    refuse_taken(class_name, classes_of(engine, collection), written)
    revisions = decide_class(engine, collection, written, class_name, is_new=True)
    with connected(open_stack(home)):
        server = saved_server()
    offered = offer_class(engine, server, collection, class_name) if server else 0
    console.print(f"{class_name!r} is a class of {collection} now: {revisions:,} labels changed")
    where = f"{offered} queues offer it from now on" if offered else "no open queue can offer it: people write it down"
    console.print(f"{where}; name it among --classes when you label on")
    return {"collection": collection, "class": class_name, "revisions": revisions, "queues": offered}


def map_class(home: Path, collection: str, written: str, class_name: str) -> dict[str, object]:
    """Say that what people wrote is another word for a class, and settle its items.

    Raises:
        StackError: The stack does not run.
        BadOption: Nobody wrote that, or there is no such class.
    """
    engine = saved_catalog(home)
    collection = require_collection(engine, collection)
    require_class(class_name, classes_of(engine, collection), collection)
    revisions = decide_class(engine, collection, written, class_name)
    console.print(f"{written!r} is another word for {class_name!r} in {collection}: {revisions:,} labels changed")
    return {"collection": collection, "class": class_name, "revisions": revisions}


def refuse_class(home: Path, collection: str, written: str) -> dict[str, object]:
    """Say that what people wrote is no class of a collection.

    Raises:
        StackError: The stack does not run.
        BadOption: Nobody wrote that.
    """
    engine = saved_catalog(home)
    collection = require_collection(engine, collection)
    revisions = decide_class(engine, collection, written, None)
    again = f"{this_command()} reopen {shlex.quote(collection)}"
    console.print(f"{written!r} is no class of {collection}; its items have no label until `{again}` asks them again")
    return {"collection": collection, "class": None, "revisions": revisions}


def written_as(found: Sequence[MissingClass], written: str) -> str:
    """Return how most people wrote what somebody types; what nobody wrote is returned as it is."""
    key = key_of_class(written)
    return next((one.written for one in found if key_of_class(one.written) == key), written)


def new_name(name: str) -> str:
    """Return the name of a class as every class's is checked.

    Raises:
        BadOption: It can be none.
    """
    try:
        return check_class(name)
    except ValueError as error:
        raise BadOption(str(error)) from None


def classes_of(engine: "Engine", collection: str) -> tuple[str, ...]:
    """Return the classes that a collection has: offered in its questions, or of its labels."""
    from blocks.database.engine import reading
    from tasks.settle.in_force import count_by_class

    with reading(engine) as session:
        labelled = count_by_class(session, collection).get(collection, {})
    return tuple(dict.fromkeys((*offered_classes(engine, collection), *labelled)))


def refuse_taken(class_name: str, known: Sequence[str], written: str) -> None:
    """Refuse a new class that nobody could tell from one that there is; the same once more is no new one.

    Raises:
        BadOption: There is such a one.
    """
    taken = next((one for one in known if key_of_class(one) == key_of_class(class_name) and one != class_name), None)
    if taken is not None:
        raise BadOption(
            f"there is a class {taken!r}, which nobody could tell from {class_name!r}: `classes map` says that "
            f"{written!r} is another word for it"
        )


def require_class(class_name: str, known: Sequence[str], collection: str) -> None:
    """Refuse a class that a collection does not have.

    Raises:
        BadOption: It does not; which ones it has.
    """
    if class_name in known:
        return
    close = difflib.get_close_matches(class_name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    told = f"{', '.join(known[:9]) or 'none'}{', …' if len(known) > 9 else ''}"
    raise BadOption(f"{class_name!r} is no class of {collection!r} (known: {told}).{hint}")
