"""Intake steps one after the other, as the line calls them, without Prefect's server."""

import asyncio
from pathlib import Path

import pytest
from prefect.states import exception_to_failed_state
from sqlalchemy import Engine

from blocks.errors import BadOption, CatalogUnavailable, StoreUnavailable
from blocks.storage.stores import Store
from tasks.intake import steps
from tasks.intake.reports import SHOWN, IntakeReport, RejectedFile, as_markdown
from tests.intake.factories import write_images


@pytest.fixture(autouse=True)
def plugged_in(engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the test's own catalogue and store where the blocks of the name `local` would be loaded."""
    monkeypatch.setattr(steps, "open_catalog", lambda _plugs: engine)
    monkeypatch.setattr(steps, "open_store", lambda _plugs: store)


def test_the_steps_take_a_folder_to_shards_of_a_batch_and_again_change_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "offered"
    write_images(folder / "a", 5)
    write_images(folder / "b", 4, first_seed=5)
    (folder / "broken.jpg").write_bytes(b"broken")
    for changed in (10, 0):
        shards = steps.find_shards.fn(str(folder), size=4)
        reports = [steps.take_in_shard.fn(shard, "lots") for shard in shards]
        report = steps.merge_reports.fn(reports)
        assert (report.offered, report.taken, len(report.set_aside), report.changed) == (10, 9, 1, changed)
        counts = steps.split_sequences.fn("lots")
        assert counts.items == {"train": 5, "val": 0, "test": 4}
        batch = steps.open_batch.fn("lots", 100)
        assert batch.size == 9
        assert [(shard.start, shard.stop) for shard in steps.list_shards.fn(batch.id, 5)] == [(0, 5), (5, 9)]


def test_a_folder_without_images_is_nothing_to_do_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "classes.txt").write_text("car")
    assert steps.find_shards.fn(str(tmp_path / "inbox")) == []
    with pytest.raises(BadOption, match="cannot list the folder"):
        steps.find_shards.fn(str(tmp_path / "nowhere"))


def test_no_reports_are_an_empty_report() -> None:
    assert steps.merge_reports.fn([]) == IntakeReport()


@pytest.mark.parametrize(
    ("error", "helps"),
    [(StoreUnavailable("down"), True), (CatalogUnavailable("locked"), True), (BadOption("no folder"), False)],
)
def test_only_what_waiting_can_mend_is_tried_again(error: Exception, helps: bool) -> None:
    async def ask() -> bool:
        return await steps.AWAY(None, None, await exception_to_failed_state(error))  # type: ignore[arg-type]

    assert asyncio.run(ask()) is helps


def test_the_artifact_adds_up_and_names_every_reason() -> None:
    report = IntakeReport(
        offered=6, taken=3, duplicates=1, set_aside=(RejectedFile(uri="file:///a|b", reason="the file is empty"),) * 2
    )
    text = as_markdown("lots", report)
    assert "| 3 | taken |" in text and "| **6** | **offered**" in text
    assert "| file:///a\\|b | the file is empty |" in text


def test_an_artifact_stays_short_and_says_where_the_rest_is() -> None:
    aside = tuple(RejectedFile(uri=f"u{n}", reason="r\nr") for n in range(SHOWN + 5))
    text = as_markdown("<b>lots</b>", IntakeReport(offered=len(aside), set_aside=aside))
    assert text.count("| u") == SHOWN
    assert "5 more are in the catalogue" in text
    assert "<b>" not in text.replace("\\<", "")
