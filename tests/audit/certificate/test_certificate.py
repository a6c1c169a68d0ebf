from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tasks.audit.certificate.certificate import (
    BlindAgreement,
    Bound,
    Certificate,
    ClassCertificate,
    Labellers,
    from_json,
    to_json,
    to_markdown,
)


def bound(**changes: object) -> Bound:
    fields = {
        "rate": 0.004,
        "at_most": 0.02,
        "confidence": 0.95,
        "judged": 250,
        "wrong": 1,
        "draws": 250,
        "drawn": "boxes",
    }
    return Bound.model_validate({**fields, "scope": "batch", **changes})


def certificate(*classes: ClassCertificate, **changes: object) -> Certificate:
    fields = {
        "snapshot": "ab" * 32,
        "collection": "lots",
        "issued_at": datetime(2026, 11, 21, tzinfo=UTC),
        "detectors": ("0123456789ab",),
        "items": 100,
        "splits": {"train": 70, "val": 15, "test": 15},
        "classes": classes,
        "people": 3,
    }
    return Certificate.model_validate({**fields, **changes})


CAR = ClassCertificate(
    name="car",
    labellers=Labellers(accepted_without_look=900, confirmed_by_people=60, corrected_by_people=10, added_by_people=30),
    accept_from=0.71,
    error=bound(of=1000),
    misses=bound(drawn="items", judged=400, wrong=12, draws=40, rate=0.03, at_most=None),
)
TRAM = ClassCertificate(name="tram", labellers=Labellers(added_by_people=20))


def test_json_comes_back_as_it_went() -> None:
    one = certificate(CAR, TRAM, agreement=BlindAgreement(measure="alpha", value=0.91, questions=50, people=2))
    assert from_json(to_json(one)) == one


def test_an_empty_snapshot_has_a_certificate_that_claims_nothing() -> None:
    one = certificate(items=0, splits={}, detectors=(), people=0)
    assert one.labels == 0
    assert one.wrong_at_most is None
    assert "not measured" in to_markdown(one)


def test_the_page_states_bounds_with_their_evidence() -> None:
    page = to_markdown(certificate(CAR, TRAM))
    assert "0.4%, at most **2.0%** at 95% (1 of 250; 250 single boxes, batch)" in page
    assert "3.0%, no bound yet (12 of 400; 40 items, batch)" in page
    assert "| tram | - | none accepted unseen | not measured |" in page
    assert "| car | 1000 | 900 | 60 | 10 | 30 |" in page
    assert "100 (70 train, 15 val, 15 test)" in page


def test_what_may_be_wrong_of_all_labels_counts_the_whole_bound() -> None:
    # 2 % of 1,000 boxes that the bound is of, over 1,020 labels
    assert certificate(CAR, TRAM).wrong_at_most == pytest.approx(20 / 1020)


def test_labels_accepted_without_a_bound_leave_the_sum_unknown() -> None:
    unbounded = ClassCertificate(name="van", labellers=Labellers(accepted_without_look=1))
    assert certificate(CAR, unbounded).wrong_at_most is None


def test_labels_by_hand_alone_claim_nothing_since_nobody_measured_how_often_people_err() -> None:
    assert certificate(TRAM).wrong_at_most is None
    page = to_markdown(certificate(TRAM))
    assert "none accepted unseen; people's errors not measured" in page
    assert "%" not in page


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            bound(drawn="items", judged=10, wrong=9, draws=1, rate=0.9, at_most=0.999),
            "too little evidence: 1 picture (9 of 10)",
        ),
        (
            bound(drawn="items", judged=4, wrong=0, draws=4, rate=0.0, at_most=0.9),
            "too little evidence: 4 pictures (0 of 4)",
        ),
        (bound(judged=2, wrong=0, draws=2, rate=0.0, at_most=0.99), "too little evidence: 2 boxes (0 of 2)"),
        (bound(judged=0, wrong=0, draws=0, rate=None, at_most=None), "not measured"),
    ],
)
def test_next_to_no_evidence_is_counted_and_no_percentage_is_made_of_it(found: Bound, says: str) -> None:
    tram = TRAM.model_copy(update={"misses": found, "error": found, "labellers": Labellers(accepted_without_look=9)})
    one = certificate(tram)
    assert one.wrong_at_most is None
    page = to_markdown(one)
    assert page.count(says) >= 2
    assert "%" not in page


def test_names_cannot_break_the_page() -> None:
    page = to_markdown(certificate(ClassCertificate(name="a|b<script>\n# c", labellers=Labellers()), collection="x|y"))
    assert "a\\|b&lt;script> # c" in page
    assert "x\\|y" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"wrong": 251},
        {"draws": 251},
        {"judged": 0, "wrong": 0, "draws": 0, "rate": None},
        {"at_most": 1.2},
        {"confidence": 1.0},
        {"rate": float("nan")},
    ],
)
def test_a_bound_that_does_not_add_up_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        bound(**wrong)


def test_a_class_twice_or_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="twice"):
        certificate(CAR, CAR)
    with pytest.raises(ValidationError, match="no time zone"):
        certificate(CAR, issued_at=datetime(2026, 11, 21))
