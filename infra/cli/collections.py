"""Collections by name, as a person types them."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Source
from blocks.errors import BadOption
from blocks.naming.names import check_collection
from infra.cli.words import did_you_mean

if TYPE_CHECKING:
    from sqlalchemy import Engine


def known_collections(engine: "Engine") -> set[str]:
    """Return the names of all collections that have a picture or a batch."""
    with reading(engine) as session:
        taken = session.exec(select(Source.collection).distinct()).all()
        batched = session.exec(select(Batch.collection).distinct()).all()
    return {*taken, *batched}


def require_collection(engine: "Engine", name: str) -> str:
    """Return the name of a collection that there is.

    Raises:
        BadOption: There is none of this name; with the one that was meant.
    """
    known = known_collections(engine)
    if name in known:
        return name
    try:
        wanted = check_collection(name)
    except ValueError as error:
        raise BadOption(f"{error}. {did_you_mean(name, known, 'collections')}") from error
    if wanted in known:
        return wanted
    raise BadOption(f"there is no collection {name!r}. {did_you_mean(wanted, known, 'collections')}")


def folders_of(
    engine: "Engine", collection: str, folder: Path, most: int = 3, *, is_url_list: bool = False
) -> list[str]:
    """Return some other folders from which pictures of a collection were taken: two may have one name.

    Those of a list of addresses are all in the web: from which list an address came is not known.
    """
    below = "http" if is_url_list else folder.as_uri().rstrip("/") + "/"
    within = f"{folder.as_uri()}#"  # parts of one file: rows of a table, frames of a video
    elsewhere = (
        select(Source.uri)
        .where(Source.collection == collection, ~col(Source.uri).startswith(below, autoescape=True))
        .where(~col(Source.uri).startswith(within, autoescape=True))
        .order_by(col(Source.uri))
        .limit(200)
    )
    with reading(engine) as session:
        return list(dict.fromkeys(uri.rpartition("/")[0] for uri in session.exec(elsewhere)))[:most]
