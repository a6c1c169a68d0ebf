"""How `labelline label` ends: where the labels are, what made them, what was left out and why, and what comes next."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, distinct, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.import_tables import LabelImport
from blocks.database.tables import Batch, BatchItem, Item, Source
from blocks.servers.experiments import Experiments
from infra.cli.words import shorten
from tasks.dataset.formats.registry import usual_format
from tasks.detect.refs import NOBODY
from tasks.intake.label_kinds import noted_kind
from tasks.intake.texts.media import medium_of_collection
from tasks.settle.annotators.skipped import in_pictures, skipped_of
from tasks.settle.in_force import count_labels
from tasks.train.naming import registry_name
from tasks.train.registry import RegisteredModel, versions_of

SHOWN = 5
"""Reasons that are told; the run's artifacts have all."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Pictures that have no labels, by why.

    Attributes:
        what: What became of them, in words.
        count: How many.
        examples: File names with their reasons, the first ones.
    """

    what: str
    count: int
    examples: tuple[str, ...]


def tell_labels(engine: Engine, collection: str, experiments: Experiments, command: str = "labelline") -> list[str]:
    """Return the lines that end a labelling: labels, weights, what was left out, the next command.

    Args:
        engine: The catalogue.
        collection: What was labelled.
        experiments: Whose registry knows where weights came from.
        command: What starts our command line here.
    """
    with reading(engine) as session:
        pictures = _settled_pictures(session, collection)
        versions = session.exec(
            select(Batch.detector).where(Batch.collection == collection, col(Batch.detector).is_not(None)).distinct()
        ).all()
        left = [*_set_aside_files(session, collection), *_set_aside_items(session, collection)]
    skipped = in_pictures(skipped_of(engine, collection))
    rows = list(skipped.items())[:SHOWN]
    left += _left_out("skipped or let lie by people, without an answer", len(skipped), rows)
    labels = count_labels(engine, collection)
    where = engine.url.render_as_string(hide_password=True)
    medium = medium_of_collection(engine, collection) or "pictures"
    lines = [f"{collection}: {labels} labels on {pictures} {medium}, in the catalogue {where}"]
    if versions:
        known = {one.ref.version: one for one in versions_of(experiments, registry_name(collection))}
        came_in = _imports(engine, collection)
        told = ", ".join(
            came_in.get(version) or _weights_in_words(version, known.get(version)) for version in versions if version
        )
        lines.append(f"proposed by {told}")
    lines += [f"{one.what}, {one.count}: {'; '.join(one.examples)}{'; …' * (one.count > SHOWN)}" for one in left]
    name = shlex.quote(collection)
    if skipped:
        lines.append(f"ask them again: {command} reopen {name}")
    if pictures:
        kind = noted_kind(engine, collection)
        fmt = usual_format(kind.name if kind else "boxes", medium)
        folder = shlex.quote(f"{collection}-{fmt}")
        lines.append(f"take the labels along: {command} export {name} --format {fmt} --out {folder}")
    return lines


def _imports(engine: Engine, collection: str) -> dict[str, str]:
    """Return the imports that stood in a detector's place, in words, by version."""
    query = select(LabelImport.id, LabelImport.name).where(LabelImport.collection == collection)
    with reading(engine) as session:
        return {version: f"the import {name} ({version})" for version, name in session.exec(query).all()}


def _weights_in_words(version: str, registered: RegisteredModel | None) -> str:
    if version == NOBODY:
        return "nobody, where there was no model yet"
    if registered is None:
        return f"weights {version}"
    origin = registered.tags.get("origin", "").removeprefix("given: ") or "trained here"
    return f"weights {version} ({registered.ref.name} version {registered.number}: {origin})"


def _settled_pictures(session: Session, collection: str) -> int:
    query = (
        select(func.count(distinct(col(BatchItem.item_id))))
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection)
        .where(col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None))
    )
    return session.exec(query).one()


def _set_aside_files(session: Session, collection: str) -> list[LeftOut]:
    aside = (Source.collection == collection, Source.state == "set_aside")
    count = session.exec(select(func.count()).select_from(Source).where(*aside)).one()
    rows = session.exec(select(Source.uri, Source.reason).where(*aside).order_by(col(Source.uri)).limit(SHOWN)).all()
    told = ((uri.rpartition("/")[2], reason) for uri, reason in rows)
    return _left_out("files that could not be taken in", count, told)


def _set_aside_items(session: Session, collection: str) -> list[LeftOut]:
    of_line = select(Batch.id).where(Batch.collection == collection)
    aside = (col(BatchItem.batch_id).in_(of_line), col(BatchItem.set_aside).is_not(None))
    count = session.exec(select(func.count()).select_from(BatchItem).where(*aside)).one()
    rows = session.exec(
        select(Item.name, BatchItem.set_aside)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .where(*aside)
        .order_by(col(Item.name))
        .limit(SHOWN)
    ).all()
    return _left_out("pictures set aside on the way", count, rows)


def _left_out(what: str, count: int, rows: Iterable[tuple[str, str | None]]) -> list[LeftOut]:
    told = tuple(f"{name} ({shorten(reason)})" if reason else name for name, reason in rows)
    return [LeftOut(what, count, told)] if count else []
