"""Labelling in rounds, for a collection without a model, or with one that is to get better: checked and said before."""

from typing import TYPE_CHECKING, Any

from infra.cli.label_request import LabelRequest

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from blocks.storage.stores import Store
    from tasks.intake.sources.protocol import SourceLook
    from tasks.intake.texts.media import Medium
    from tasks.monitor.active_learning.choose import Selection
    from tasks.train.meant import MeantDetector


def on_pages(detector: str, wanted: bool | None) -> bool:
    """Say whether a line whose own labels suggest is asked in rounds with pages: where nobody said, it is.

    Args:
        detector: Who proposes.
        wanted: What was typed or stands in the file of the line; None: nothing was said.
    """
    from tasks.suggest.asked_for import SUGGEST

    return wanted if wanted is not None else detector.partition(":")[0] == SUGGEST


def keep_outlines(store: "Store", file: dict[str, Any]) -> dict[str, Any]:
    """Check the network that outlines what is clicked, keep it, and return the line's options with what names it then.

    Raises:
        BadWeights: There is no such file, or it has not the numbers of this network.
    """
    from tasks.detect.prompted.named import keep_network

    given = file.get("outlines_by")
    return {**file, "outlines_by": str(keep_network(store, given))} if given else file


def check_can_learn(engine: "Engine", collection: str, look: "SourceLook | None") -> None:
    """Refuse rounds in which nothing could be tested, before any picture is taken in.

    Raises:
        BadOption: All pictures are one sequence, in the folder and in the collection.
    """
    if look is not None and not has_splits(engine, collection):
        from tasks.intake.sources.protocol import refuse_one_sequence

        refuse_one_sequence(look)


def warn_of_one_sequence(engine: "Engine", collection: str, look: "SourceLook | None") -> str:
    """Say, before any picture is taken in, that a line labels all and yet nothing could be trained; empty: it could."""
    return look.about_one_sequence() if look is not None and not has_splits(engine, collection) else ""


def has_splits(engine: "Engine", collection: str) -> bool:
    """Say whether any picture of a collection is in a sequence that has its split already."""
    from tasks.intake.sequences import count_splits

    return any(count_splits(engine, collection).values())


def keep_first_weights(store: "Store", request: LabelRequest) -> str:
    """Check the weights that trainings shall begin with, keep them, and return their version; empty without any.

    Raises:
        BadWeights: They are not there, cannot be fetched, or could not be trained.
    """
    from tasks.train.fitting.base_weights import keep_base

    if not request.begin_with:
        return ""
    return keep_base(store, request.begin_with, request.label_kind, request.classes).version


def loop_parameters(engine: "Engine", request: LabelRequest) -> dict[str, Any]:
    """Return the options of a loop, as the flow takes them; its images are taken in already."""
    selection = _selection_of(engine, request)
    goal, rest = request.rounds.goal(), request.rounds.rest
    return {"line": request.line(), "selection": selection.model_dump(), "goal": goal, "label_rest": rest}


def rounds_in_words(engine: "Engine", request: LabelRequest, meant: "MeantDetector") -> list[str]:
    """Say what will happen, how much is needed, and what a model begins with.

    Args:
        engine: The catalogue; the images are taken in already.
        request: What was asked for; its weights to begin with are kept.
        meant: What proposes in the first round.
    """
    from tasks.intake.sequences import count_splits
    from tasks.intake.texts.media import medium_of_collection

    counts, selection = count_splits(engine, request.collection), _selection_of(engine, request)
    to_learn = counts["train"] + counts["val"]
    tested = min(selection.holdout, counts["test"])
    medium = medium_of_collection(engine, request.collection) or "pictures"
    what = "images" if medium == "pictures" else medium
    how = "that look unlike each other" if meant.is_nobody else "from which the detector would learn most"
    lines = [
        f"{request.collection}: {to_learn} {what} to learn from, {counts['test']} to test on, never learnt from",
        f"people first label {min(selection.first, to_learn)} {what} {how}, and {tested} to test on. "
        + _training_in_words(request, meant, medium),
        f"it proposes for the next {selection.size_of(2)} {what}, people correct, it is trained again, and so on, each "
        f"time with twice as many, {_end_in_words(request)}",
    ]
    if not counts["test"]:
        lines.append(f"none is to test on, so nothing will be trained: add {what} of another place or time")
    return lines


def _training_in_words(request: LabelRequest, meant: "MeantDetector", medium: "Medium") -> str:
    from tasks.train.fitting.trainers.registry import trainer_of
    from tasks.train.options import TrainOptions

    trainer, options = trainer_of(request.label_kind, medium), TrainOptions()
    anew = meant.is_nobody and not request.begin_with
    recipe = trainer.from_nothing if anew else trainer.further
    needed = f"{recipe.train_labels(options)} labels to learn from and {options.min_test_boxes} to test on"
    if trainer.begins_anew:
        return f"With {needed} a model is learnt from all labels at once, in seconds"
    if not anew:
        begun = request.begin_with if meant.is_nobody else meant.version
        return f"With {needed} a model is trained, beginning with the weights {begun}"
    return (
        f"With {needed} a small network is trained from random numbers. That is the slow way: fewer labels are needed "
        "with --begin-with FILE.pt, or a name such as yolo11n.pt where this machine may fetch it from ultralytics"
    )


def _end_in_words(request: LabelRequest) -> str:
    asked = request.rounds
    ends = [f"the model is as good as {asked.quality:g}"] if asked.quality else []
    ends += [f"people have spent {asked.hours:g} hours"] if asked.hours else []
    ends += [f"{asked.most} rounds are over"] if asked.most else []
    until = " or ".join([*ends, "three trainings in a row have brought nothing"])
    return f"until {until}" + ("; then it proposes for all the rest" if asked.rest else "")


def _selection_of(engine: "Engine", request: LabelRequest) -> "Selection":
    from tasks.intake.sequences import count_splits
    from tasks.monitor.active_learning.choose import Selection

    counts, asked = count_splits(engine, request.collection), request.rounds
    return Selection.growing(counts["train"] + counts["val"], asked.first, asked.per_round)
