"""What a person sees while a loop works: its rounds, people at work, and how a training goes."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from blocks.naming.artifacts import artifact_key
from infra.cli.progress.follow import (
    LabelView,
    console,
    leaving_on_interrupt,
    looks_at,
    require_success,
    state_in_words,
)
from infra.cli.progress.line_progress import read_progress
from infra.stack.state import StackState
from tasks.intake.batches import unsettled
from tasks.monitor.active_learning.goals import Round
from tasks.monitor.active_learning.rounds import read_rounds
from tasks.settle.artifacts import in_words
from tasks.train.naming import registry_name

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from sqlalchemy import Engine


def follow_rounds(
    client: "SyncPrefectClient", state: StackState, engine: "Engine", run: "FlowRun", collection: str
) -> None:
    """Wait for the end of a loop, and show how far machines and people have come.

    Raises:
        StackError: It failed, or nothing carries it on: the worker is dead, the pool paused, the disk full.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    told, since = len(read_rounds(engine, collection)), datetime.now(UTC)
    with leaving_on_interrupt(state, run), Progress(*columns, console=console) as bars:
        view = LabelView(bars, state.urls.label_studio)
        for look in looks_at(client, state, run):
            run = look
            training = training_in_words(client, collection, since)
            view.show_state(f"training: {training}" if training else state_in_words(run))
            for owner in filter(None, unsettled(engine, collection).values()):
                view.show(read_progress(engine, owner))
            rounds = read_rounds(engine, collection)
            for number, one in enumerate(rounds[told:], told + 1):
                bars.console.print(round_in_words(number, one))
            told = len(rounds)
    require_success(state, run)


def follow_training(client: "SyncPrefectClient", state: StackState, run: "FlowRun", collection: str) -> None:
    """Wait for the end of a training, with its epoch, its loss and the time left.

    Raises:
        StackError: It failed, or nothing carries it on.
    """
    since, what = datetime.now(UTC), f"training on {collection}"
    with leaving_on_interrupt(state, run), console.status("") as line:
        line.update(what)
        for look in looks_at(client, state, run):
            run = look
            line.update(f"{what} … {training_in_words(client, collection, since) or state_in_words(run)}")
    require_success(state, run)


def show_comparison(client: "SyncPrefectClient", run: "FlowRun", collection: str) -> str:
    """Print how the challenger of a training compares with the champion; return the verdict in a line.

    Returns:
        Empty where the run left no comparison, as one that found nothing to train does.
    """
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey

    key = ArtifactFilterKey(any_=[artifact_key("comparison", collection)])
    only = ArtifactFilter(key=key, flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    for page in client.read_artifacts(artifact_filter=only, limit=1):
        console.print(Markdown(str(page.data)))
        return str(page.description)
    return ""


def training_in_words(client: "SyncPrefectClient", collection: str, since: datetime) -> str:
    """Return how far a training of a collection is, as its progress artifact says it; empty where none goes on.

    Args:
        client: Of the stack's Prefect server.
        collection: Whose models are trained.
        since: What was said before this is of a training that has ended.
    """
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
    from prefect.client.schemas.sorting import ArtifactSort

    only = ArtifactFilter(key=ArtifactFilterKey(any_=[artifact_key("training", registry_name(collection))]))
    newest = client.read_artifacts(artifact_filter=only, sort=ArtifactSort.UPDATED_DESC, limit=1)
    if not newest or newest[0].updated is None or newest[0].updated < since:
        return ""
    share = newest[0].data
    return str(newest[0].description or "").partition(": ")[2] if isinstance(share, float) and share < 100 else ""


def round_in_words(number: int, one: Round) -> str:
    """Say what a round came to."""
    if one.metric is None:
        came_to = one.note or "no training"
    else:
        found = "a new model proposes from now on" if one.promoted else "the new model was no better"
        came_to = f"{found}: {one.metric:.3f} on the test items"
    spent = in_words(one.human_seconds)
    return f"round {number}: {one.items:,} items, {one.labels:,} labels, {spent} of people so far; {came_to}"
