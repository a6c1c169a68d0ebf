"""All that `label` and `retrain` can know to be wrong before anything is written, said where the person sits."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from blocks.errors import BadOption, NotEnoughData
from blocks.shapes import PLACED
from infra.cli.label_request import LabelRequest
from infra.cli.words import in_words
from tasks.intake.sources.protocol import SourceLook
from tasks.intake.sources.registry import source_kind_of
from tasks.kinds.registry import label_kind

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from blocks.servers.experiments import Experiments
    from blocks.storage.stores import Store
    from tasks.train.meant import MeantDetector


KNOWN_SHOWN = 10
"""Classes of a detector that are told."""


def check_folder_and_line(request: LabelRequest) -> SourceLook | None:
    """Check what needs no server: the folder, the pattern, and the options of the line as its flow will take them.

    Returns:
        What a quick look into the folder shows; None without one.

    Raises:
        BadOption: What is wrong, with which value, and what to do.
    """
    from flows.options import LineOptions

    try:
        LineOptions.model_validate(request.line())
    except ValidationError as error:
        raise BadOption(f"the line cannot be run like this: {in_words(error)}") from error
    if request.folder is None:
        return None
    if request.texts is not None and label_kind(request.label_kind).shapes & PLACED:
        raise BadOption(
            f"{request.folder.name} has texts, and in them nobody draws {request.label_kind}: add --label-kind classes"
        )
    asked = request.asked()
    return source_kind_of(request.folder, asked).look_into(request.folder, asked)


def check_detector(
    engine: "Engine", experiments: "Experiments", store: "Store", request: LabelRequest
) -> "tuple[MeantDetector, list[str]]":
    """Check that the detector is there, can be used, and knows what is asked.

    Returns:
        The detector, and what is worth knowing of it, in words.

    Raises:
        BadInput: There is none, it cannot be used, or a class reads like a slip.
    """
    from tasks.detect.backends.safe_weights import version_of
    from tasks.detect.proposers.imported import classes_of_import, find_imported
    from tasks.detect.proposers.suggested import embedder_of_weights
    from tasks.detect.refs import BY_HAND, NOBODY
    from tasks.suggest.asked_for import asked_of
    from tasks.suggest.embedders.named.registry import keep_named
    from tasks.track.asked_for import propagate_asked, track_asked
    from tasks.train.meant import MeantDetector, find_meant

    if propagates := propagate_asked(request.detector):
        inner = replace(request, detector=propagates.detector or "champion")
        meant, told = check_detector(engine, experiments, store, inner)
        return meant, [
            *told,
            "people are asked about key frames first; what they say is followed through the others",
        ]
    if tracked := track_asked(request.detector):
        inner = replace(request, detector=tracked.detector or "champion")
        meant, told = check_detector(engine, experiments, store, inner)
        return meant, [*told, f"{tracked.tracker} says whose its boxes are, from frame to frame"]
    if asked := asked_of(request.detector):
        if asked.is_named:
            keep_named(engine, store, asked.weights, "pictures" if request.texts is None else "texts")
        if asked.file is not None:
            embedder_of_weights(asked.file, version_of(asked.file))
        taught = f"what the labels of {request.collection} teach ({asked}), and nobody before two classes have some"
        return MeantDetector(NOBODY, taught, ()), [f"detector: {taught}"]
    imported = find_imported(engine, request.collection, request.detector)
    meant = (
        MeantDetector(imported.version, f"proposals of {imported.name}", classes_of_import(engine, imported.version))
        if imported
        else find_meant(experiments, store, request.collection, request.detector, request.label_kind)
    )
    if meant.is_nobody:
        by_hand = ", so people are asked about every item" * (request.detector == BY_HAND)
        return meant, [f"detector: {meant.told}{by_hand}"]
    lacking = meant.lacking(request.classes, request.new_classes)
    known = ", ".join(meant.classes[:KNOWN_SHOWN]) + (", …" if len(meant.classes) > KNOWN_SHOWN else "")
    told = [f"detector: {meant.told.removeprefix('the detector ')}, which knows {known}"]
    if lacking:
        told.append(
            f"it does not know {', '.join(lacking)}: people find these without boxes, and the next detector learns them"
        )
    return meant, told


def check_retraining(
    engine: "Engine", experiments: "Experiments", store: "Store", collection: str, given: Mapping[str, Any]
) -> str:
    """Check that a collection has enough labels to train and test on, and weights that can be trained.

    Args:
        engine: The catalogue.
        experiments: Whose registry says who is champion.
        store: Where weights are, and a network that is named is kept.
        collection: Whose truth.
        given: Options of the training, by name.

    Returns:
        What a training begins with, and how much it learns from, in words.

    Raises:
        NotEnoughData: With how many labels are missing, and where.
        BadWeights: Its champion cannot be trained.
    """
    from tasks.intake.label_kinds import label_kind_of
    from tasks.intake.texts.media import medium_of_collection
    from tasks.settle.in_force import count_labels
    from tasks.train.fitting.backbones import keep_backbone, with_backbone
    from tasks.train.fitting.beginnings import check_trainable
    from tasks.train.fitting.enough import refuse_too_few
    from tasks.train.fitting.trainers.registry import recipe_for, trainer_of
    from tasks.train.options import TrainOptions
    from tasks.train.registry import resolve_detector

    if not count_labels(engine, collection):
        raise NotEnoughData(
            f"{collection!r} has no settled labels to train on: `labelline label` its folder first, and let people "
            "answer what it asks"
        )
    kind = label_kind_of(engine, collection, set()).name
    base = resolve_detector(experiments, store, collection, "champion", kind)
    items, labels = _settled_by_split(engine, collection)
    medium = medium_of_collection(engine, collection) or "pictures"
    options = with_backbone(store, keep_backbone(engine, store, TrainOptions(**given)), base)
    refuse_too_few(repr(collection), items, labels, options, recipe_for(kind, base, medium, options.backbone))
    begins_anew = trainer_of(kind, medium, options.backbone).begins_anew
    if not base.is_nobody and not begins_anew:
        check_trainable(base)
    begins = "a small network begins with random numbers" if base.is_nobody else f"champion {base.version} goes on"
    begins = f"all is learnt anew{f' ({options.backbone})' * bool(options.backbone)}" if begins_anew else begins
    learnt = f"{labels.get('train', 0)} labels on {items.get('train', 0)} items"
    return f"{begins}: {learnt} to learn from, {labels['test']} on {items['test']} to test on"


def _settled_by_split(engine: "Engine", collection: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many items of a collection have settled, and how many labels are in force on them, by split."""
    from tasks.intake.sequences import splits_of
    from tasks.monitor.cost.spent import settled_items
    from tasks.settle.in_force import labels_in_force

    settled = list(settled_items(engine, collection))
    split_of = splits_of(engine, collection)
    labels: Counter[str] = Counter()
    for item_id, mine in labels_in_force(engine, settled, collection).items():
        labels[split_of.get(item_id, "")] += len(mine)
    return dict(Counter(split_of.get(item_id, "") for item_id in settled)), dict(labels)
