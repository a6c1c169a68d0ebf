"""What of a collection is no settled truth, and why; and the certificate of a truth, where one was issued."""

from sqlalchemy import Engine, distinct, func
from sqlmodel import col, select

from blocks.database.audit_tables import IssuedCertificate
from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Source
from blocks.storage.stores import Store
from tasks.audit.certificate.certificate import from_json, to_markdown


def count_left_out(engine: Engine, collection: str) -> dict[str, int]:
    """Count the pictures of a collection without settled labels, by why; empty where all have some."""
    of_line = select(Batch.id).where(Batch.collection == collection)
    in_line = col(BatchItem.batch_id).in_(of_line)
    settled = select(BatchItem.item_id).where(
        in_line, col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None)
    )
    batched = select(BatchItem.item_id).where(in_line)
    open_items = (
        select(func.count(distinct(col(BatchItem.item_id))))
        .where(in_line, col(BatchItem.item_id).not_in(settled))
        .where(col(BatchItem.settled_at).is_(None), col(BatchItem.set_aside).is_(None))
    )
    aside = (
        select(func.count(distinct(col(BatchItem.item_id))))
        .where(in_line, col(BatchItem.item_id).not_in(settled))
        .where(col(BatchItem.set_aside).is_not(None))
    )
    new = select(func.count(distinct(col(Source.item_id)))).where(
        Source.collection == collection, col(Source.item_id).is_not(None), col(Source.item_id).not_in(batched)
    )
    files = select(func.count()).select_from(Source).where(Source.collection == collection, Source.state == "set_aside")
    with reading(engine) as session:
        counts = {
            "pictures that are not settled yet (people or a run are not done)": session.exec(open_items).one(),
            "pictures set aside on the way": session.exec(aside).one(),
            "pictures in no batch yet": session.exec(new).one(),
            "files that could not be taken in": session.exec(files).one(),
        }
    return {why: count for why, count in counts.items() if count}


def kept_certificate(engine: Engine, store: Store, snapshot_id: str) -> dict[str, str] | None:
    """Return the certificate of a snapshot as files, JSON and Markdown by name; None where none was issued."""
    with reading(engine) as session:
        issued = session.get(IssuedCertificate, snapshot_id)
    if issued is None or not store.has(issued.key):
        return None
    text = store.get(issued.key).decode()
    return {"certificate.json": text, "certificate.md": to_markdown(from_json(text))}
