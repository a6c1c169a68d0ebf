"""Texts with classes or spans come in, as truth or as proposals; nothing that people bring is lost without a word."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item, Label, Proposal, SequenceSplit
from blocks.errors import BadInput, BadOption, BadTruth
from blocks.storage.stores import Store
from tasks.dataset.imports import report as told
from tasks.dataset.imports.report import ImportReport
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import propose
from tasks.detect.proposers.imported import find_imported
from tasks.intake.batches import items_of, open_batch
from tasks.intake.label_kinds import noted_kind
from tasks.intake.texts.columns import TextOptions
from tasks.intake.texts.media import medium_of_collection
from tasks.intake.texts.take_in import OfferedText, take_in_texts
from tasks.intake.texts.text_items import read_text
from tasks.settle.in_force import labels_in_force
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.dataset.imports.world import COLLECTION, bring, draw, labels, write, yolo

CONLL = "EU\tB-ORG\nrejects\tO\nGerman\tB-MISC\ncall\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n"
TASKS: list[dict[str, Any]] = [
    {"data": {"text": "🦜 Ada left"}, "annotations": [{"result": [
        {"type": "labels", "value": {"start": 2, "end": 5, "text": "Ada", "labels": ["PER"]}}]}]},
    {"data": {"text": "🦜 Bob left"}, "annotations": [{"result": [
        {"type": "labels", "value": {"start": 3, "end": 6, "text": "Bob", "labels": ["PER"]}}]}]},
    {"data": {"text": "nobody was here"}, "annotations": [{"result": []}]},
    {"data": {"text": "nobody was asked"}, "annotations": []},
]  # fmt: skip
"""Of Label Studio, the second one of a version that counted UTF-16."""


def found(engine: Engine, store: Store, collection: str = COLLECTION) -> dict[str, set[tuple[str, str]]]:
    """The labels in force of each text: class, and what stands there."""
    with reading(engine) as session:
        texts = {item.id: read_text(store, item.key) for item in session.exec(select(Item))}
    by_item = labels_in_force(engine, list(texts), collection)
    return {texts[id_]: {(row.class_name, _marked(texts[id_], row)) for row in rows} for id_, rows in by_item.items()}


def _marked(text: str, row: Label) -> str:
    return text[row.shape["start"] : row.shape["end"]] if row.shape and "start" in row.shape else ""


def test_tags_come_in_as_spans_that_are_settled(engine: Engine, store: Store, tmp_path: Path) -> None:
    report = bring(engine, store, write(tmp_path / "set" / "train.conll", CONLL))
    assert found(engine, store) == {
        "EU rejects German call": {("ORG", "EU"), ("MISC", "German")},
        "Peter Blackburn": {("PER", "Peter Blackburn")},
    }
    kind = noted_kind(engine, COLLECTION)
    assert kind is not None and kind.name == "spans"
    assert medium_of_collection(engine, COLLECTION) == "texts"
    assert (report.medium, report.read["texts"], report.counts.pictures) == ("texts", 2, {told.SETTLED: 2})
    lines = " ".join([*report.told(), *report.next_steps("labelline")])
    assert "3 labels on 2 texts were read" in lines
    assert "--format label-studio" in lines
    assert "picture" not in lines


def test_the_same_again_changes_nothing_and_another_class_is_added(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    bring(engine, store, write(tmp_path / "set" / "train.conll", CONLL))
    before = labels(engine)
    again = bring(engine, store, tmp_path / "set" / "train.conll")
    assert labels(engine) == before
    assert again.counts.labels == {told.SAME: 3}
    other = bring(
        engine, store, write(tmp_path / "more.jsonl", '{"text": "Peter Blackburn", "spans": [[6, 15, "LAST"]]}')
    )
    assert other.counts.labels == {told.NEW: 1}, "it speaks of its own classes and takes no other back"
    assert found(engine, store)["Peter Blackburn"] == {("PER", "Peter Blackburn"), ("LAST", "Blackburn")}


def test_tasks_of_label_studio_bring_spans_whichever_way_they_count(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    report = bring(engine, store, write(tmp_path / "tasks.json", json.dumps(TASKS)))
    assert found(engine, store) == {
        "🦜 Ada left": {("PER", "Ada")},
        "🦜 Bob left": {("PER", "Bob")},
        "nobody was here": set(),
        "nobody was asked": set(),
    }
    assert report.counts.pictures == {told.SETTLED: 3, told.TO_LABEL: 1}
    assert open_batch(engine, "next", COLLECTION, 10).size == 1, (
        "the line asks about the text that nobody was asked about"
    )


def test_a_region_that_says_something_else_than_stands_there_is_left_out(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    wrong = {"id": "r", "type": "labels", "value": {"start": 0, "end": 3, "text": "Bob", "labels": ["PER"]}}
    right = {"id": "s", "type": "labels", "value": {"start": 4, "end": 8, "text": "left", "labels": ["VERB"]}}
    task = {"data": {"text": "Ada left"}, "annotations": [{"result": [wrong, right]}]}
    report = bring(engine, store, write(tmp_path / "tasks.json", json.dumps([task])))
    assert found(engine, store) == {"Ada left": {("VERB", "left")}}
    assert "says that it is 'Bob', and at its place stands 'Ada'" in report.counts.first_problems[0]


CLASSES = {
    "reviews.csv": "review,sentiment\nGreat!,pos\n\"Bad,\nvery\",neg\n",
    "reviews.tsv": "sentiment\treview\npos\tGreat!\nneg\tBad,\\nvery\n",
    "semi.csv": "text;label\nGreat!;pos\nBad;neg\n",
    "lines.jsonl": '{"text": "Great!", "label": "pos"}\n{"text": "Bad", "label": "neg"}\n',
    "numbers.jsonl": '{"text": "Great!", "label": 1}\n{"text": "Bad", "label": 0}\n',
    "tasks.json": json.dumps([{"data": {"review": text}, "annotations": [{"result": [
        {"type": "choices", "value": {"choices": [name]}}]}]} for text, name in (("Great!", "pos"), ("Bad", "neg"))]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_class_for_each_text_comes_in(engine: Engine, store: Store, tmp_path: Path, name: str) -> None:
    report = bring(engine, store, write(tmp_path / name, CLASSES[name]))
    said = found(engine, store)
    assert len(said) == 2
    assert all(len(classes) == 1 for classes in said.values())
    assert said["Great!"] <= {("pos", ""), ("1", "")}
    assert (report.kind, report.problems) == ("classes", 0)


def test_folders_of_text_files_are_classes(engine: Engine, store: Store, tmp_path: Path) -> None:
    for split, name, text in (("train", "pos", "Great!"), ("train", "neg", "Bad"), ("test", "pos", "Fine")):
        write(tmp_path / "set" / split / name / f"{text[0]}.txt", text)
    write(tmp_path / "set" / "train" / "neg" / "latin.txt", "x").write_bytes("größe".encode("cp1252"))
    report = bring(engine, store, tmp_path / "set", format="folders")
    assert found(engine, store) == {"Great!": {("pos", "")}, "Bad": {("neg", "")}, "Fine": {("pos", "")}}
    assert "is no utf-8: byte 0xF6" in report.counts.first_problems[0]
    with reading(engine) as session:
        assert sorted(session.exec(select(SequenceSplit.split)).all()) == ["test", "train", "train"]
    with pytest.raises(BadInput, match="--format folders"):
        bring(engine, store, tmp_path / "set", collection="other")


def test_columns_are_named_where_they_cannot_be_found(engine: Engine, store: Store, tmp_path: Path) -> None:
    table = write(tmp_path / "news.csv", '3,"Pension talks","Unions are disappointed"\n4,"Race","Teams set dates"\n')
    with pytest.raises(BadTruth, match="table with columns for texts and classes"):
        bring(engine, store, table)
    bring(engine, store, table, texts=TextOptions(class_column="1", column="3"))
    assert found(engine, store) == {"Unions are disappointed": {("3", "")}, "Teams set dates": {("4", "")}}
    headed = write(tmp_path / "headed.csv", "headline,section\nTalks,World\n")
    with pytest.raises(BadOption, match="say which one has the class"):
        bring(engine, store, headed, texts=TextOptions(column="headline"))


SPANS: dict[str, tuple[Any, set[tuple[str, str]], str]] = {
    "beyond the text": ([[0, 3, "PER"], [4, 99, "PER"]], {("PER", "Ada")}, "is not in a text of 8 characters"),
    "before the text": ([[-1, 3, "PER"], [4, 8, "VERB"]], {("VERB", "left")}, "expected 0 ≤ start < end"),
    "empty": ([[3, 3, "PER"], [4, 8, "VERB"]], {("VERB", "left")}, "expected 0 ≤ start < end"),
    "blanks": ([[3, 4, "PER"], [4, 8, "VERB"]], {("VERB", "left")}, "nothing but blanks"),
    "blanks at the ends": ([[0, 4, "PER"]], {("PER", "Ada")}, "are no part of it"),
    "nested": ([[0, 8, "S"], [0, 3, "PER"]], {("S", "Ada left"), ("PER", "Ada")}, ""),
    "overlapping": ([[0, 5, "S"], [2, 8, "T"]], {("S", "Ada l"), ("T", "a left")}, ""),
    "of two classes": ([[0, 3, "PER"], [0, 3, "ORG"]], {("PER", "Ada"), ("ORG", "Ada")}, ""),
    "said twice": ([[0, 3, "PER"], [0, 3, "PER"]], {("PER", "Ada")}, "the same PER as"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(SPANS))
def test_odd_spans_are_told_and_void_no_other(engine: Engine, store: Store, tmp_path: Path, case: str) -> None:
    spans, expected, why = SPANS[case]
    report = bring(engine, store, write(tmp_path / "a.jsonl", json.dumps({"text": "Ada left", "spans": spans})))
    assert found(engine, store) == {"Ada left": expected}
    assert report.problems == bool(why)
    assert why in " ".join(report.counts.first_problems)


TEXTS = {
    "empty": ("", "the text is empty"),
    "blank": (" \n\t", "nothing but blanks"),
    "NUL": ("a\0b", "NUL character in line 1"),
    "too long": ("ab" * 600_000, "1,200,000 bytes, and 1,048,576 are taken at most"),
    "half a character": ("\ud83d", "half of a character"),
}


@pytest.mark.parametrize("case", sorted(TEXTS))
def test_what_no_text_can_be_is_told_and_voids_no_other(
    engine: Engine, store: Store, tmp_path: Path, case: str
) -> None:
    text, why = TEXTS[case]
    good = ["a" * 2**20, "<img src=x onerror=alert(1)>", "שלום עולם", "👩‍👩‍👧 hi"]
    rows = [{"text": each, "spans": [[0, 1, "X"]]} for each in (text, *good)]
    report = bring(engine, store, write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert found(engine, store) == {each: {("X", each[0])} for each in good}
    assert report.problems == 1
    assert why in report.counts.first_problems[0]


def test_carriage_returns_move_no_span(engine: Engine, store: Store, tmp_path: Path) -> None:
    text = "one\r\ntwo\r\nAda\rleft"
    start = text.index("Ada")
    row = {"text": text, "spans": [[start, start + 3, "PER"], [0, 3, "N"]]}
    bring(engine, store, write(tmp_path / "a.jsonl", json.dumps(row)))
    assert found(engine, store) == {"one\ntwo\nAda\nleft": {("PER", "Ada"), ("N", "one")}}


def test_two_texts_of_one_name_keep_their_own_labels(engine: Engine, store: Store, tmp_path: Path) -> None:
    rows = [
        {"text": "Ada left", "spans": [[0, 3, "PER"]], "meta": {"name": "a"}},
        {"text": "Bob stayed", "spans": [[4, 10, "VERB"]], "meta": {"name": "a"}},
    ]
    report = bring(engine, store, write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert found(engine, store) == {"Ada left": {("PER", "Ada")}, "Bob stayed": {("VERB", "stayed")}}
    assert "another text is called 'a', too" in report.counts.first_problems[0]


def test_of_one_text_with_two_classes_the_first_stands_and_it_is_told(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    report = bring(engine, store, write(tmp_path / "a.csv", "text,class\nok,pos\nok,neg\nfine,\n"))
    assert found(engine, store) == {"ok": {("pos", "")}, "fine": set()}
    assert report.counts.pictures == {told.SETTLED: 1, told.TO_LABEL: 1}
    told_of = "has 2 classes (neg, pos), and an item of `classes` has one: the first stands"
    assert any(told_of in problem for problem in report.counts.first_problems)


def test_texts_that_were_taken_in_before_are_found_by_what_they_say(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    take_in_texts(
        engine, store, COLLECTION, [OfferedText("file:///x#1", "x", "x", "EU rejects German call")], TextOptions()
    )
    bring(engine, store, write(tmp_path / "train.conll", CONLL))
    with reading(engine) as session:
        assert len(session.exec(select(Item)).all()) == 2


def proposals(engine: Engine, store: Store, path: Path, name: str) -> ImportReport:
    report = bring(engine, store, path, "proposals")
    with reading(engine) as session:
        assert not session.exec(select(Label)).all()
        assert {row.score for row in session.exec(select(Proposal))} == {0.5}
    return report


@pytest.mark.parametrize(
    ("name", "content", "classes"),
    [("a.conll", CONLL, ("PER", "ORG", "MISC")), ("a.csv", "text,class\nGreat!,pos\nBad,neg\n", ("pos", "neg"))],
    ids=["spans", "classes"],
)
def test_proposals_stand_in_a_models_place_and_people_are_asked(
    engine: Engine, store: Store, tmp_path: Path, name: str, content: str, classes: tuple[str, ...]
) -> None:
    report = proposals(engine, store, write(tmp_path / name, content), name)
    assert f"label lot --label-kind {report.kind} --classes" in report.next_steps("labelline")[0]
    ref = find_imported(engine, COLLECTION, f"import:{name}")
    assert ref is not None
    batch, tiling = open_batch(engine, "b1", COLLECTION, 10), TilingOptions()
    counts = propose(engine, store, items_of(engine, batch.id), ref, classes, tiling, report.kind)
    assert (counts.items, counts.proposals) == (2, 3 if report.kind == "spans" else 2)
    decided = decide(engine, batch.id, TriageOptions(), ref.version, tiling.recipe(classes), classes=classes)
    assert decided.boxes_by_outcome["accept"] == 0


def test_texts_and_pictures_are_never_mixed(engine: Engine, store: Store, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a.png")
    bring(engine, store, yolo(tmp_path / "set", {"a.png": [("car", (10, 10, 30, 20))]}))
    with pytest.raises(BadOption, match="has pictures, and these are texts"):
        bring(engine, store, write(tmp_path / "train.conll", CONLL))


def test_spans_do_not_come_into_a_collection_of_classes(engine: Engine, store: Store, tmp_path: Path) -> None:
    bring(engine, store, write(tmp_path / "a.csv", "text,class\nGreat!,pos\n"))
    with pytest.raises(BadOption, match="labels are of type span, and collection 'lot' is labelled with classes"):
        bring(engine, store, write(tmp_path / "train.conll", CONLL))


def classes_of(engine: Engine, store: Store) -> dict[str, set[str]]:
    return {text: {name for name, _ in some} for text, some in found(engine, store).items()}


SEVERAL = {"rain at night": {"wet", "night"}, "sun": set[str](), "fog": {"wet"}}


def test_several_classes_come_in_by_rows_of_one_id_or_by_lists(engine: Engine, store: Store, tmp_path: Path) -> None:
    rows = 'id,text,class\n1,rain at night,wet\n1,rain at night,night\n2,"fog",wet\n3,a gap,\n'
    report = bring(engine, store, write(tmp_path / "set" / "a.csv", rows), label_kind="multilabel")
    assert classes_of(engine, store) == {"rain at night": {"wet", "night"}, "fog": {"wet"}, "a gap": set()}
    assert report.counts.pictures[told.SETTLED] == 2
    lines = [{"text": text, "label": sorted(names)} for text, names in SEVERAL.items()]
    lines[0]["label"] = ["night"]
    bring(engine, store, write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, lines))), label_kind="multilabel")
    assert classes_of(engine, store) == {"a gap": set(), "rain at night": {"night"}, "fog": {"wet"}, "sun": set()}
    kind = noted_kind(engine, COLLECTION)
    assert kind is not None and kind.name == "multilabel"


def test_several_classes_are_none_where_an_item_has_one(engine: Engine, store: Store, tmp_path: Path) -> None:
    lines = [{"text": "rain at night", "label": ["wet", "night"]}, {"text": "fog", "label": ["wet"]}]
    report = bring(engine, store, write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, lines))))
    assert classes_of(engine, store) == {"rain at night": {"wet"}, "fog": {"wet"}}
    assert report.problems == 1 and any("2 classes (night, wet)" in one for one in report.counts.first_problems)


@pytest.mark.parametrize("label", [[["wet"]], [{"a": 1}], [True], {"wet": 1}], ids=["nested", "table", "truth", "map"])
def test_what_is_no_list_of_names_is_left_out(engine: Engine, store: Store, tmp_path: Path, label: Any) -> None:
    lines = [{"text": "fog", "label": ["wet"]}, {"text": "rain", "label": label}]
    bring(engine, store, write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, lines))), label_kind="multilabel")
    assert classes_of(engine, store) == {"fog": {"wet"}}
