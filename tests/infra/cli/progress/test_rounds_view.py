"""What a person reads when a training has ended: the verdict, and the comparison as a table."""

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from blocks.naming.artifacts import artifact_key
from infra.cli.progress.rounds_view import show_comparison

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PAGE = "## Promoted: better\n\n| | nobody | challenger `b526` |\n|---|---:|---:|\n| F1 | 0.000 | 0.250 |\n"


@flow
def leaves_a_page(of: str) -> UUID:
    """End as a training does."""
    create_markdown_artifact(PAGE, key=artifact_key("comparison", of), description=f"{of}: better")
    return UUID(flow_run.id)


def test_the_verdict_of_this_run_is_shown_and_no_other(
    client: "SyncPrefectClient", capsys: pytest.CaptureFixture[str]
) -> None:
    run = client.read_flow_run(leaves_a_page("ner (1)"))
    assert show_comparison(client, run, "ner (1)") == "ner (1): better"
    shown = capsys.readouterr().out
    assert "Promoted: better" in shown
    assert ["F1", "0.000", "0.250"] in [line.split() for line in shown.splitlines()]
    assert show_comparison(client, run, "ner") == "", "another collection's"
    later = client.read_flow_run(leaves_a_page("other"))
    assert show_comparison(client, later, "ner (1)") == "", "that of an earlier run"
