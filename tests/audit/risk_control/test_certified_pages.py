"""What is said of all pages of a collection: what today's rule proves, also of what an earlier rule let through."""

from blocks.database.audit_tables import CertifiedThreshold
from tasks.audit.risk_control.certified_pages import pages_in_words, pages_summary


def shown(wrong: int) -> CertifiedThreshold:
    return CertifiedThreshold(
        batch_id="r1",
        detector="d",
        recipe="pages",
        class_name="*",
        collection="lot",
        standing="certified",
        accept_from=0.9,
        epsilon=0.03,
        delta=0.05,
        scope="pages",
        population=2000,
        draws=400,
        judged=400,
        wrong=wrong,
        reason="",
    )


def test_where_the_recount_keeps_the_promise_nothing_is_added() -> None:
    assert "at most" in pages_in_words([shown(0)])
    assert "earlier rule" not in pages_in_words([shown(0)])


def test_where_the_recount_exceeds_the_promise_the_certificate_says_why() -> None:
    told = pages_in_words([shown(20)])
    assert "more than the 3.00% promised: decided by an earlier rule, recounted" in told
    assert told[1:] in pages_summary("lot", [shown(20)])


def test_of_nothing_nothing_is_said() -> None:
    assert pages_in_words([]) == ""
