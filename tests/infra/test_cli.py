"""The command line is what people type: it must answer fast, refuse clearly, and tell how far a run has come."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Engine
from sqlmodel import update
from typer.testing import CliRunner

from blocks.database.engine import upsert, writing
from blocks.database.tables import (
    Answer,
    AnswerState,
    Batch,
    BatchItem,
    Item,
    Label,
    Question,
    QuestionState,
    Scan,
    Source,
)
from blocks.errors import StackError
from infra.cli.label_request import LabelRequest
from infra.cli.main import app
from infra.cli.parsing import parse_classes, parse_detector, parse_kinds, people_of_line
from infra.cli.progress.follow import LabelView
from infra.cli.progress.line_progress import (
    BatchProgress,
    QueueProgress,
    count_intake,
    count_unbatched,
    describe_settled,
    read_progress,
)
from infra.cli.rounds import on_pages
from infra.cli.text_place import KIND
from tasks.kinds.registry import KINDS

runner = CliRunner()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COMMANDS = [
    *("up", "down", "status", "doctor", "blocks", "people", "gold", "reinstate"),
    *("label", "loop", "retrain", "export", "demo", "simulate"),
]


def words_of(box: str) -> str:
    """Return what stands in the box of a usage error, in one line."""
    return " ".join(box.replace("│", " ").split())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder in which no stack was ever started."""
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_help_waits_for_nothing_that_only_the_work_needs() -> None:
    code = (
        "import sys\n"
        "from infra.cli.main import app\n"
        "app(standalone_mode=False)\n"
        "print('loaded', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    *shown, loaded = done.stdout.splitlines()
    assert all(any(f" {name} " in line for line in shown) for name in COMMANDS)
    slow = {"torch", "prefect", "mlflow", "numpy", "cv2", "sqlalchemy", "sqlmodel", "sklearn", "scipy", "fastapi"}
    assert not slow & set(loaded.split()[1:]), "each takes from a tenth of a second to some seconds"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    shown = runner.invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.output


def test_an_unknown_command_is_a_usage_error() -> None:
    assert runner.invoke(app, ["fly"]).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--classes", " , "], "no class is named"),
        (["--classes", "car,car"], "the class 'car' is named twice"),
        (["--classes", "Car,bus,car"], "'Car' and 'car' differ by capitals only"),
        (["--classes", "car,,bus"], "has an empty name between two commas"),
        (["--classes", 'car,"bus'], "--classes"),
        (["--classes", "x" * 300], "300 characters: at most 200"),
        (["--classes", "car\tbus"], "cannot be seen in its name"),
        (["--classes", "car", "--name", ""], "without a name: give it one"),
        (["--classes", "car", "--name", "a/b"], "has / in its name"),
        (["--classes", "car", "--name", "x" * 500], "at most 100"),
        (["--classes", "car", "--tile", "700"], "700 is no multiple of 32, as networks need: take 672 or 704"),
        (["--classes", "car", "--tile", "65"], "take 64 or 96"),
        (["--classes", "car", "--sequences", "(flight"], "is no regular expression that can be used"),
        (["--classes", "car", "--sequences", "x" * 300], "at most 200 are taken"),
        (["--classes", "car", "--new-class", "bus"], "'bus' is not among the classes car"),
        (["--classes", "car", "--detector", ""], "expected the path of weights"),
        (["--classes", "car", "--kinds", "car=van,van"], "the class 'van' is named twice"),
        (["--classes", "car", "--kinds", "truck=box,tanker"], "'truck' is not among the classes car"),
        (["--classes", "car", "--kinds", "car"], "two kinds or more"),
        (["--classes", "car", "--kinds", "car=sedan"], "two kinds or more"),
        (["--classes", "car", "--detector", "missing.pt"], "missing.pt is no file"),
        (["--classes", "car", "--accept", "1.5"], "--accept"),
        ([], "--classes"),
    ],
)
def test_a_wrong_option_of_label_is_a_usage_error(tmp_path: Path, arguments: list[str], said: str) -> None:
    shown = runner.invoke(app, ["label", str(tmp_path), *arguments], env={"COLUMNS": "400", "NO_COLOR": "1"})
    assert shown.exit_code == 2
    assert said in words_of(shown.output)


@pytest.mark.parametrize("folder", ["/", "home", "home/objects", "home/.."])
def test_what_is_no_folder_of_pictures_is_a_usage_error(home: Path, tmp_path: Path, folder: str) -> None:
    (home / "objects").mkdir(parents=True)
    shown = runner.invoke(app, ["label", str(tmp_path / folder), "--classes", "car"], env={"COLUMNS": "400"})
    assert shown.exit_code == 2
    assert "the folder" in words_of(shown.output)


@pytest.mark.parametrize(
    ("files", "arguments", "said"),
    [
        ([], [], "holds no images"),
        (["b.json"], [], "put images there, or name the folder that has them\n"),
        (["a.txt", "b.json"], [], "if its .txt files are texts to label: --label-kind classes"),
        (["a.pdf", "b.pdf", "c"], [], "has 3 files (2 .pdf, 1 no suffix) and none is a picture"),
        (["x_1.png"], ["--sequences", "(flight[0-9]+)/"], "finds nothing in any of the 1 paths"),
        (["x_1.png"], ["--classes", "car", "--kinds", "car=cannot tell,van"], "none of them 'cannot tell'"),
    ],
)
def test_a_folder_that_cannot_be_labelled_is_refused_before_the_stack_is_asked(
    home: Path, tmp_path: Path, files: list[str], arguments: list[str], said: str
) -> None:
    folder = tmp_path / "Photos (1)"
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n" if name.endswith(".png") else b"text")
    shown = runner.invoke(app, ["label", str(folder), "--classes", "car", *arguments])
    assert (shown.exit_code, "Traceback" in shown.output) == (1, False)
    assert said in shown.output


def test_the_help_names_all_kinds_of_labels() -> None:
    assert set(KINDS) <= set(re.findall(r"\w+", KIND.help or ""))


def test_a_name_with_a_comma_stands_in_quotes() -> None:
    assert parse_classes('car,"truck, large", bus') == ("car", "truck, large", "bus")
    assert parse_kinds(['truck, large=box,"a, b"', "a=b=c,d"], ("truck, large", "a", "a=b")) == {
        "truck, large": ("box", "a, b"),
        "a=b": ("c", "d"),
    }


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    assert runner.invoke(app, ["label", str(tmp_path / "none"), "--classes", "car"]).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [["status"], ["blocks"], ["retrain", "cars"], ["gold"], ["reinstate", "ada@example.org", "mark-missed"]],
)
def test_a_stack_that_is_not_there_is_one_clear_message(home: Path, command: list[str]) -> None:
    shown = runner.invoke(app, command)
    assert shown.exit_code == 1
    assert "labelline up" in shown.output
    assert "Traceback" not in shown.output


def test_debug_shows_where_an_error_comes_from(home: Path) -> None:
    assert isinstance(runner.invoke(app, ["--debug", "status"]).exception, StackError)


def test_down_without_a_stack_is_no_error(home: Path) -> None:
    shown = runner.invoke(app, ["down"])
    assert (shown.exit_code, shown.output.strip()) == (0, "nothing was running")


def test_the_home_option_wins_over_the_environment(home: Path, tmp_path: Path) -> None:
    shown = runner.invoke(app, ["--home", str(tmp_path / "other"), "status"], env={"LABELLINE_HOME": str(home)})
    assert "other" in shown.output.replace("\n", "")


def test_a_request_becomes_options_that_the_line_takes() -> None:
    from flows.options import LineOptions

    request = LabelRequest(
        folder=Path("/pictures"),
        collection="lots",
        classes=("car", "truck"),
        detector="champion",
        kinds={"truck": ("box", "tanker")},
        accept=0.7,
        tile_px=320,
        sequence_pattern=None,
        batch_size=10,
    )
    line = LineOptions.model_validate(request.line())
    assert (line.collection, line.batch_size, line.triage.accept) == ("lots", 10, 0.7)
    assert line.kinds == {"truck": ("box", "tanker")}
    assert line.label_kind == "boxes"
    wholes = replace(request, label_kind="classes", kinds={})
    assert LineOptions.model_validate(wholes.line()).label_kind == "classes"


@pytest.mark.parametrize(
    ("detector", "wanted", "asked"),
    [
        ("suggest", None, True),
        ("suggest:arow", None, True),
        ("suggest", False, False),
        ("champion", None, False),
        ("suggested.pt", None, False),
        ("champion", True, True),
    ],
)
def test_lines_whose_labels_suggest_are_asked_in_rounds_unless_somebody_says_no(
    detector: str, wanted: bool | None, asked: bool
) -> None:
    assert on_pages(detector, wanted) is asked


def test_rounds_become_options_of_the_line_and_those_of_its_file_are_kept() -> None:
    from flows.options import LineOptions

    request = LabelRequest(
        folder=None,
        collection="lots",
        classes=("car", "truck"),
        detector="suggest",
        kinds={},
        accept=0.6,
        tile_px=320,
        sequence_pattern=None,
        batch_size=10,
        label_kind="classes",
        on_pages=True,
    )
    rounds = LineOptions.model_validate(request.line()).rounds
    assert rounds is not None and rounds.max_error_rate == 0.03
    stricter = replace(request, file={"rounds": {"max_error_rate": 0.01}})
    rounds = LineOptions.model_validate(stricter.line()).rounds
    assert rounds is not None and rounds.max_error_rate == 0.01
    assert LineOptions.model_validate(replace(stricter, on_pages=False).line()).rounds is None
    with pytest.raises(ValueError, match="expected `suggest` or `propagate` as the detector"):
        LineOptions.model_validate(replace(request, detector="champion").line())


# Progress


@pytest.fixture
def lots(engine: Engine) -> Engine:
    """A collection of four items: three in a batch of run "r", one not yet in any; two files were no images."""
    items = [
        {
            "id": f"i{n}",
            "key": f"items/i{n}",
            "name": f"{n}.jpg",
            "sequence": "s",
            "media_type": "image/jpeg",
            "size_bytes": 1,
            "width": 10,
            "height": 10,
            "plain": True,
        }
        for n in range(4)
    ]
    sources = [{"collection": "lots", "uri": f"{n}.jpg", "item_id": f"i{n}", "state": "taken"} for n in range(4)]
    broken = [{"collection": "lots", "uri": f"{n}.txt", "item_id": None, "state": "set_aside"} for n in range(2)]
    with writing(engine) as session:
        upsert(session, Item, items)
        upsert(session, Source, sources)
        upsert(session, Source, broken)
        upsert(session, Batch, [{"id": "b", "collection": "lots", "flow_run_id": "r", "created_at": NOW}])
        upsert(session, BatchItem, [{"batch_id": "b", "item_id": f"i{n}", "position": n} for n in range(3)])
    return engine


def test_intake_is_told_in_words(lots: Engine) -> None:
    assert count_intake(lots, "lots") == "4 images taken in, 0 duplicates, 2 set aside"
    assert count_intake(lots, "other") == "0 images taken in, 0 duplicates, 0 set aside"


def test_items_of_other_collections_batches_are_still_to_do(lots: Engine) -> None:
    assert count_unbatched(lots, "lots") == 1
    with writing(lots) as session:
        upsert(session, Source, [{"collection": "copy", "uri": "0.jpg", "item_id": "i0", "state": "taken"}])
    assert count_unbatched(lots, "copy") == 1


def test_progress_before_a_batch_is_opened_is_empty(lots: Engine) -> None:
    assert read_progress(lots, "another run") == BatchProgress()


def test_progress_counts_scans_questions_and_settled_items(lots: Engine) -> None:
    scan = {"detector": "d", "recipe": "x", "proposals": 1, "whole_frame": 0, "tiles": 4}
    question = {"queue": "mark-missed", "batch_id": "b", "payload": {}, "project_id": 7}
    states = [QuestionState.ANSWERED.value, QuestionState.POSTED.value]
    with writing(lots) as session:
        upsert(session, Scan, [{**scan, "item_id": f"i{n}", "created_at": NOW + timedelta(1)} for n in range(2)])
        rows = [{**question, "id": f"q{n}", "item_id": f"i{n}", "state": states[n]} for n in range(2)]
        upsert(session, Question, rows)
        place = {"batch_id": "b", "item_id": "i0", "position": 0, "settled_at": NOW}
        upsert(session, BatchItem, [place], update=["settled_at"])
    asked = QueueProgress("mark-missed", asked=2, answered=1, project_id=7)
    assert read_progress(lots, "r") == BatchProgress(3, scanned=2, settled=1, set_aside=0, queues=(asked,))


def test_what_was_settled_is_told_in_words(lots: Engine) -> None:
    box = {"class_name": "car", "x_min": 0, "y_min": 0, "x_max": 1, "y_max": 1, "batch_id": "b", "item_id": "i0"}
    question = {"id": "q", "queue": "mark-missed", "batch_id": "b", "item_id": "i0", "payload": {}}
    answer = {"id": "a", "question_id": "q", "annotation_id": 1, "person": "p", "seconds": 12.5, "raw": []}
    with writing(lots) as session:
        upsert(session, Question, [question])
        answer |= {"state": AnswerState.COUNTED.value, "answered_at": NOW, "heard_by": "doorbell"}
        upsert(session, Answer, [answer])
        labels = [{"id": "l1", "region": "m", "origin": "machine"}, {"id": "l2", "region": "p", "origin": "person"}]
        upsert(session, Label, [{**box, **label} for label in labels])
    assert describe_settled(lots, "r") == "2 labels settled: 1 by the machine, 1 by people in 12 s"
    with writing(lots) as session:
        session.exec(update(Answer).values(saw_proposals=False))
    assert "(12 s on 1 answer without their proposals" in describe_settled(lots, "r")
    assert describe_settled(lots, "none") == "there was nothing new to label"


def test_the_address_of_a_queue_is_told_once() -> None:
    out = StringIO()
    with Progress(console=Console(file=out, width=200)) as bars:
        view = LabelView(bars, "http://127.0.0.1:8080")
        view.show(BatchProgress())
        queue = QueueProgress("mark-missed", asked=5, answered=0, project_id=3)
        for settled in range(3):
            view.show(BatchProgress(items=9, scanned=9, settled=settled, queues=(queue,)))
    assert out.getvalue().count("http://127.0.0.1:8080/projects/3/") == 1
    assert "5 questions of mark-missed wait" in out.getvalue()


def test_the_people_of_a_line_are_all_whom_its_options_name(tmp_path: Path) -> None:
    staff = {"annotators": ["ada@example.org", "ben@example.org"], "referees": ["ruth@example.org"]}
    line = {
        "collection": "lots",
        "classes": ["car"],
        "annotator_pool": staff,
        "expert_pool": {"annotators": ["ben@example.org"]},
    }
    path = tmp_path / "line.json"
    path.write_text(json.dumps(line))
    assert people_of_line(path) == ["ada@example.org", "ben@example.org", "ruth@example.org"]
    path.write_text(json.dumps({"collection": "lots", "classes": ["car"], "finders": staff}))
    assert people_of_line(path) == ["ada@example.org", "ben@example.org", "ruth@example.org"], "as files had it before"
    path.write_text(json.dumps({"collection": "lots", "classes": ["car"]}))
    assert people_of_line(path) == []


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"collection": "lots", "classes": ["car"], "finder": {}}'])
def test_a_file_without_line_options_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "line.json"
    path.write_text(text)
    with pytest.raises(typer.BadParameter, match=r"line\.json holds no line options"):
        people_of_line(path)


def test_accounts_for_nobody_are_refused() -> None:
    done = CliRunner().invoke(app, ["people"])
    assert done.exit_code == 2
    assert "nobody is named" in done.output


def test_options_that_an_editor_saved_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "line.json"
    text = json.dumps({"collection": "lot", "classes": ["car"], "annotator_pool": {"annotators": ["ada@example.org"]}})
    path.write_text(text, encoding="utf-8-sig")
    assert people_of_line(path) == ["ada@example.org"]
    path.write_text(text, encoding="utf-16")
    with pytest.raises(typer.BadParameter, match="save it as UTF-8"):
        people_of_line(path)


def test_suggestions_are_asked_for_by_learner_and_by_weights_that_are_there(tmp_path: Path) -> None:
    weights = tmp_path / "net.pt"
    weights.write_bytes(b"any")
    assert parse_detector("suggest") == "suggest", "where no learner is named the line chooses, in rounds another one"
    assert parse_detector("suggest:arow") == "suggest:arow"
    assert parse_detector(f"suggest:{weights}") == f"suggest:ridge-lda:{weights.resolve()}"
    with pytest.raises(typer.BadParameter, match=r"gone\.pt is no file"):
        parse_detector(f"suggest:arow:{tmp_path / 'gone.pt'}")
    with pytest.raises(typer.BadParameter, match="no learner 'svm'"):
        parse_detector("suggest:svm")


@pytest.mark.parametrize("text", ["x" * 5000, "x" * 5000 + ".pt", "a\0b", "\udcff.pt", "", " "])
def test_what_no_detector_is_called_is_refused_in_words(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no file; expected the path of weights") as refused:
        parse_detector(text)
    assert len(str(refused.value)) < 300
    str(refused.value).encode()
