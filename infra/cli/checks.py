"""All that `label` and `retrain` can know to be wrong before anything is written, said where the person sits."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from blocks.errors import BadOption, NotEnoughData
from infra.cli.words import in_words
from tasks.intake.preview import FolderLook, look_into

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from blocks.servers.experiments import Experiments
    from blocks.storage.stores import Store


KNOWN_SHOWN = 10
"""Classes of a detector that are told."""


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
    new_classes: tuple[str, ...] = ()
    label_kind: str = "boxes"

    def line(self) -> dict[str, Any]:
        """Return the options of the line, as the flow takes them."""
        return {
            "collection": self.collection,
            "classes": list(self.classes),
            "label_kind": self.label_kind,
            "detector": self.detector,
            "kinds": {name: list(kinds) for name, kinds in self.kinds.items()},
            "batch_size": self.batch_size,
            "tiling": {"tile_px": self.tile_px},
            "triage": {"accept": self.accept},
        }


def check_folder_and_line(request: LabelRequest) -> FolderLook:
    """Check what needs no server: the folder, the pattern, and the options of the line as its flow will take them.

    Returns:
        What a quick look into the folder shows.

    Raises:
        BadOption: What is wrong, with which value, and what to do.
    """
    from flows.options import LineOptions

    try:
        LineOptions.model_validate(request.line())
    except ValidationError as error:
        raise BadOption(f"the line cannot be run like this: {in_words(error)}") from error
    return look_into(request.folder, request.sequence_pattern)


def check_detector(engine: "Engine", experiments: "Experiments", store: "Store", request: LabelRequest) -> list[str]:
    """Check that the detector is there, can be used, and knows what is asked.

    Returns:
        What is worth knowing of it, in words.

    Raises:
        BadInput: There is none, it cannot be used, or a class reads like a slip.
    """
    from tasks.detect.proposers.imported import classes_of_import, find_imported
    from tasks.train.meant import MeantDetector, find_meant

    imported = find_imported(engine, request.collection, request.detector)
    meant = (
        MeantDetector(imported.version, f"proposals of {imported.name}", classes_of_import(engine, imported.version))
        if imported
        else find_meant(experiments, store, request.collection, request.detector, request.label_kind)
    )
    if meant.is_nobody:
        return [f"detector: {meant.told}, so people are asked about every image"]
    lacking = meant.lacking(request.classes, request.new_classes)
    known = ", ".join(meant.classes[:KNOWN_SHOWN]) + (", …" if len(meant.classes) > KNOWN_SHOWN else "")
    told = [f"detector: {meant.told.removeprefix('the detector ')}, which knows {known}"]
    if lacking:
        told.append(
            f"it does not know {', '.join(lacking)}: people find these without boxes, and the next detector learns them"
        )
    return told


def check_retraining(engine: "Engine", experiments: "Experiments", store: "Store", collection: str) -> None:
    """Check that a collection has labels to train on, and a detector to begin with.

    Raises:
        NotEnoughData: It has no settled labels.
        BadWeights: It has no detector.
    """
    from tasks.intake.label_kinds import label_kind_of
    from tasks.settle.in_force import count_labels
    from tasks.train.meant import find_meant

    if not count_labels(engine, collection):
        raise NotEnoughData(
            f"{collection!r} has no settled labels to train on: `labelline label` its folder first, and let people "
            "answer what it asks"
        )
    find_meant(experiments, store, collection, "champion", label_kind_of(engine, collection, set()).name)
