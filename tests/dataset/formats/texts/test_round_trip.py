"""Texts with spans are written and read again to the character, in any script; what cannot be held is told."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Label
from blocks.errors import BadOption
from blocks.shapes import Span, shape_columns
from blocks.storage.stores import FolderStore
from tasks.dataset.formats.csv_table import OF_TEXTS
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.formats.reading.files import DatasetFiles
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.registry import FORMATS
from tasks.dataset.formats.texts.conll import ConllFormat, as_conll
from tasks.dataset.formats.texts.labelled import LabelledText
from tasks.dataset.formats.texts.spacy import SpacyFormat, as_line
from tasks.dataset.take_along import Format, take_along
from tasks.kinds.spans.extents import without_overlaps
from tasks.kinds.spans.scoring import ClassedSpan
from tests.kinds.spans.letters import settle_letters, write_letter

Read = dict[str, tuple[str, set[ClassedSpan], int]]
"""By name the text, its spans, and how many could not be read."""

CLASSES = st.sampled_from(["PER", "per", "creative work", "B-PER", "人", "a:b"])


@st.composite
def labelled(draw: st.DrawFn) -> LabelledText:
    text = draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1, max_size=60))
    text = text if text.strip() else f"{text}x"
    spans = set[ClassedSpan]()
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        marked = text[start:end]
        if marked.strip():
            start, end = start + len(marked) - len(marked.lstrip()), start + len(marked.rstrip())
            spans.add(ClassedSpan(start, end, draw(CLASSES)))
    return LabelledText("a.txt", draw(st.sampled_from(["train", "val", "test"])), text, sorted(spans))


def read(folder: Path, fmt: ConllFormat | SpacyFormat) -> Read:
    reading = Reading(DatasetFiles(folder))
    found: Read = {}
    for one in fmt.read(reading):
        shapes = [(label.shape, label.class_name) for label in one.labels or ()]
        spans = {ClassedSpan(shape.start, shape.end, name) for shape, name in shapes if isinstance(shape, Span)}
        found[one.name] = (one.text or "", spans, one.left_out)
    return found


def flat(spans: list[ClassedSpan]) -> set[ClassedSpan]:
    return {spans[at] for at in without_overlaps([(span.start, span.end) for span in spans])}


@given(labelled())
@example(LabelledText("a.txt", "train", "0000:", [ClassedSpan(0, 3, "PER"), ClassedSpan(2, 5, "PER")]))
def test_conll_keeps_every_character_and_every_flat_span(
    tmp_path_factory: pytest.TempPathFactory, said: LabelledText
) -> None:
    folder = tmp_path_factory.mktemp("conll")
    (folder / f"{said.split}.conll").write_bytes(as_conll(said).encode())
    assert read(folder, ConllFormat()) == {"a.txt": (said.text, flat(said.spans), 0)}


@given(labelled())
def test_lines_of_spacy_keep_every_character_and_every_span(
    tmp_path_factory: pytest.TempPathFactory, said: LabelledText
) -> None:
    folder = tmp_path_factory.mktemp("spacy")
    (folder / "all.jsonl").write_bytes(as_line(said).encode())
    assert read(folder, SpacyFormat()) == {"a.txt": (said.text, set(said.spans), 0)}


SPLITS = {"s0": "train", "s1": "val", "s2": "test"}
OF_SPANS = [name for name, each in FORMATS.items() if "span" in each.shapes]


def test_these_formats_hold_spans() -> None:
    assert set(OF_SPANS) == {"label-studio", "jsonl", "conll", "spacy"}


@pytest.mark.parametrize("fmt", OF_SPANS)
def test_a_collection_of_texts_leaves_and_is_read_again(
    engine: Engine, store: FolderStore, tmp_path: Path, fmt: Format
) -> None:
    settle_letters(engine, store, range(10), SPLITS)
    told: list[str] = []
    result = take_along(engine, store, "letters", tmp_path / "out", fmt, "copy", told.append)
    assert result.pictures == {"train": 4, "val": 3, "test": 3}
    assert not any("share characters" in line for line in told)
    assert not list((tmp_path / "out").rglob("*.txt"))
    with open_dataset(tmp_path / "out", fmt) as dataset:
        found = {one.text: (one.split, {label.shape for label in one.labels or ()}) for one in dataset.pictures()}
        assert not dataset.problems.counts
    assert len(found) == 10
    for seed in range(10):
        text, spans = write_letter(seed)
        assert found[text][0] == list(SPLITS.values())[seed % 3]
        assert found[text][1] == {Span(start=span.start, end=span.end) for span in spans}


def test_a_format_of_pictures_does_not_hold_spans(engine: Engine, store: FolderStore, tmp_path: Path) -> None:
    settle_letters(engine, store, range(5), SPLITS)
    with pytest.raises(BadOption, match="coco cannot hold spans"):
        take_along(engine, store, "letters", tmp_path / "out", "coco", "none")


OTHERS = """-DOCSTART- -X- -X- O

EU NNP B-NP S-ORG
rejects VBZ B-VP O
German JJ B-NP U-MISC
call

Peter NNP B-NP I-PER
Blackburn NNP I-NP L-PER
. . O X-NONSENSE
"""


def test_conll_of_others_is_read_with_a_blank_between_its_tokens(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text(OTHERS)
    found = list(read(tmp_path, ConllFormat()).values())
    assert found[0] == ("EU rejects German call", {ClassedSpan(0, 2, "ORG"), ClassedSpan(11, 17, "MISC")}, 1)
    assert found[1] == ("Peter Blackburn .", {ClassedSpan(0, 15, "PER")}, 1)


def test_tokens_that_are_not_those_of_the_text_are_read_without_it(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text('# text = "Ada went"\nAda\tB-PER\nleft\tO\n')
    assert list(read(tmp_path, ConllFormat()).values()) == [("Ada left", {ClassedSpan(0, 3, "PER")}, 0)]


@pytest.mark.parametrize(
    ("row", "spans", "lost"),
    [
        ({"text": "Ada left", "entities": [[0, 3, "PER"]]}, {ClassedSpan(0, 3, "PER")}, 0),
        ({"text": "Ada left", "label": [[0, 3, "PER"], [4, 99, "PER"]]}, {ClassedSpan(0, 3, "PER")}, 1),
        ({"text": "Ada left", "spans": [{"start": 0, "end": 3}, [0, 3, "P"]]}, {ClassedSpan(0, 3, "P")}, 1),
        ({"text": "Ada left", "spans": [[0, 3, "P"], [3, 3, "P"], ["0", 3, "P"], 7]}, {ClassedSpan(0, 3, "P")}, 3),
        ({"text": "Ada left", "spans": []}, set(), 0),
    ],
)  # fmt: skip
def test_a_span_that_is_none_is_left_out_and_the_good_one_beside_it_is_read(
    tmp_path: Path, row: dict[str, object], spans: set[ClassedSpan], lost: int
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    assert list(read(tmp_path, SpacyFormat()).values()) == [("Ada left", spans, lost)]


BROKEN = [
    '{"text": "',
    "[]",
    '{"text": 7, "spans": []}',
    '{"text": "a"}',
    '{"text": "a\\u0000b", "spans": []}',
    '{"text": " ", "spans": []}',
]


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_and_a_text_that_is_none_are_left_out_and_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(line + '\n{"text": "Ada", "spans": []}\n')
    reading = Reading(DatasetFiles(tmp_path))
    assert [one.text for one in SpacyFormat().read(reading)] == ["Ada"]
    assert sum(reading.problems.counts.values()) == 1


def test_nested_spans_that_conll_cannot_hold_are_told_before_anything_is_written(
    engine: Engine, store: FolderStore, tmp_path: Path
) -> None:
    ids = settle_letters(engine, store, range(5), SPLITS)
    inner = shape_columns(Span(start=3, end=4))
    with writing(engine) as session:
        row = {"id": "nested", "item_id": ids[0], "region": "nested", "revision": 0, "class_name": "LOC"}
        upsert(session, Label, [row | inner | {"origin": "person", "batch_id": "b1"}])
    told: list[str] = []
    take_along(engine, store, "letters", tmp_path / "conll", "conll", "none", told.append)
    share = "1 spans that share characters with a longer one: conll has no room for that"
    assert any(line.startswith(share) and "spacy" in line for line in told)
    of_origin = next(line for line in told if "(origin)" in line)
    assert of_origin.endswith("conll has no room for that (formats that have: label-studio, jsonl)"), of_origin
    take_along(engine, store, "letters", tmp_path / "spacy", "spacy", "none", told.append)
    flat_ones, all_of_them = (
        sum(len(spans) for _, spans, _ in read(tmp_path / name, form).values())
        for name, form in (("conll", ConllFormat()), ("spacy", SpacyFormat()))
    )
    assert all_of_them == flat_ones + 1


@pytest.mark.parametrize(("head", "labels"), [(",".join(OF_TEXTS), ()), ("id,text,class", None)], ids=["ours", "other"])
def test_a_text_without_a_class_has_none_in_our_table_and_is_unlabelled_in_others(
    tmp_path: Path, head: str, labels: tuple[object, ...] | None
) -> None:
    columns = head.split(",")
    row = {"id": "a.txt", "split": "train", "text": "nothing of it"}
    (tmp_path / "labels.csv").write_text(f"{head}\n{','.join(row.get(name, '') for name in columns)}\n")
    with open_dataset(tmp_path, "csv") as dataset:
        (found,) = dataset.pictures()
    assert found.labels == labels
