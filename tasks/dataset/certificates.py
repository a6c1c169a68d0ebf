"""The certificate of a snapshot: written from its manifest and the audits of its batches, and kept beside it.

The manifest never changes, what is known of it may: an answer edited, a threshold withdrawn. So a certificate is issued
anew where its content has changed, under another key, and the catalogue names the one in force.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.audit_tables import IssuedCertificate
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, Label, Proposal, Question, Snapshot, utc_now
from blocks.errors import BadOption
from blocks.shapes import shape_columns
from blocks.storage.stores import Store
from tasks.audit.certificate.certificate import Certificate, ClassCertificate, Labellers, from_json, to_json
from tasks.audit.certificate.statements import read_parts, read_threshold_rows, state_error, state_misses
from tasks.audit.risk_control.blind_audit import BlindItem, by_class, read_blind
from tasks.audit.risk_control.certified_pages import pages_in_words, read_page_thresholds
from tasks.dataset.agreement import agreement_behind
from tasks.dataset.manifest import Manifest, ManifestLabel
from tasks.dataset.snapshots import read_snapshot
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import label_kind
from tasks.settle.truth import IMPORT, MACHINE
from tasks.triage.boxes import in_shards

NOT_CHECKED = (
    "Imported labels stand as they came: nobody here has looked at them, and nothing is stated about how wrong they "
    "are, or how many objects they miss. A label-error review (`second_look`) sends doubtful ones to people."
)

DOUBLES = "Single boxes were judged one by one: two boxes on one object both count as right."


@dataclass(slots=True)
class ManifestCounts:
    """What a manifest holds."""

    items: set[str] = field(default_factory=set)
    splits: Counter[str] = field(default_factory=Counter)
    labellers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    unseen: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Labels that nobody looked at, by class and batch."""
    largest: Counter[str] = field(default_factory=Counter)
    """The most objects of a class on one item that was not audited."""
    detectors: set[str] = field(default_factory=set)


def issue_certificate(engine: Engine, store: Store, snapshot_id: str, now: datetime | None = None) -> Certificate:
    """Write the certificate of a snapshot into the store, and note it; an unchanged one is left as it is.

    Args:
        engine: The catalogue.
        store: Where the manifest is, and where the JSON goes: `certificates/<snapshot>-<hash>.json`.
        snapshot_id: The snapshot.
        now: The date it bears.

    Raises:
        BadOption: There is no such snapshot.
        ObjectMissing: Its manifest is gone or damaged.
    """
    certificate = draw_up(engine, store, snapshot_id, now or utc_now())
    with reading(engine) as session:
        before = session.get(IssuedCertificate, snapshot_id)
    if before is not None and store.has(before.key):
        issued = from_json(store.get(before.key).decode())
        if issued.model_copy(update={"issued_at": certificate.issued_at}) == certificate:
            return issued
    text = to_json(certificate).encode()
    key = f"certificates/{snapshot_id}-{hashlib.sha256(text).hexdigest()[:12]}.json"
    store.put(key, text, "application/json")
    summary = {
        "labels": certificate.labels,
        "items": certificate.items,
        "wrong_at_most": certificate.wrong_at_most,
        "accepted_without_look": sum(one.labellers.accepted_without_look for one in certificate.classes),
    }
    row = {"snapshot_id": snapshot_id, "key": key, "summary": summary, "issued_at": certificate.issued_at}
    with writing(engine) as session:
        upsert(session, IssuedCertificate, [row], update=("key", "summary", "issued_at"))
    return certificate


def draw_up(engine: Engine, store: Store, snapshot_id: str, issued_at: datetime) -> Certificate:
    """Return what can be certified of a snapshot today.

    Raises:
        BadOption: There is no such snapshot.
        ObjectMissing: Its manifest is gone or damaged.
    """
    with reading(engine) as session:
        snapshot = session.get(Snapshot, snapshot_id)
        if snapshot is None:
            raise BadOption(f"snapshot {snapshot_id[:12]!r} is not in the catalogue: take it first, with `retrain`")
        batches = session.exec(
            select(Batch.id).where(Batch.collection == snapshot.collection).order_by(col(Batch.created_at))
        ).all()
        people, seconds = _effort(session, batches)
    manifest = read_snapshot(store, snapshot_id)
    audited = read_blind(engine, batches)
    counts = count_manifest(engine, manifest, audited)
    classes, remarks = _classes(engine, counts, batches, audited)
    return Certificate(
        snapshot=snapshot_id,
        collection=snapshot.collection,
        issued_at=issued_at,
        detectors=tuple(sorted(counts.detectors)),
        items=len(counts.items),
        splits={name: counts.splits[name] for name in ("train", "val", "test")},
        classes=classes,
        people=people,
        human_seconds=seconds,
        agreement=agreement_behind(engine, batches, counts.items),
        remarks=(*remarks, *filter(None, [pages_in_words(read_page_thresholds(engine, snapshot.collection))])),
    )


def count_manifest(engine: Engine, manifest: Manifest, audited: Sequence[BlindItem]) -> ManifestCounts:
    """Count who made the labels of a manifest, a shard of items at a time."""
    counts = ManifestCounts()
    blind = {item.item_id for item in audited}
    shard: list[ManifestLabel] = []
    kind = label_kind(manifest.kind)
    for item in manifest.items():
        counts.items.add(item.id)
        counts.splits[item.split] += 1
        if item.id not in blind:
            for name, objects in Counter(label.class_name for label in item.labels).items():
                counts.largest[name] = max(counts.largest[name], objects)
        shard += item.labels
        if len(shard) >= 1000:
            _add(engine, kind, counts, shard)
            shard = []
    _add(engine, kind, counts, shard)
    return counts


def _add(engine: Engine, kind: LabelKind, counts: ManifestCounts, labels: Sequence[ManifestLabel]) -> None:
    proposed = _read_proposals(engine, [label.proposal_id for label in labels if label.proposal_id])
    for label in labels:
        proposal = proposed.get(label.proposal_id or "")
        counts.labellers[label.class_name][_who(kind, label, proposal)] += 1
        if label.origin == MACHINE:
            counts.unseen[label.class_name][label.batch_id] += 1
        if proposal is not None:
            counts.detectors.add(proposal.detector)


def _who(kind: LabelKind, label: ManifestLabel, proposal: Proposal | None) -> str:
    if label.origin == MACHINE:
        return "accepted_without_look"
    if label.origin == IMPORT:
        return "imported"
    if proposal is None:
        return "added_by_people"
    # Whose a label is comes from what its whole sequence says: of the box itself nobody has corrected anything.
    row = _row_of(label).model_copy(update={"track": proposal.track})
    return "confirmed_by_people" if kind.is_same(proposal, row) else "corrected_by_people"


def _row_of(label: ManifestLabel) -> Label:
    edges = dict(zip(("x_min", "y_min", "x_max", "y_max"), label.bounds_px or [None] * 4, strict=True))
    columns = edges if label.shape is None else shape_columns(label.shape)
    return Label(class_name=label.class_name, track=label.track, **columns)


def _read_proposals(engine: Engine, ids: Sequence[str]) -> dict[str, Proposal]:
    found: dict[str, Proposal] = {}
    with reading(engine) as session:
        for part in in_shards(ids):
            rows = session.exec(select(Proposal).where(col(Proposal.id).in_(part))).all()
            found |= {row.id: row for row in rows}
    return found


def _classes(
    engine: Engine, counts: ManifestCounts, batches: Sequence[str], audited: Sequence[BlindItem]
) -> tuple[tuple[ClassCertificate, ...], tuple[str, ...]]:
    names = sorted(counts.labellers)
    rows = read_threshold_rows(engine, batches)
    parts = read_parts(engine, rows.values())
    blind = by_class(audited, names)
    classes, remarks = [], []
    for name in names:
        error = state_error(name, counts.unseen[name], rows, blind[name], 2 * counts.largest[name], parts)
        misses = state_misses(name, blind[name], 2 * counts.largest[name])
        remarks += [*error.remarks, *misses.remarks]
        classes.append(
            ClassCertificate(
                name=name,
                labellers=Labellers(**counts.labellers[name]),
                accept_from=error.accept_from,
                error=error.bound,
                misses=misses.bound,
            )
        )
    if any(one.error is not None and one.error.drawn == "boxes" for one in classes):
        remarks.append(DOUBLES)
    if any(one.labellers.imported for one in classes):
        remarks.append(NOT_CHECKED)
    return tuple(classes), tuple(remarks)


def _effort(session: Session, batches: Sequence[str]) -> tuple[int, float | None]:
    """Return how many people answered and how long they took; of an edited answer the longest version counts."""
    versions = (
        select(Answer.person, func.max(Answer.seconds).label("seconds"))
        .join(Question, col(Question.id) == Answer.question_id)
        .where(col(Question.batch_id).in_(batches))
        .group_by(col(Answer.person), col(Answer.question_id), col(Answer.annotation_id))
        .subquery()
    )
    people, seconds = session.exec(
        select(func.count(func.lower(versions.c.person).distinct()), func.sum(versions.c.seconds))
    ).one()
    return int(people), None if seconds is None else round(float(seconds), 1)
