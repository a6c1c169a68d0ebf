"""`forecast`: a line is tried on a sample with simulated people, and says what all of it would take."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console

from blocks.errors import BadOption, NotEnoughData, StackError
from blocks.plugs import open_catalog, open_experiments, open_store
from blocks.shapes import PLACED
from infra.annotators.people import People
from infra.annotators.truth import read_world
from infra.cli.collections import require_collection
from infra.cli.label_request import LabelRequest
from infra.cli.readiness import await_prefect
from infra.cli.words import in_words, this_command
from infra.forecast.foretell import foretell
from infra.forecast.page import show_forecast
from infra.forecast.result import Pay
from infra.forecast.sample import (
    Rehearsed,
    copy_detector,
    count_pictures,
    objects_known,
    sample_collection,
    sample_folder,
    throwaway,
    with_truth,
)
from infra.stack.orchestration.connection import connected
from infra.stack.servers.processes import find_process
from infra.stack.servers.services import PLUGS
from infra.stack.state import ServiceName, open_stack
from tasks.detect.backends.safe_weights import files_of, version_of
from tasks.detect.models import keys_of
from tasks.detect.proposers.imported import classes_of_import, find_imported
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.refs import BY_HAND, DetectorRef
from tasks.intake.folders import find_images
from tasks.intake.label_kinds import noted_kind
from tasks.kinds.registry import label_kind
from tasks.suggest.asked_for import asked_of
from tasks.train.meant import MeantDetector, find_meant

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from blocks.storage.stores import FolderStore, Store
    from flows.options import LineOptions
    from infra.forecast.result import Forecast

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """What `labelline forecast` was asked for.

    Attributes:
        label: As `labelline label` would be.
        sample: How many pictures are tried.
        people: Who answers.
        pay: What they are paid.
        objects: On a picture, on average, where nothing else tells; None: nobody said.
        truth: A folder of pictures with true labels, which are tried; None: there is none.
    """

    label: LabelRequest
    sample: int
    people: People
    pay: Pay
    objects: float | None
    truth: Path | None = None


def forecast_place(home: Path, request: ForecastRequest) -> "Forecast":
    """Try a line on a sample of a folder or a collection, and show what all of it would take.

    Returns:
        The same, for other programs.

    Raises:
        BadInput: There is no such collection or detector, a folder has no pictures, the options contradict each other,
            or nothing tells how many objects there are.
        StackError: It is about a collection, and Prefect, which knows where it is, does not run.
    """
    told = _of_folder(request, request.label.folder) if request.label.folder else _of_collection(home, request)
    show_forecast(told, Console(soft_wrap=True))
    return told


def _of_folder(request: ForecastRequest, folder: Path) -> "Forecast":
    wanted = request.label
    if wanted.detector not in (CHAMPION, BY_HAND) and not Path(wanted.detector).is_file():
        raise BadOption(
            f"{wanted.detector!r} is a detector of a collection, and {folder} is none yet: give the path of weights, "
            f"or take the folder in first (`{this_command()} label`)"
        )
    with throwaway() as (engine, store):
        ref, meant = _of_file(store, wanted.detector, wanted.label_kind) if _is_file(wanted) else _nobody()
        line = _line(wanted, meant)
        about = (wanted.collection, request.sample, request.people.seed)
        if request.truth:
            sample = replace(_true_sample((engine, store), request, *about), pictures=len(find_images(folder)))
        else:
            _refuse_unknown(ref, request, wanted.label_kind)
            sample = sample_folder((engine, store), folder, *about)
        return _foretold(sample, engine, line, ref, meant, request)


def _of_collection(home: Path, request: ForecastRequest) -> "Forecast":
    with _prefect(home), throwaway() as own:
        real, real_store = open_catalog(PLUGS), open_store(PLUGS)
        collection = require_collection(real, request.label.collection)
        wanted = replace(request.label, collection=collection)
        kind = noted_kind(real, collection)
        wanted = replace(
            wanted,
            classes=wanted.classes or _labelled_classes(real, collection),
            label_kind=kind.name if kind else wanted.label_kind,
        )
        ref, meant = _find(own[1], real, real_store, wanted)
        line = _line(wanted, meant)
        about = (collection, request.sample, request.people.seed)
        if request.truth:
            sample = replace(_true_sample(own, request, *about), pictures=count_pictures(real, collection))
        else:
            sample = sample_collection(own, real, real_store, *about)
            if not sample.truth and request.objects is None:
                request = replace(request, objects=objects_known(real, collection))
                _refuse_unknown(ref, request, wanted.label_kind)
        if not _is_file(wanted):
            copy_detector(sample, real, real_store, ref)
        return _foretold(sample, real, line, ref, meant, request)


def _foretold(
    sample: Rehearsed,
    real: "Engine",
    line: "LineOptions",
    ref: DetectorRef,
    meant: MeantDetector,
    request: ForecastRequest,
) -> "Forecast":
    from infra.forecast.dry_run import Tried

    progress = Console(stderr=True)
    with progress.status("looking …") as shown:
        wanted = Tried(line, ref, request.people, request.objects)
        return foretell(sample, real, wanted, meant.told, request.pay, shown.update)


def _true_sample(
    own: "tuple[Engine, FolderStore]", request: ForecastRequest, collection: str, size: int, seed: int
) -> Rehearsed:
    assert request.truth is not None
    return with_truth(own, read_world(request.truth), request.truth, collection, size, seed)


def _line(wanted: LabelRequest, meant: MeantDetector) -> "LineOptions":
    """Return the options of the line, checked as its flow would check them."""
    from flows.options import LineOptions

    if not wanted.classes:
        raise BadOption("name what people look for with --classes, or give --line with a file of options")
    try:
        line = LineOptions.model_validate(wanted.line())
    except ValidationError as error:
        raise BadOption(f"the line cannot be run like this: {in_words(error)}") from error
    meant.lacking(line.classes, line.classes if meant.is_nobody else ())
    return line


def _refuse_unknown(ref: DetectorRef, request: ForecastRequest, kind: str) -> None:
    if ref.is_nobody and request.objects is None and label_kind(kind).shapes & PLACED:
        raise NotEnoughData(
            "there is neither a detector nor a settled picture to tell how many objects a picture has: say it "
            "with --objects, such as --objects 8, or give --detector with the path of weights"
        )


def _labelled_classes(engine: "Engine", collection: str) -> tuple[str, ...]:
    from blocks.database.engine import reading
    from tasks.settle.in_force import count_by_class

    with reading(engine) as session:
        return tuple(count_by_class(session, collection).get(collection, {}))


def _is_file(wanted: LabelRequest) -> bool:
    return wanted.detector not in (CHAMPION, BY_HAND) and Path(wanted.detector).is_file()


def _of_file(store: "FolderStore", detector: str, kind: str) -> tuple[DetectorRef, MeantDetector]:
    """Bring weights into the dry run; they are registered nowhere."""
    path = Path(detector)
    version = version_of(path)
    classes = proposer_of(kind, path.name).check(path, version)
    ref = DetectorRef(version=version, weights_key=f"weights/{version}{path.suffix}", name=path.stem)
    for key, part in zip(keys_of(ref.weights_key), files_of(path), strict=True):
        store.put(key, part)
    return ref, MeantDetector(version, f"the detector {path.name}", classes)


def _nobody() -> tuple[DetectorRef, MeantDetector]:
    ref = DetectorRef.nobody(BY_HAND)
    return ref, MeantDetector(ref.version, "nobody", ())


def _find(
    own: "FolderStore", real: "Engine", real_store: "Store", wanted: LabelRequest
) -> tuple[DetectorRef, MeantDetector]:
    from tasks.train.registry import resolve_detector

    if wanted.detector == BY_HAND or asked_of(wanted.detector):  # what labels to come will teach, nobody knows
        return _nobody()
    if _is_file(wanted):
        return _of_file(own, wanted.detector, wanted.label_kind)
    imported = find_imported(real, wanted.collection, wanted.detector)
    if imported:
        classes = classes_of_import(real, imported.version)
        return imported, MeantDetector(imported.version, f"proposals of {imported.name}", classes)
    asked = (open_experiments(PLUGS), real_store, wanted.collection, wanted.detector, wanted.label_kind)
    meant = find_meant(*asked)
    return (DetectorRef.nobody(BY_HAND) if meant.is_nobody else resolve_detector(*asked)), meant


@contextmanager
def _prefect(home: Path) -> Iterator[None]:
    state = open_stack(home)
    if find_process(state.processes.get(ServiceName.PREFECT)) is None:
        raise StackError(
            f"the stack in {home} does not run, and only its Prefect knows where pictures are: start it with "
            "`labelline up`. A folder can be foretold without it"
        )
    await_prefect(state, console.print)
    with connected(state):
        yield
