"""A followed box that looks wrong is asked about, with its reason, however well it is trusted; others are not."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Proposal, Source, Verdict
from blocks.storage.stores import FolderStore
from tasks.detect.proposers.propagated import _key_of
from tasks.detect.refs import Scope
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.read_tracks import odd_track_reasons
from tasks.triage.reasons import Why, why_of
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan, car

SCOPE = Scope(BATCH, DETECTOR, RECIPE)
OPTIONS = TriageOptions(audit_share=0.01, control_share=0, place_outliers=False, count_outliers=False)


@pytest.fixture
def frames(engine: Engine) -> list[str]:
    """Ten frames through which a car is followed; in the fifth it is 40 pixels too low."""
    ids = add_batch(engine, 10)
    with writing(engine) as session:
        upsert(session, Source, [{"collection": "lot", "uri": one, "item_id": one, "state": "taken"} for one in ids])
    for at, item_id in enumerate(ids):
        add_scan(engine, item_id, [car(0.95, x=100 + 10 * at, y=140 if at == 4 else 100)])
    return ids


def name_track(engine: Engine) -> None:
    with writing(engine) as session:
        for proposal in session.exec(select(Proposal)).all():
            proposal.track = "a"
            session.add(proposal)


def asked(engine: Engine) -> dict[str, list[str]]:
    query = select(Proposal.item_id, Verdict).join(Verdict, Verdict.proposal_id == Proposal.id)  # type: ignore[arg-type]
    with reading(engine) as session:
        return {item_id: verdict.reasons for item_id, verdict in session.exec(query) if verdict.outcome == "ask"}


def test_boxes_without_a_track_do_not_jump(engine: Engine, frames: list[str]) -> None:
    assert odd_track_reasons(engine, SCOPE) == {}
    decide(engine, BATCH, OPTIONS, DETECTOR, RECIPE)
    assert asked(engine) == {}


def test_a_jump_is_asked_about_and_the_frames_beside_it_are_not(engine: Engine, frames: list[str]) -> None:
    name_track(engine)
    decide(engine, BATCH, OPTIONS, DETECTOR, RECIPE)
    found = asked(engine)
    assert list(found) == [frames[4]]
    assert Why.JUMPS in map(why_of, found[frames[4]])


def test_what_moves_against_the_flow_is_asked_about(engine: Engine, frames: list[str], tmp_path: Path) -> None:
    name_track(engine)
    store = FolderStore(tmp_path)
    box = {"class_name": "car", "box_xyxy_px": [0, 0, 1, 1], "track": "a", "trust": 0.9, "against_flow": 0.5}
    kept = {"followed": {frames[7]: [box]}, "tracks": {}}
    store.put(_key_of(DETECTOR, "seq-0"), json.dumps(kept).encode())
    decide(engine, BATCH, OPTIONS, DETECTOR, RECIPE, store=store)
    found = asked(engine)
    assert sorted(found) == sorted([frames[4], frames[7]])
    assert Why.AGAINST_FLOW in map(why_of, found[frames[7]])
