"""No page prints a number about an empty sample: a share of nothing is no share, and a bound from nothing no bound."""

import re
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from infra.demo.outcome import DemoReport
from infra.demo.summary import summary_table
from infra.demo.worth import Worth
from tasks.audit.bounds.evidence import JudgedSample, SampleUnit
from tasks.audit.bounds.missed_objects import AuditedItem
from tasks.audit.certificate.statements import state_misses
from tasks.audit.reopen import ReopenReport, reopened_page
from tasks.audit.risk_control.blind_audit import BlindClass
from tasks.audit.risk_control.report import RiskControlReport, thresholds_summary
from tasks.monitor.active_learning.goals import LoopVerdict, Round
from tasks.monitor.active_learning.rounds import rounds_page
from tasks.settle.annotators.people import PeopleReport, PersonQuality, QueueQuality, people_summary
from tasks.settle.artifacts import effort_summary, labels_summary
from tasks.settle.effort import Effort
from tasks.settle.report import SettleReport
from tasks.triage.options import CertifiedThresholds
from tasks.triage.report import TriageReport
from tasks.triage.summary import what_went_where

SHARE = re.compile(r"\d(\.\d+)? ?%")

NOTHING = Worth(labels=0, truths=0, right=0, unseen_labels=0, unseen_right=0)


def outcome(worth: Worth = NOTHING, **changes: object) -> DemoReport:
    fields = {
        "collection": "lot", "batch_id": "b", "items": 0, "labels": 0, "boxes_whole_frame": 0, "boxes_tiled": 0,
        "share_accepted": 0.0, "questions_asked": 0, "questions_answered": 0, "human_seconds": 0.0,
        "human_seconds_manual": 0.0, "human_seconds_manual_fastest": 0.0, "human_seconds_by_act": {},
        "boxes_by_act": {}, "detector_before": "a", "detector_after": "b", "promoted": False, "test_items": 0,
        "test_boxes": 0, "map50_before": 0.0, "map50_after": 0.0, "map50_95_before": 0.0, "map50_95_after": 0.0,
        "by_class_before": {}, "by_class_after": {},
    }  # fmt: skip
    return DemoReport.model_validate({**fields, "worth": worth, **changes})


def printed(one: DemoReport) -> str:
    page = StringIO()
    Console(width=200, file=page).print(summary_table("a run", one))
    return page.getvalue()


EFFORT = Effort(
    batch_id="b", times=(), questions_asked=0, questions_answered=0, images=0, labels=0, boxes_whole_frame=0,
    boxes_tiled=0,
)  # fmt: skip
QUIET = QueueQuality(
    queue="mark-missed", decided={}, alpha=None, shared=0, uncounted={},
    people=(PersonQuality(person="a@example.org", agrees=None, kappa=None),),
)  # fmt: skip

NOTHING_TRIAGED = TriageReport(
    batch_id="b",
    items_by_route={"sure": 0, "ask": 0, "audit": 0},
    boxes_by_outcome={"accept": 0, "ask": 0, "drop": 0},
    items_by_reason={},
    boxes_by_reason={},
    audits={},
)

PAGES: dict[str, Callable[[], str]] = {
    "labels": lambda: labels_summary(SettleReport(batch_id="b")),
    "effort": lambda: effort_summary(EFFORT),
    "people": lambda: people_summary(PeopleReport(batch_id="b")),
    "people of a quiet queue": lambda: people_summary(PeopleReport(batch_id="b", queues=(QUIET,))),
    "triage": lambda: what_went_where(NOTHING_TRIAGED),
    "thresholds": lambda: (
        thresholds_summary(
            RiskControlReport(
                batch_id="b",
                thresholds=(),
                in_force=CertifiedThresholds(accept_from={}, max_error_rate=0.02, confidence=0.95),
            )
        )
        .replace("2.0%", "")
        .replace("95% confidence", "")
    ),  # the promise is no measurement
    "rounds": lambda: rounds_page(
        "lot", [Round(batch_id="b", items=0, labels=0, human_seconds=0.0)], LoopVerdict(met=False, reason="no goal yet")
    ),
    "asked again": lambda: reopened_page(ReopenReport(collection="lot", asked=0, revisions=0)),
    "the demo": lambda: re.sub(r"beside work and waiting.*", "", printed(outcome())),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_no_share_is_printed_of_nothing(page: Callable[[], str]) -> None:
    assert SHARE.search(page()) is None, page()


def test_the_demo_names_precision_recall_and_the_row_that_is_bad_for_it() -> None:
    worth = Worth(labels=100, truths=110, right=99, unseen_labels=0, unseen_right=0)
    told = printed(outcome(worth, labels=100, human_seconds=900.0, human_seconds_manual=2550.0,
                           human_seconds_manual_fastest=700.0, test_boxes=5))  # fmt: skip
    assert "precision of the labels" in told and "99.0%" in told and "99 of 100" in told
    assert "recall of the labels" in told and "90.0%" in told
    assert "65% spared" in told and "29% more than that" in told and "extreme points (7.0 s)" in told
    assert re.search(r"accepted without people +│ none", told)


@pytest.mark.parametrize("pictures", [0, 1, 4, 5, 60])
@pytest.mark.parametrize("missed", [0, 1, 9, 10])
def test_misses_are_bounded_only_where_there_are_pictures_enough(pictures: int, missed: int) -> None:
    items = tuple(AuditedItem(item_id=str(n), objects=10, missed=missed) for n in range(pictures))
    stated = state_misses(
        "car", BlindClass(accepted=JudgedSample.of([], [], [], SampleUnit.ITEMS), items=items), 10
    ).bound
    if pictures == 0:
        assert stated is None
    else:
        assert stated is not None and stated.draws == pictures
        assert stated.at_most is None or (pictures >= 5 and stated.at_most >= missed / 10)
