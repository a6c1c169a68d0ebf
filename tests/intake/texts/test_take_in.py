"""Whatever texts are offered, each ends as one source row with its reason, and none stops the others."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.errors import BadInput, BadOption, NoTexts
from blocks.storage.stores import Store
from tasks.intake.batches import open_batch
from tasks.intake.folders import find_images, take_in
from tasks.intake.reports import IntakeReport
from tasks.intake.sequences import assign_splits
from tasks.intake.texts.columns import TextOptions
from tasks.intake.texts.take_in import TextShard, list_texts, take_in_texts, texts_listed
from tasks.intake.texts.text_items import MOST_BYTES, read_text
from tests.intake.factories import write_images
from tests.intake.looks import adds_up, items, reasons, sources

PLAIN = TextOptions()


def take(
    engine: Engine, store: Store, place: Path, options: TextOptions = PLAIN, pattern: str | None = None
) -> IntakeReport:
    """Take a place in, shard by shard, as the steps do."""
    shards = list_texts(store, place, options, 3)
    each = (take_in_texts(engine, store, "lots", texts_listed(store, one), options, pattern) for one in shards)
    return sum(each, IntakeReport())


def test_rows_of_a_table_become_items_that_are_found_by_their_line(folder: Path, engine: Engine, store: Store) -> None:
    path = folder / "reviews.csv"
    path.write_text("text\n" + "".join(f"review {n}\n" for n in range(5)))
    assert take(engine, store, path) == IntakeReport(offered=5, taken=5, changed=5)
    assert take(engine, store, path) == IntakeReport(offered=5, taken=5)
    item = items(engine)["reviews.csv:3"]
    assert (item.length, item.sequence, read_text(store, item.key)) == (8, "reviews.csv:3", "review 1")
    assert sources(engine)["reviews.csv#line=3"].item_id == item.id
    assert open_batch(engine, "b", "lots", 10).size == 5


def test_texts_are_no_sequence_for_being_numbered_unless_a_pattern_says_so(
    folder: Path, engine: Engine, store: Store
) -> None:
    path = folder / "a.csv"
    path.write_text("id,text\n" + "".join(f"book{n // 10}-{n},words {n}\n" for n in range(30)))
    take(engine, store, path, TextOptions(id_column="id"), r"(book\d+)-")
    assert {item.sequence for item in items(engine).values()} == {"book0", "book1", "book2"}
    assert assign_splits(engine, "lots").assigned == 3
    for n in range(3):
        (folder / f"note_{n}.txt").write_text(f"note {n}")
    take(engine, store, folder)
    assert {"note_0.txt", "note_1.txt"} <= {item.sequence for item in items(engine).values()}


def test_a_folder_per_class_is_taken_with_its_subfolders_and_nothing_else(
    folder: Path, engine: Engine, store: Store
) -> None:
    for name, text in {"pos/1.txt": "good", "neg/1.txt": "bad", "neg/2.txt": "good", "readme.md": "x"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / ".hidden.txt").write_text("x")
    report = take(engine, store, folder)
    assert (report.offered, report.taken, report.duplicates) == (3, 2, 1)
    assert adds_up(report)


def test_what_nobody_could_label_is_set_aside_with_its_reason(folder: Path, engine: Engine, store: Store) -> None:
    rows = ["", "  ", "nul\0", "<script>alert(1)</script>", "מימין", "👩‍👩‍👧", "x" * (MOST_BYTES + 1), "fine", "fine"]
    path = folder / "a.csv"
    path.write_text("n,text\n" + "".join(f'{n},"{row}"\n' for n, row in enumerate(rows)))
    (folder / "b").mkdir()
    (folder / "b" / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "b" / "link.txt").symlink_to(path)
    report = take(engine, store, path) + take(engine, store, folder / "b")
    assert (report.taken, report.duplicates, len(report.set_aside)) == (4, 1, 6)
    assert adds_up(report)
    found = reasons(report)
    assert "the text is empty" in found["a.csv#line=2"]
    assert "nothing but blanks" in found["a.csv#line=3"]
    assert "NUL" in found["a.csv#line=4"]
    assert "1,048,577 bytes" in found["a.csv#line=8"]
    assert "line 1 is no utf-8: byte 0xE9" in found["latin.txt"]
    assert "links are not followed" in found["link.txt"]


def test_one_id_is_one_text(folder: Path, engine: Engine, store: Store) -> None:
    path = folder / "a.jsonl"
    path.write_text('{"id": "x/1", "text": "one"}\n{"id": "x/1", "text": "two"}\n')
    report = take(engine, store, path, TextOptions(id_column="id"))
    assert reasons(report) == {"a.jsonl#line=2": "line 2: the id 'x/1' is that of line 1"}
    assert list(items(engine)) == ["x/1"]


def test_a_collection_has_texts_or_pictures_and_not_both(folder: Path, engine: Engine, store: Store) -> None:
    (folder / "a.txt").write_text("words")
    write_images(folder / "pictures", 1)
    take(engine, store, folder)
    with pytest.raises(BadOption, match="'lots' has texts, and these are pictures"):
        take_in(engine, store, "lots", find_images(folder))
    assert take_in(engine, store, "lots", []) == IntakeReport()
    take_in(engine, store, "seen", find_images(folder))
    with pytest.raises(BadOption, match="'seen' has pictures, and these are texts"):
        take_in_texts(engine, store, "seen", [], PLAIN)


def test_a_place_without_texts_is_refused_and_says_what_is_expected(folder: Path, store: Store) -> None:
    with pytest.raises(NoTexts, match="holds no texts"):
        list_texts(store, folder, PLAIN)
    with pytest.raises(BadOption, match="is not there"):
        list_texts(store, folder / "nowhere.csv", PLAIN)
    (folder / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(BadOption, match=r"expected \.csv, \.tsv, \.jsonl"):
        list_texts(store, folder / "a.xlsx", PLAIN)


def test_a_listing_that_names_files_elsewhere_is_refused(folder: Path, tmp_path: Path, store: Store) -> None:
    (folder / "a.txt").write_text("words")
    (shard,) = list_texts(store, folder, PLAIN)
    elsewhere = TextShard(place=str(tmp_path / "other"), listing=shard.listing, texts=1)
    with pytest.raises(BadInput, match="names files outside"):
        texts_listed(store, elsewhere)
