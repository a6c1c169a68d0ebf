"""Which kind of label a collection has: written down when its first batch is looked at, and held to ever after.

Labels of one shape may be of several kinds, so the shapes alone do not tell; and two lines that label one collection
with different kinds would take each other's labels for wrong.
"""

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, Bookmark, Label, utc_now
from blocks.errors import BadOption, BadShape
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import kind_with_shapes, label_kind


def note_label_kind(engine: Engine, collection: str, name: str) -> None:
    """Write down which kind of label a collection has; a second call changes nothing.

    Raises:
        BadOption: It has another kind, or labels of a shape that this kind does not have.
    """
    kind = label_kind(name)
    with writing(engine) as session:
        noted = session.get(Bookmark, kind_bookmark(collection))
        before = noted.value if noted else _kind_of_labels(session, collection, kind)
        if before != name:
            raise BadOption(
                f"collection {collection!r} has {before}, and this line labels {name}: give the line a collection of "
                f"its own, or set its label_kind to {before!r}."
            )
        if noted is None:
            upsert(session, Bookmark, [{"name": kind_bookmark(collection), "value": name, "updated_at": utc_now()}])


def change_label_kind(engine: Engine, collection: str, name: str) -> None:
    """Write down that a collection has another kind from now on; its labels are of that kind already."""
    with writing(engine) as session:
        noted = session.get(Bookmark, kind_bookmark(collection)) or Bookmark(name=kind_bookmark(collection), value=name)
        noted.value, noted.updated_at = label_kind(name).name, utc_now()
        session.add(noted)


def label_kind_of(engine: Engine, collection: str, shapes: set[str]) -> LabelKind:
    """Return which kind of label a collection has; where that was never written down, what its shapes tell.

    Raises:
        BadShape: It has a shape that its kind does not have, or shapes of no kind.
    """
    with reading(engine) as session:
        noted = session.get(Bookmark, kind_bookmark(collection))
    if noted is None:
        return kind_with_shapes(shapes)
    kind = label_kind(noted.value)
    strange = sorted(shapes - kind.shapes)
    if strange:
        raise BadShape(
            f"collection {collection!r} is labelled with {kind.name}, which have shapes of type "
            f"{' and '.join(sorted(kind.shapes))}, and it holds labels of type {' and '.join(strange)}: retract these, "
            "or label them in a collection of their own"
        )
    return kind


def noted_kind(engine: Engine, collection: str) -> LabelKind | None:
    """Return the kind that a collection has, as written down, or as its labels tell; None for one that has neither.

    Raises:
        BadShape: Its labels have shapes of no kind.
    """
    with reading(engine) as session:
        noted = session.get(Bookmark, kind_bookmark(collection))
        found = set() if noted else _types_of_labels(session, collection)
    if noted:
        return label_kind(noted.value)
    return kind_with_shapes(found) if found else None


def noted_shapes(session: Session, collection: str) -> frozenset[str]:
    """Return the types of shapes that a collection's kind has, as written down; none where it is not."""
    noted = session.get(Bookmark, kind_bookmark(collection))
    return label_kind(noted.value).shapes if noted else frozenset()


def kind_bookmark(collection: str) -> str:
    """Name the bookmark that holds which kind of label a collection has."""
    return f"label kind of {collection}"


def _kind_of_labels(session: Session, collection: str, wanted: LabelKind) -> str:
    """Return the kind of the labels that a collection has from before; the wanted one where it may be that."""
    found = _types_of_labels(session, collection)
    return wanted.name if found <= wanted.shapes else kind_with_shapes(found).name


def _types_of_labels(session: Session, collection: str) -> set[str]:
    batches = select(Batch.id).where(Batch.collection == collection)
    types = select(col(Label.shape)["type"].as_string()).where(col(Label.batch_id).in_(batches)).distinct()
    return {type_ or "box" for type_ in session.exec(types)}
