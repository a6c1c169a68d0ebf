"""Artifact keys are names that Prefect accepts, whatever a collection is called."""

from blocks.artifacts import artifact_key


def test_artifact_keys_hold_only_what_prefect_allows() -> None:
    assert artifact_key("triage", "Lot_7 / März!") == "triage-lot-7-m-rz"
