"""Labelling without a detector, as it is typed: what is wrong, and what will happen, is said before a loop begins."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import Result
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Running
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import SequenceSplit
from blocks.storage.stores import FolderStore
from flows.loop import LoopOptions
from infra.cli.commands import line_commands
from infra.cli.progress.rounds_view import round_in_words, training_in_words
from infra.stack.orchestration import cancelling
from tasks.intake.sequences import assign_splits
from tasks.intake.texts.columns import TextOptions
from tasks.intake.texts.take_in import OfferedText, take_in_texts
from tasks.monitor.active_learning.goals import Round
from tasks.train import steps as train_steps
from tasks.train.fitting.watch import EpochReport
from tasks.train.naming import registry_name
from tests.infra.test_before_work import home, labelline, rows, tiny_weights
from tests.monitor.active_learning.test_choose import add_items

__all__ = ["home", "tiny_weights"]

# Prefect 3.8 leaves sockets of its own clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures of two places."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("here_1.png", "there_1.png"):
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@flow
def some_loop(options: dict[str, Any]) -> None:
    """Nothing: only its runs' parameters and states matter."""


@pytest.fixture
def started(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Deployments that were started, with their parameters; each run ends at once."""
    found: list[tuple[str, dict[str, Any]]] = []

    def start(_client: SyncPrefectClient, deployment: str, **parameters: Any) -> FlowRun:
        found.append((deployment.partition("/")[0], parameters))
        return client.create_flow_run(some_loop, state=Completed())

    monkeypatch.setattr(line_commands, "start_run", start)
    return found


def in_collection(engine: Engine, sequences: dict[str, tuple[str, int]]) -> None:
    """Take items into the collection `lot`: by sequence its split and how many."""
    at = 0
    for sequence, (split, count) in sequences.items():
        add_items(engine, count, sequence, at)
        at += count
        with writing(engine) as session:
            upsert(session, SequenceSplit, [{"collection": "lot", "sequence": sequence, "split": split}])


ENOUGH = {"a": ("train", 30), "b": ("val", 10), "c": ("test", 8)}


def label(home: Path, *arguments: str) -> Result:
    return labelline(home, "label", *arguments, "--classes", "car")


def test_without_a_detector_label_begins_a_loop_and_says_what_will_happen(
    home: Path, engine: Engine, photos: Path, started: list[tuple[str, dict[str, Any]]]
) -> None:
    in_collection(engine, ENOUGH)
    shown = label(home, str(photos), "--name", "lot", "--no-wait")
    assert shown.exit_code == 0, shown.output
    assert [flow_name for flow_name, _ in started] == ["intake", "loop"]
    options = LoopOptions.model_validate(started[1][1]["options"])
    assert (options.line.collection, options.line.detector, options.line.retrain.base) == ("lot", "champion", "")
    assert [options.selection.size_of(round_) for round_ in (1, 2, 3)] == [10, 20, 40]
    for said in (
        "nobody: lot has no model yet",
        "40 images to learn from, 8 to test on",
        "people first label 10 images that look unlike each other, and 8 to test on. With 100 labels to learn from and "
        "10 to test on a small network is trained from random numbers",
        "it proposes for the next 20 images",
    ):
        assert said in shown.output


def test_a_line_of_texts_is_told_in_words_of_texts_and_labels_classes_unless_it_is_told_otherwise(
    home: Path, engine: Engine, started: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    table = tmp_path / "mail.csv"
    table.write_text("review\n" + "".join(f"number {n}\n" for n in range(60)))
    texts = [OfferedText(f"file:///mail.csv#{n}", str(n), str(n), f"number {n}") for n in range(60)]
    take_in_texts(engine, FolderStore(tmp_path / "objects"), "mail", texts, TextOptions())
    assign_splits(engine, "mail")
    for command in ("label", "loop"):
        shown = labelline(home, command, str(table), "--classes", "pos,neg", "--no-wait")
        assert shown.exit_code == 0, shown.output
        options = LoopOptions.model_validate(started[-1][1]["options"])
        assert (options.line.collection, options.line.label_kind) == ("mail", "classes")
        assert "mail: 60 texts taken in" in shown.output
        assert "a model is learnt from all labels at once" in shown.output
        for word in ("image", "picture", "network", ".pt"):
            assert word not in shown.output
    shown = labelline(home, "show", "mail")
    assert "0 of 60 texts are settled" in shown.output
    assert "next: labelline label mail --label-kind classes --classes CLASSES" in " ".join(shown.output.split())


def test_a_list_of_addresses_is_looked_at_before_it_is_fetched_with_the_manners_that_were_typed(
    home: Path, started: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    web = tmp_path / "web.csv"
    web.write_text("id,photo\n" + "".join(f"{n},https://example.org/{n}/cat.jpg\n" for n in range(30)) + "x,\n")
    shown = label(home, str(web), "--detector", "nobody", "--no-wait", "--web", "column=photo", "--web", "robots=no")
    assert shown.exit_code == 0, shown.output
    assert "31 addresses at example.org (30), in 30 sequences; 1 cannot be used: line 32: no address" in shown.output
    asked = started[0][1]
    assert (asked["folder"], asked["collection"], asked["texts"]) == (str(web), "web", None)
    assert (asked["urls"]["column"], asked["urls"]["robots"], asked["urls"]["per_host"]) == ("photo", False, 4)
    plain = tmp_path / "plain.txt"
    plain.write_text("https://example.org/a.jpg\nhttps://example.org/b.jpg\n")
    assert label(home, str(plain), "--detector", "nobody", "--no-wait").exit_code == 0
    assert started[-1][1].get("urls", started[-2][1].get("urls")) is not None, "known as a list by what it holds"


@pytest.mark.parametrize(
    ("typed", "told"),
    [("robots", "no option with its value"), ("speed=3", "speed is no option"), ("per_host=0", "per_host")],
)
def test_a_slip_in_how_the_web_is_asked_is_told_with_the_options_there_are(
    home: Path, started: list[tuple[str, dict[str, Any]]], tmp_path: Path, typed: str, told: str
) -> None:
    web = tmp_path / "web.txt"
    web.write_text("https://example.org/a.jpg\nhttps://example.org/b.jpg\n")
    shown = label(home, str(web), "--web", typed)
    assert (shown.exit_code, started) == (2, [])
    assert told in " ".join(shown.output.replace("│", " ").split())


def test_nobody_by_name_means_that_all_is_labelled_by_hand(
    home: Path, engine: Engine, photos: Path, started: list[tuple[str, dict[str, Any]]]
) -> None:
    in_collection(engine, ENOUGH)
    shown = label(home, str(photos), "--name", "lot", "--detector", "nobody", "--no-wait")
    assert [(name, given.get("line", {}).get("detector")) for name, given in started] == [
        ("intake", None),
        ("label", "nobody"),
    ]
    assert "so people are asked about every item" in shown.output
    told = label(home, str(photos), "--name", "lot", "--detector", "nobody", "--no-wait", "--json")
    answer = json.loads(told.stdout)
    assert (answer["name"], answer["waited"], answer["settled"]) == ("lot", False, 0)
    assert [run.rpartition("/")[0].endswith("/runs/flow-run") for run in answer["runs"]] == [True]
    assert "labelling run of lot" in told.stderr


def test_pictures_of_which_none_could_be_tested_on_are_refused_before_they_are_taken_in(
    home: Path, engine: Engine, photos: Path, started: list[tuple[str, dict[str, Any]]]
) -> None:
    (photos / "there_1.png").rename(photos / "here_2.png")
    shown = label(home, str(photos))
    assert (shown.exit_code, rows(engine), started) == (1, 0, [])
    assert "all 2 pictures are one sequence ('here_'" in shown.output
    assert "add --sequences '(.+)'" in shown.output
    assert label(home, str(photos), "--sequences", "(.+)", "--no-wait").exit_code == 0
    assert label(home, str(photos), "--detector", "nobody", "--no-wait").exit_code == 0


def test_with_a_detector_such_pictures_are_labelled_and_it_is_said_that_nothing_can_be_trained(
    home: Path, photos: Path, tiny_weights: Path, started: list[tuple[str, dict[str, Any]]]
) -> None:
    (photos / "there_1.png").rename(photos / "here_2.png")
    shown = labelline(home, "label", str(photos), "--classes", "red", "--detector", str(tiny_weights), "--no-wait")
    assert (shown.exit_code, [name for name, _ in started][:1]) == (0, ["intake"]), shown.output
    assert "mind: all 2 pictures are one sequence ('here_'" in shown.output


def test_a_pattern_that_comes_too_late_for_pictures_that_are_there_is_told_of(
    home: Path, engine: Engine, photos: Path, started: list[tuple[str, dict[str, Any]]]
) -> None:
    said, asked = (
        "taken in before keeps its sequence",
        (str(photos), "--name", "lot", "--sequences", "(.+)", "--no-wait"),
    )
    assert said not in label(home, *asked).output
    in_collection(engine, ENOUGH)
    assert said in label(home, *asked).output


def test_weights_to_begin_with_are_checked_before_and_kept(
    home: Path,
    engine: Engine,
    photos: Path,
    tiny_weights: Path,
    started: list[tuple[str, dict[str, Any]]],
    tmp_path: Path,
) -> None:
    in_collection(engine, ENOUGH)
    for given, said in (("yolo99.pt", "no name under which"), ("no/such.pt", "is no file")):
        shown = label(home, str(photos), "--name", "lot", "--begin-with", given)
        assert (shown.exit_code != 0, started) == (True, [])
        assert said in shown.output
    shown = label(home, str(photos), "--name", "lot", "--begin-with", str(tiny_weights), "--no-wait")
    base = LoopOptions.model_validate(started[1][1]["options"]).line.retrain.base
    assert FolderStore(tmp_path / "objects").has(f"weights/{base}.pt")
    assert f"With 20 labels to learn from and 10 to test on a model is trained, beginning with the weights {base}" in (
        shown.output
    )


def test_a_loop_of_what_was_taken_in_before_has_the_goal_that_is_asked_for(
    home: Path, engine: Engine, started: list[tuple[str, dict[str, Any]]]
) -> None:
    in_collection(engine, ENOUGH)
    asked = ("--first", "4", "--goal", "0.8", "--hours", "2", "--rounds", "5", "--no-rest", "--no-wait")
    shown = labelline(home, "loop", "lot", "--classes", "car", *asked)
    assert shown.exit_code == 0, shown.output
    ((name, given),) = started
    options = LoopOptions.model_validate(given["options"])
    assert (name, options.label_rest) == ("loop", False)
    assert (options.goal.quality, options.goal.human_hours, options.goal.most_rounds) == (0.8, 2.0, 5)
    assert (options.selection.first, options.selection.per_round) == (4, 8)
    until = "until the model is as good as 0.8 or people have spent 2 hours or 5 rounds are over or three trainings"
    assert until in shown.output
    assert "then it proposes for all the rest" not in shown.output
    wrong = labelline(home, "loop", "lots", "--classes", "car", "--no-wait")
    assert "Did you mean 'lot'?" in wrong.output


def test_a_loop_that_is_under_way_is_followed_and_no_second_one_begun(
    home: Path,
    engine: Engine,
    client: SyncPrefectClient,
    started: list[tuple[str, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_collection(engine, ENOUGH)
    going_on = client.create_flow_run(
        some_loop, parameters={"options": {"line": {"collection": "lot"}}}, state=Running()
    )
    monkeypatch.setattr(line_commands, "runs_of", lambda _client, _name: [going_on])
    shown = labelline(home, "loop", "lot", "--classes", "car", "--no-wait")
    assert started == []
    assert f"a loop of lot is under way already: {going_on.name}" in shown.output
    assert cancelling.collections_in(going_on.parameters) == {"lot"}


# --- what is told while it works ---


def test_a_round_is_told_with_what_it_cost_and_what_it_brought() -> None:
    one = Round(batch_id="b", items=14, labels=320, human_seconds=4000.0, metric=0.42, promoted=True, detector="d")
    assert round_in_words(1, one) == (
        "round 1: 14 items, 320 labels, 1 h 6 min of people so far; a new model proposes from now on: 0.420 on the "
        "test items"
    )
    untrained = one.model_copy(update={"metric": None, "note": "too few labels"})
    assert round_in_words(2, untrained).endswith("; too few labels")


@flow
def report_on(collection: str, report: EpochReport) -> None:
    """Say how a training goes, as its step does."""
    train_steps._progress_artifact(registry_name(collection), "s" * 64)(report)


def test_who_follows_a_training_reads_its_epoch_loss_and_time_left_while_it_lasts(client: SyncPrefectClient) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    name = f"lot {uuid4().hex}"
    assert training_in_words(client, name, before) == ""
    report_on(name, EpochReport(3, 12, 4.0, 40.0, {"train_loss": 1.25}, done=0.5))
    assert training_in_words(client, name, before) == "epoch 3 of 12, loss 1.250, about 40 s left"
    assert training_in_words(client, name, datetime.now(UTC) + timedelta(hours=1)) == "", "of an earlier training"
    report_on(name, EpochReport(12, 12, 4.0, 0.0, {"train_loss": 1.0}))
    assert training_in_words(client, name, before) == "", "it has ended"
