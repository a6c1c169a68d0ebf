"""`predict`: what a model finds in pictures or texts, as files; nobody is asked, and no collection is touched."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console

from blocks.errors import BadOption, UnknownClass
from blocks.plugs import open_catalog, open_experiments, open_store
from blocks.shapes import SEVERAL
from blocks.storage.stores import FolderStore, Store
from infra.cli.collections import require_collection
from infra.cli.readiness import running_stack
from infra.cli.words import did_you_mean
from infra.stack.orchestration.connection import connected
from infra.stack.servers.services import PLUGS
from tasks.dataset.formats.registry import usual_format
from tasks.dataset.predicting import Predicted, Wanted, predict_folder
from tasks.detect.backends.safe_weights import files_of, version_of
from tasks.detect.models import keys_of
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.refs import DetectorRef
from tasks.kinds.registry import label_kind
from tasks.review.questions.kinds.choose_several import TICKED_FROM

if TYPE_CHECKING:
    from tasks.dataset.take_along import Format
    from tasks.intake.texts.columns import TextOptions
    from tasks.intake.texts.media import Medium

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)

SHOWN = 5
"""Files that could not be looked at and are named in the terminal."""


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What `labelline predict` was asked for.

    Attributes:
        folder: Pictures, or a file or folder of texts.
        out: Where the files go.
        detector: The path of weights, or a version or `champion` of the collection.
        collection: Whose detector, where it is no path.
        classes: Which are written; empty: all that it knows.
        fmt: Of the files; None: the first that holds such labels.
        least_score: What scores less is not written; None: as is usual for the kind.
        tile_px: Side of a tile.
        label_kind: What a label is.
        texts: Where in the place the texts are; None: it holds pictures.
        overwrite: Whether an earlier export or prediction in `out` is replaced.
    """

    folder: Path
    out: Path
    detector: str
    collection: str
    classes: tuple[str, ...]
    fmt: "Format | None"
    least_score: float | None
    tile_px: int
    label_kind: str
    texts: "TextOptions | None" = None
    overwrite: bool = False

    @property
    def medium(self) -> "Medium":
        """What is looked at."""
        return "pictures" if self.texts is None else "texts"

    @property
    def format(self) -> "Format":
        """Of the files."""
        return self.fmt or cast("Format", usual_format(self.label_kind, self.medium))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A detector, where its weights are, and what it knows."""

    ref: DetectorRef
    store: Store
    classes: tuple[str, ...]


def predict(home: Path, request: PredictRequest) -> dict[str, object]:
    """Look at a folder, write what is found, and say what it is.

    Returns:
        The same for other programs; `scores` counts labels by class and tenth of score, "0.9" is 0.9 to 1.

    Raises:
        BadInput: There is no such detector, it does not know the classes, or a folder cannot be used.
        StackError: The detector is no file, and the stack that knows of it does not run.
    """
    with _detector_of(home, request) as opened:
        unknown = [name for name in request.classes if name not in opened.classes]
        if unknown:
            meant = did_you_mean(unknown[0], opened.classes, "classes")
            raise UnknownClass(f"the detector does not know {', '.join(unknown)}. {meant}")
        least = usual_score(request.label_kind) if request.least_score is None else request.least_score
        options = TilingOptions(tile_px=request.tile_px, min_score=min(least, TilingOptions().min_score))
        classes = request.classes or opened.classes
        wanted = Wanted(opened.ref, classes, options, request.label_kind, least, request.texts)
        with console.status("looking …") as line:
            found = predict_folder(
                request.folder,
                request.out,
                opened.store,
                wanted,
                request.format,
                lambda done, of: line.update(f"looking … {done:,} of {of:,} {request.medium}"),
                overwrite=request.overwrite,
            )
    for text in told(found, request):
        console.print(text)
    return in_numbers(found, request)


def usual_score(kind: str) -> float:
    """Return from which score on labels of a kind are written: several classes of an item from where they are given."""
    return TICKED_FROM if SEVERAL in label_kind(kind).shapes else 0.25


def in_numbers(found: Predicted, request: PredictRequest) -> dict[str, object]:
    """Return what was found as a table."""
    scores: dict[str, dict[str, int]] = {}
    for (name, tenth), count in sorted(found.scores.items()):
        scores.setdefault(name, {})[f"{tenth / 10:.1f}"] = count
    return {
        "folder": str(request.out),
        "format": request.format,
        request.medium: found.pictures,
        "labels": sum(found.scores.values()),
        "scores": scores,
        "notes": dict(found.export.notes) if found.export else {},
        "set_aside": found.set_aside,
    }


def told(found: Predicted, request: PredictRequest) -> Iterator[str]:
    """Yield the lines that say what was found."""
    count = sum(found.scores.values())
    where = f"{request.out}, in the format of {request.format.upper()}"
    yield f"{count:,} labels on {found.pictures:,} {request.medium} are in {where}"
    by_class = sorted({name for name, _ in found.scores})
    for name in by_class:
        tenths = {tenth: number for (one, tenth), number in sorted(found.scores.items()) if one == name}
        spread = ", ".join(f"from {tenth / 10:.1f}: {number:,}" for tenth, number in tenths.items())
        yield f"  {name}: {sum(tenths.values()):,} by score {spread}"
    yield "nobody has looked at them: `labelline label` asks people where the detector is not sure"
    if found.export is not None:
        yield from (f"{note}: {number}" for note, number in found.export.notes.items())
    if found.doubles:
        yield f"{found.doubles:,} {request.medium} are the same as another one, and stand there once"
    rows = list(found.set_aside.items())
    if rows:
        named = "; ".join(f"{name} ({why})" for name, why in rows[:SHOWN])
        yield f"could not be looked at, {len(rows):,}: {named}{'; …' if len(rows) > SHOWN else ''}"


@contextmanager
def _detector_of(home: Path, request: PredictRequest) -> Iterator[_Opened]:
    path = Path(request.detector)
    proposer = proposer_of(request.label_kind, path.name)
    if path.is_file():
        with tempfile.TemporaryDirectory(prefix="labelline-weights-") as place:
            version, kept = version_of(path), FolderStore(Path(place))
            classes = proposer.check(path, version)
            ref = DetectorRef(version=version, weights_key=f"weights/{version}{path.suffix}", name=path.stem)
            for key, part in zip(keys_of(ref.weights_key), files_of(path), strict=True):
                kept.put(key, part)
            yield _Opened(ref, kept, classes)
        return
    from tasks.train.meant import find_meant
    from tasks.train.registry import resolve_detector

    if not request.collection:
        raise BadOption(
            f"{request.detector!r} is a detector of a collection: name that with --collection, or give the path of "
            "weights"
        )
    with connected(running_stack(home, console.print)):
        experiments, store = open_experiments(PLUGS), open_store(PLUGS)
        asked = (request.collection, request.detector, request.label_kind)
        meant = find_meant(experiments, store, *asked)
        if meant.is_nobody:
            require_collection(open_catalog(PLUGS), request.collection)
            raise BadOption(f"{request.collection} has no detector yet: train one with `labelline label` or `retrain`")
        yield _Opened(resolve_detector(experiments, store, *asked), store, meant.classes)
