"""Artifact keys are names that Prefect accepts, whatever a collection is called; see also `test_names.py`."""

from blocks.naming.artifacts import artifact_key


def test_artifact_keys_hold_only_what_prefect_allows() -> None:
    assert artifact_key("triage", "Lot_7 / März!").startswith("triage-lot-7-marz--")


def test_no_collection_hides_the_overview_of_all() -> None:
    assert artifact_key("ledger", "overview") != artifact_key("ledgers", "overview")
