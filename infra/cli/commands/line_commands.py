"""`label`, `loop`, `retrain`: all is checked, then deployments are started through Prefect and followed here."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from blocks.plugs import open_catalog, open_experiments, open_store
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.crashed_runs import restart_crashed_in
from infra.cli.checks import check_detector, check_folder_and_line, check_retraining
from infra.cli.collections import folders_of, require_collection
from infra.cli.commands.collection_commands import read_numbers
from infra.cli.label_request import LabelRequest
from infra.cli.progress.follow import follow_label, follow_run, has_ended
from infra.cli.progress.label_report import tell_labels
from infra.cli.progress.line_progress import count_intake, count_unbatched, describe_settled
from infra.cli.progress.rounds_view import follow_rounds, follow_training, show_comparison
from infra.cli.readiness import running_stack
from infra.cli.rounds import (
    check_can_learn,
    has_splits,
    keep_first_weights,
    keep_outlines,
    loop_parameters,
    rounds_in_words,
    warn_of_one_sequence,
)
from infra.cli.words import this_command
from infra.stack.orchestration.cancelling import runs_of
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.documents import load_server
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import PLUGS, WORK_POOL
from infra.stack.state import StackState
from tasks.detect.refs import BY_HAND
from tasks.intake.label_kinds import noted_kind
from tasks.suggest.asked_for import asked_of
from tasks.track.asked_for import propagate_asked

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from sqlalchemy import Engine

    from tasks.train.meant import MeantDetector

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


def label_folder(home: Path, request: LabelRequest, *, wait: bool) -> Callable[[], dict[str, object]]:
    """Take a folder in and label it batch by batch, or in rounds where there is no model yet.

    Everything that can be checked is checked before the first picture is taken in. Without waiting only the first run
    is started.

    Returns:
        What reads, for other programs, what is known of the collection then, as by `show`, and has the addresses of
        the runs.

    Raises:
        BadInput: The folder has no pictures, the line's options contradict each other, there is no such detector, it
            does not know the classes, or the weights to begin with cannot be used.
        StackError: The stack cannot take runs, or a run failed.
    """
    look = check_folder_and_line(request)
    if look and (request.sequence_pattern or request.texts or request.urls):
        console.print(look.about_sequences())
    state = running_stack(home, console.print)
    with connected(state) as client:
        engine, store = open_catalog(PLUGS), open_store(PLUGS)
        if request.folder is None:
            request = replace(request, collection=require_collection(engine, request.collection))
        meant, told = check_detector(engine, open_experiments(PLUGS), store, request)
        for line in told:
            console.print(line)
        by_choice = request.detector == BY_HAND or bool(asked_of(request.detector) or propagate_asked(request.detector))
        in_rounds = request.in_rounds or (meant.is_nobody and not by_choice)
        request = replace(
            request, begin_with=keep_first_weights(store, request), file=keep_outlines(store, request.file)
        )
        if in_rounds:
            check_can_learn(engine, request.collection, look)
        elif not meant.is_nobody and (told_of_one := warn_of_one_sequence(engine, request.collection, look)):
            console.print(f"mind: {told_of_one}")
        if request.folder is not None:
            _take_in(client, state, engine, request, request.folder)
        runs = [label_in_rounds(client, state, engine, request, meant, wait=wait)] if in_rounds else []
        if not in_rounds or (wait and request.rounds.rest and has_work(engine, request.collection)):
            runs += label_batches(client, state, engine, request, wait=wait)
        if wait:
            for line in tell_labels(engine, request.collection, open_experiments(PLUGS), this_command()):
                console.print(line)
        name, url = request.collection, state.urls.label_studio
        return lambda: {**read_numbers(engine, name, url), "runs": runs, "waited": wait}


def _take_in(
    client: "SyncPrefectClient", state: StackState, engine: "Engine", request: LabelRequest, folder: Path
) -> None:
    elsewhere = folders_of(engine, request.collection, folder, is_url_list=request.urls is not None)
    if elsewhere:
        told, what = " and ".join(elsewhere), "texts" if request.texts else "pictures"
        console.print(f"{request.collection} has {what} of {told}: these are added to them (--name parts them)")
    if request.sequence_pattern and has_splits(engine, request.collection):
        console.print("mind: what was taken in before keeps its sequence, whatever --sequences says now")
    taken = start_run(
        client,
        deployed_as("intake"),
        folder=str(folder),
        collection=request.collection,
        sequence_pattern=request.sequence_pattern,
        texts=request.texts.model_dump() if request.texts else None,
        videos={"frames": request.frames},
        urls=request.urls.model_dump() if request.urls else None,
    )
    follow_run(client, state, taken, f"taking in {folder}")
    console.print(f"{request.collection}: {count_intake(engine, request.collection)}")


def label_in_rounds(
    client: "SyncPrefectClient",
    state: StackState,
    engine: "Engine",
    request: LabelRequest,
    meant: "MeantDetector",
    *,
    wait: bool,
) -> str:
    """Follow the loop of a collection that is under way, or start one, which goes on after the rounds there were.

    Returns:
        The address of its run.

    Raises:
        StackError: The run failed. The next call goes on where it was.
    """
    restart_crashed_in(client, WORK_POOL)
    going_on = [run for run in runs_of(client, request.collection) if "options" in run.parameters]
    going_on = [run for run in going_on if "line" in run.parameters["options"]]
    if going_on:
        run = going_on[0]
        console.print(f"a loop of {request.collection} is under way already: {run.name}, {run_address(state, run)}")
    else:
        for line in rounds_in_words(engine, request, meant):
            console.print(line)
        run = start_run(client, deployed_as("loop"), options=loop_parameters(engine, request))
        console.print(f"the loop of {request.collection}: {run_address(state, run)}")
    if wait:
        follow_rounds(client, state, engine, run, request.collection)
    else:
        console.print(f"it goes on without you; people answer at {state.urls.label_studio}")
    return run_address(state, run)


def label_batches(
    client: "SyncPrefectClient", state: StackState, engine: "Engine", request: LabelRequest, *, wait: bool
) -> list[str]:
    """Follow the runs that are under way, then start others one by one while there is work; without waiting, one only.

    Returns:
        Their addresses.

    Raises:
        StackError: A run failed. The next call continues its batch.
    """
    # The sweep would start crashed runs again in some minutes: two runs would then carry one batch, in turns.
    restart_crashed_in(client, WORK_POOL)
    ours: dict[str, str] = {}
    while going_on := [run for run in under_way(client, engine, request.collection) if str(run.id) not in ours]:
        for run in going_on:
            console.print(f"a run of {request.collection} is under way already: {run.name}, {run_address(state, run)}")
            if wait:
                _finish(client, state, engine, run)
            ours[str(run.id)] = run_address(state, run)
    while has_work(engine, request.collection, ours):
        run = start_run(client, deployed_as("label"), line=request.line())
        console.print(f"labelling run of {request.collection}: {run_address(state, run)}")
        ours[str(run.id)] = run_address(state, run)
        if not wait:
            break
        _finish(client, state, engine, run)
    if not ours:
        console.print(f"nothing new to label in {request.collection}: `{this_command()} status` shows what waits")
    elif not wait:
        console.print(f"it goes on without you; people answer at {state.urls.label_studio}")
    return list(ours.values())


def _finish(client: "SyncPrefectClient", state: StackState, engine: "Engine", run: "FlowRun") -> None:
    follow_label(client, state, engine, run)
    console.print(describe_settled(engine, str(run.id)))


def under_way(client: "SyncPrefectClient", engine: "Engine", collection: str) -> "list[FlowRun]":
    """Return the runs that carry batches of a collection and have not ended: they go on, asleep or awake."""
    from uuid import UUID

    from prefect.exceptions import ObjectNotFound

    from tasks.intake.batches import unsettled

    found = []
    for run_id in dict.fromkeys(filter(None, unsettled(engine, collection).values())):
        try:
            run = client.read_flow_run(UUID(run_id))
        except ObjectNotFound:
            continue  # deleted, or of another server: the next run continues its batch
        if not has_ended(run):
            found.append(run)
    return found


def has_work(engine: "Engine", collection: str, ours: Collection[str] = ()) -> bool:
    """Say whether a labelling run would find items: new ones, or a batch whose run ended before it settled.

    A batch that one of our own runs left behind does not count: another run would leave it behind again.
    """
    from tasks.intake.steps import left_behind

    if count_unbatched(engine, collection):
        return True
    return any(batch.run_id not in ours for batch in left_behind(engine, collection))


def retrain_collection(
    home: Path, collection: str, options: Mapping[str, Any], tile_px: int, *, wait: bool
) -> dict[str, object]:
    """Train a challenger on a collection's truth, cut into the line's tiles.

    Args:
        home: Of the stack.
        collection: Whose truth.
        options: Of the training, by name; empty: as they are.
        tile_px: Side of a tile.
        wait: Whether the run is followed to its end.

    Returns:
        The address of the run, whether it has ended, and with which verdict, for other programs.

    Raises:
        BadInput: There is no such collection, it has too few labels, or a champion that cannot be trained.
        StackError: The stack cannot take runs, or the run failed.
    """
    state = running_stack(home, console.print)
    given = {"options": dict(options)} if options else {}
    verdict = ""
    with connected(state) as client:
        engine = open_catalog(PLUGS)
        collection = require_collection(engine, collection)
        console.print(check_retraining(engine, open_experiments(PLUGS), open_store(PLUGS), collection, options))
        run = start_run(client, deployed_as("retrain"), collection=collection, tiling={"tile_px": tile_px}, **given)
        console.print(f"training run of {collection}: {run_address(state, run)}")
        if wait:
            follow_training(client, state, run, collection)
            verdict = show_comparison(client, run, collection)
            console.print(f"the comparison is among the run's artifacts too, the models are at {state.urls.mlflow}")
        return {"collection": collection, "run": run_address(state, run), "has_ended": wait, "verdict": verdict}


def annotation_server(home: Path, collection: str) -> tuple[AnnotationServer, bool]:
    """Return the Label Studio of the local blocks, in which a collection's questions are.

    Returns:
        It, and whether the collection has, or may yet get, outlines or masks, and not only boxes, classes or spans.

    Raises:
        StackError: The stack does not run.
        BadOption: There is no such collection.
    """
    with connected(running_stack(home, console.print)):
        engine = open_catalog(PLUGS)
        require_collection(engine, collection)
        kind = noted_kind(engine, collection)
        return load_server(), kind is None or bool(kind.shapes & {"polygon", "mask"})


def run_address(state: StackState, run: "FlowRun") -> str:
    """Return where a run is shown."""
    return f"{state.urls.prefect_ui}/runs/flow-run/{run.id}"
