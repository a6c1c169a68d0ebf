"""`labelline predict`: what a detector finds as files, without a stack, people or a collection; refusals come first."""

import json
from pathlib import Path

import cv2
import pytest
from click.testing import Result
from typer.testing import CliRunner

from infra.cli.commands.predict_command import usual_score
from infra.cli.main import app
from infra.demo.run import STARTER
from infra.demo.scenes.drawing import draw_scenes
from tests.detect.scoring.models import save_tagger, save_text_model
from tests.kinds.spans.letters import write_letter
from tests.train.conftest import save_weights


@pytest.fixture(scope="module")
def lots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two parts of a drawn lot, one in a subfolder, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("lots")
    drawn = draw_scenes(folder / "drawn", count=1, seed=3)
    picture = cv2.imread(str(next(drawn.folder.rglob("*.jpg"))))
    assert picture is not None
    place = folder / "photos (1)"
    (place / "sub").mkdir(parents=True)
    cv2.imwrite(str(place / "a.png"), picture[:640, :960])
    cv2.imwrite(str(place / "sub" / "b.png"), picture[400:1040, 700:1660])
    (place / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return place


def predict(folder: Path, out: Path, *typed: str) -> Result:
    command = ["predict", str(folder), "--out", str(out), "--tile", "320", *typed]
    return CliRunner().invoke(app, command, env={"COLUMNS": "400", "LABELLINE_HOME": str(out.parent / "nowhere")})


def test_boxes_are_written_with_scores_and_the_folder_is_left_alone(lots: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in lots.rglob("*")}
    shown = predict(lots, tmp_path / "out", "--detector", str(STARTER))
    assert shown.exit_code == 0, shown.output
    assert "on 2 pictures" in shown.output
    assert "could not be looked at, 1: broken.jpg" in shown.output
    assert {path: path.stat().st_mtime_ns for path in lots.rglob("*")} == before
    (file,) = [path for path in (tmp_path / "out").rglob("*.json") if path.name.startswith("instances_train")]
    document = json.loads(file.read_text())
    assert {image["file_name"] for image in document["images"]} == {"a.png", "sub/b.png"}
    scores = [one["score"] for one in document["annotations"]]
    assert len(scores) > 20
    assert min(scores) >= 0.25
    assert not list((tmp_path / "out").rglob("*.png")), "pictures stay where they are"


def test_only_what_is_asked_for_is_written_in_the_format_asked_for(lots: Path, tmp_path: Path) -> None:
    typed = ("--detector", str(STARTER), "--classes", "car", "--score", "0.6", "--format", "csv")
    shown = predict(lots, tmp_path / "out", *typed, "--json")
    assert shown.exit_code == 0, shown.output
    lines = (tmp_path / "out" / "labels.csv").read_text().splitlines()
    assert len(lines) > 5
    assert "truck" not in "".join(lines[1:])
    assert "car: " in shown.output
    told = json.loads(shown.stdout)
    assert (told["pictures"], told["labels"], told["format"]) == (2, len(lines) - 1, "csv")
    assert set(told["scores"]) == {"car"}
    assert min(told["scores"]["car"]) >= "0.6"
    assert list(told["set_aside"]) == ["broken.jpg"]
    assert predict(lots, tmp_path / "out", *typed).exit_code != 0
    assert (tmp_path / "out" / "labels.csv").read_text().splitlines() == lines
    shown = predict(lots, tmp_path / "out", "--detector", str(STARTER), "--format", "yolo", "--overwrite")
    assert shown.exit_code == 0, shown.output
    assert not (tmp_path / "out" / "labels.csv").exists()


def test_the_same_folder_twice_gives_the_same_boxes(lots: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        assert predict(lots, tmp_path / out, "--detector", str(STARTER), "--format", "yolo").exit_code == 0
    texts = [
        {path.name: path.read_text() for path in sorted((tmp_path / out / "labels").rglob("*.txt"))}
        for out in ("one", "two")
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 2


def test_what_cannot_be_done_is_said_before_anything_is_loaded(lots: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    (tmp_path / "empty").mkdir()
    starter = ("--detector", str(STARTER))
    for folder, out, typed, said in (
        (lots, "full", starter, "not empty"),
        (tmp_path / "empty", "out", starter, "holds no images"),
        (lots, "out", (*starter, "--classes", "carr"), "Did you mean 'car'?"),
        (lots, "out", ("--detector", "champion"), "--collection"),
        (lots, "out", ("--detector", "7", "--collection", "lots"), "labelline up"),
        (lots, "out", ("--detector", str(lots / "broken.jpg")), "broken.jpg"),
    ):
        shown = predict(folder, tmp_path / out, *typed)
        assert shown.exit_code != 0, said
        assert said in shown.output, shown.output
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "full" / "mine.txt").read_text() == "keep"


def test_a_folder_in_which_nothing_is_found_has_pictures_without_labels(lots: Path, tmp_path: Path) -> None:
    weights = save_weights(tmp_path / "tiny.pt", ("red", "blue"))
    shown = predict(lots, tmp_path / "out", "--detector", str(weights), "--score", "1", "--format", "yolo")
    assert shown.exit_code == 0, shown.output
    assert "0 labels on 2 pictures" in shown.output


ROWS = 'key,text\nr1,"שלום, the parcel has not come yet 📦"\nr2,"I was charged twice"\nr3,\nr4,"I was charged twice"\n'


@pytest.fixture(scope="module")
def letters_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_text_model(tmp_path_factory.mktemp("text model"))


def table(folder: Path, text: str = ROWS) -> Path:
    path = folder / "letters.csv"
    path.write_text(text)
    return path


def test_texts_of_a_table_have_their_classes_and_rows_that_are_none_are_named(
    letters_model: Path, tmp_path: Path
) -> None:
    typed = ("--detector", str(letters_model), "--score", "0.05", "--id-column", "key", "--json")
    shown = predict(table(tmp_path), tmp_path / "out", *typed)
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert (told["texts"], told["labels"], told["format"]) == (2, 2, "label-studio")
    assert len(told["set_aside"]) == 1
    assert "1 texts are the same as another one, and stand there once" in shown.output
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert {task["data"]["text"] for task in tasks} == {"שלום, the parcel has not come yet 📦", "I was charged twice"}
    assert all(len(task["annotations"][0]["result"]) == 1 for task in tasks)


def test_a_folder_of_texts_and_spans_in_tags(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    wanted = {}
    for seed in range(300, 304):
        text, spans = write_letter(seed)
        (folder / f"{seed}.txt").write_text(text)
        wanted[f"{seed}.txt"] = len(spans)
    typed = ("--detector", str(save_tagger(tmp_path)), "--label-kind", "spans", "--format", "spacy")
    shown = predict(folder, tmp_path / "out", *typed)
    assert shown.exit_code == 0, shown.output
    (file,) = (tmp_path / "out").glob("*.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["meta"]["name"] for row in rows} == set(wanted)
    assert sum(len(row["spans"]) for row in rows) >= 0.5 * sum(wanted.values())


def test_a_model_that_sees_something_else_and_files_that_hold_no_texts_are_refused(
    letters_model: Path, lots: Path, tmp_path: Path
) -> None:
    def told(*typed: str) -> str:
        shown = predict(*typed[:1], tmp_path / "out", *typed[1:])  # type: ignore[arg-type]
        assert shown.exit_code != 0 and not (tmp_path / "out").exists()
        return shown.output

    rows = str(table(tmp_path))
    assert "looks at pictures, and these are texts" in told(rows, "--detector", str(STARTER), "--label-kind", "boxes")
    of_texts = ("--detector", str(letters_model))
    assert "looks at texts, and these are pictures" in told(str(lots), *of_texts, "--label-kind", "classes")
    assert "no column 'body'" in told(rows, *of_texts, "--text-column", "body")
    assert "yolo cannot hold classes" in told(rows, *of_texts, "--format", "yolo")
    (tmp_path / "letters.pdf").write_bytes(b"%PDF-1.4")
    assert "is no file of texts that is read" in told(
        str(tmp_path / "letters.pdf"), *of_texts, "--label-kind", "classes"
    )
    (tmp_path / "empty.csv").write_text("text\n")
    assert "holds no texts" in told(str(tmp_path / "empty.csv"), *of_texts)


def test_the_models_ending_tells_the_kind_and_a_single_picture_is_refused(
    lots: Path, letters_model: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.txt").write_text("I was charged twice")
    for place, model in ((notes, letters_model), (table(tmp_path), save_tagger(tmp_path))):
        shown = predict(place, tmp_path / f"out {model.suffix}", "--detector", str(model))
        assert shown.exit_code == 0, shown.output
    shown = predict(lots / "a.png", tmp_path / "out", "--detector", str(STARTER))
    assert shown.exit_code != 0
    assert "a.png is one picture: name the folder that it is in" in shown.output


def test_several_classes_are_written_from_where_their_model_gives_them() -> None:
    assert {kind: usual_score(kind) for kind in ("multilabel", "classes", "boxes", "spans")} == {
        "multilabel": 0.5,
        "classes": 0.25,
        "boxes": 0.25,
        "spans": 0.25,
    }
