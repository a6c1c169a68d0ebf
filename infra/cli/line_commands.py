"""`label` and `retrain`: deployments are started through Prefect, and followed in a terminal."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from blocks.annotation_server import AnnotationServer
from blocks.errors import StackError
from infra.cli.follow import follow_label, follow_run
from infra.cli.line_progress import count_intake, count_unbatched, describe_settled
from infra.stack.connection import connected
from infra.stack.health import is_well, worker_is_online
from infra.stack.runs import start_run
from infra.stack.services import PLUGS, describe_service
from infra.stack.state import ServiceName, StackState, open_stack

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from sqlalchemy import Engine

console = Console(soft_wrap=True)


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """What `labelline label` was asked for."""

    folder: Path
    collection: str
    classes: tuple[str, ...]
    detector: str
    kinds: dict[str, tuple[str, ...]]
    accept: float
    tile_px: int
    sequence_pattern: str | None
    batch_size: int

    def line(self) -> dict[str, Any]:
        """Return the options of the line, as the flow takes them."""
        return {
            "collection": self.collection,
            "classes": list(self.classes),
            "detector": self.detector,
            "kinds": {name: list(kinds) for name, kinds in self.kinds.items()},
            "batch_size": self.batch_size,
            "tiling": {"tile_px": self.tile_px},
            "triage": {"accept": self.accept},
        }


def label_folder(home: Path, request: LabelRequest, *, wait: bool) -> None:
    """Take a folder in and label it batch by batch; without waiting, start its first batch only.

    Raises:
        StackError: The stack does not run, or a run failed.
    """
    state = running_stack(home)
    with connected(state) as client:
        taken = start_run(
            client,
            "intake/local",
            folder=str(request.folder),
            collection=request.collection,
            sequence_pattern=request.sequence_pattern,
        )
        follow_run(client, state, taken, f"taking in {request.folder}")
        engine = open_catalog()
        console.print(f"{request.collection}: {count_intake(engine, request.collection)}")
        if not has_work(engine, request.collection):
            console.print(
                f"nothing new to label in {request.collection}: `labelline status` shows what waits for people"
            )
            return
        label_batches(client, state, engine, request, wait=wait)


def label_batches(
    client: "SyncPrefectClient", state: StackState, engine: "Engine", request: LabelRequest, *, wait: bool
) -> None:
    """Start runs one after the other while there is work; without waiting, one only.

    Raises:
        StackError: A run failed. The next call continues its batch.
    """
    ours: set[str] = set()
    while has_work(engine, request.collection, ours):
        run = start_run(client, "label/local", line=request.line())
        console.print(f"labelling run {run.name}: {run_address(state, run)}")
        if not wait:
            console.print(f"it goes on without you; people answer at {state.urls.label_studio}")
            return
        follow_label(client, state, engine, run)
        console.print(describe_settled(engine, str(run.id)))
        ours.add(str(run.id))


def has_work(engine: "Engine", collection: str, ours: Collection[str] = ()) -> bool:
    """Say whether a labelling run would find items: new ones, or a batch whose run ended before it settled.

    A batch that one of our own runs left behind does not count: another run would leave it behind again.
    """
    from tasks.intake.steps import left_behind

    if count_unbatched(engine, collection):
        return True
    return any(batch.run_id not in ours for batch in left_behind(engine, collection))


def retrain_collection(home: Path, collection: str, epochs: int | None, tile_px: int, *, wait: bool) -> None:
    """Train a challenger on a collection's truth, cut into the line's tiles.

    Raises:
        StackError: The stack does not run, or the run failed.
    """
    state = running_stack(home)
    options = {"options": {"epochs": epochs}} if epochs else {}
    with connected(state) as client:
        run = start_run(client, "retrain/local", collection=collection, tiling={"tile_px": tile_px}, **options)
        console.print(f"retraining run {run.name}: {run_address(state, run)}")
        if wait:
            follow_run(client, state, run, f"training on {collection}")
            console.print(f"the comparison is in the run's artifacts, the detectors at {state.urls.mlflow}")


def running_stack(home: Path) -> StackState:
    """Return the stack, when it can take runs.

    Raises:
        StackError: Prefect or its worker does not answer.
    """
    state = open_stack(home)
    if not (is_well(describe_service(ServiceName.PREFECT, state), state) and worker_is_online(state)):
        raise StackError(f"the stack in {home} does not run: start it with `labelline up`")
    return state


def open_catalog() -> "Engine":
    """Return the catalogue of the local blocks; inside `connected`."""
    from blocks.catalog import Catalog

    return cast(Catalog, Catalog.load(PLUGS)).open()


def annotation_server(home: Path) -> AnnotationServer:
    """Return the Label Studio of the local blocks.

    Raises:
        StackError: The stack does not run.
    """
    from blocks.label_studio import LabelStudio

    with connected(running_stack(home)):
        return cast(LabelStudio, LabelStudio.load(PLUGS)).open()


def run_address(state: StackState, run: "FlowRun") -> str:
    """Return where a run is shown."""
    return f"{state.urls.prefect_ui}/runs/flow-run/{run.id}"
