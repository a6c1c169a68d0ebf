"""`POST /score` for champions of texts: classes and spans; what is too much, and what is no text, is told."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.detect.scoring.models import save_tagger, save_text_model
from tests.infra.score.conftest import Connect, World
from tests.kinds.spans.letters import write_letter


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tagger(tmp_path_factory.mktemp("tagger"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_text_model(tmp_path_factory.mktemp("classifier"))


def send(client: httpx.Client, *texts: str, **more: Any) -> httpx.Response:
    return client.post("/score", json={"type": "text", "texts": texts}, **more)


def test_texts_get_a_score_for_each_class(connect: Connect, bare: World, classifier: Path) -> None:
    version = bare.crown("mail", classifier)
    answer = send(connect(bare), "Where is my parcel?", "שלום").json()
    assert len(answer["labels"]) == 4
    assert [len(row) for row in answer["scores"]] == [4, 4]
    assert all(0 <= chance <= 1 for row in answer["scores"] for chance in row)
    assert answer["errors"] == [None, None]
    assert answer["model"] == {"collection": "mail", "number": "1", "version": version}


def test_a_tagger_answers_with_spans(connect: Connect, bare: World, tagger: Path) -> None:
    bare.crown("letters", tagger, kind="spans")
    text, spans = write_letter(200)
    answer = send(connect(bare), text, "nothing of note today").json()
    assert answer["labels"] == ["LOC", "PER"]
    assert [(one["start"], one["end"], one["label"]) for one in answer["spans"][0]] == [tuple(one) for one in spans]
    assert all(0.25 <= one["score"] <= 1 and one["text"] in text for one in answer["spans"][0])
    assert answer["spans"][1] == []
    assert "scores" not in answer


def test_what_is_no_text_has_its_reason_and_the_others_their_spans(connect: Connect, bare: World, tagger: Path) -> None:
    bare.crown("letters", tagger, kind="spans")
    text = write_letter(200)[0]
    given = [text, "", "a\0b", "x" * 1_000_000, "<img src=x onerror=alert(1)>", "👍🏽", text]
    answer = send(connect(bare), *given).json()
    assert [row is None for row in answer["spans"]] == [False, True, True, True, False, False, False]
    assert answer["spans"][0] == answer["spans"][-1]
    told = answer["errors"]
    assert "it is empty" in told[1]
    assert "NUL character" in told[2]
    assert "1,000,000 characters: expected at most 100,000" in told[3]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["a"] * 10_000, "10,000 items in one request: expected at most 64"),
        (["a" * 100_000] * 11, "1,100,000 characters in the texts of one request: expected at most 1,000,000"),
    ],
    ids=["too many texts", "too much text"],
)
def test_too_much_at_once_is_refused_and_the_next_is_served(
    connect: Connect, bare: World, classifier: Path, texts: list[str], told: str
) -> None:
    bare.crown("mail", classifier)
    client = connect(bare)
    answer = send(client, *texts)
    assert (answer.status_code, told in answer.json()["detail"]) == (413, True), answer.text[:200]
    assert send(client, "Where is my parcel?").status_code == 200


def test_half_a_character_is_no_json_and_is_told(connect: Connect, bare: World, classifier: Path) -> None:
    bare.crown("mail", classifier)
    body = b'{"type": "text", "texts": ["\\ud83d"]}'
    answer = connect(bare).post("/score", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "the body" in answer.json()["detail"]


def test_pictures_for_a_tagger_are_refused(connect: Connect, bare: World, tagger: Path) -> None:
    bare.crown("letters", tagger, kind="spans")
    answer = connect(bare).post("/score", files=[("files", ("a.png", b"x"))])
    assert answer.status_code == 422
    assert "scores text, and was given images" in answer.json()["detail"]
