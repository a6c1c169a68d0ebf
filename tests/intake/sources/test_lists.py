"""Which rows of a list are offered: nothing that stands in it vanishes, and a list of texts is none of addresses."""

from pathlib import Path

import pytest

from blocks.errors import BadOption
from tasks.intake.sources.urls.addresses import address_shown, path_of, plain_address
from tasks.intake.sources.urls.lists import is_url_list, rows_of_list
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.sources.urls.preview import look_into_urls
from tasks.intake.sources.urls.shards import offered_urls

A, B = "https://example.org/a.jpg", "https://example.org/b.jpg"


def listed(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.txt", f"# pictures\n{A}\n\n{B}"),
        ("l.csv", f"url,license\n{A},CC0\n{B},\n"),
        ("l.csv", f"\ufeffid;image_url\n1;{A}\n2;{B}\n"),
        ("l.tsv", f"{A}\tcat\n{B}\tdog\n"),
        ("l.jsonl", f'{{"url": "{A}"}}\n{{"url": "{B}"}}\n'),
        ("l.ndjson", f'"{A}"\n"{B}"\n'),
    ],
    ids=["text", "csv", "csv with a mark", "tsv without names", "json", "json texts"],
)
def test_lists_of_all_forms_are_read(tmp_path: Path, name: str, text: str) -> None:
    path = listed(tmp_path, name, text)
    assert is_url_list(path)
    assert [row.url for row in rows_of_list(path, UrlOptions())] == [A, B]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.txt", "See https://example.org for more.\n"),
        ("l.csv", f"text,url\nhello,{A}\n"),
        ("l.csv", "image,label\na.jpg,cat\n"),
        ("l.jsonl", '{"text": "hello"}\n'),
        ("l.jpg", A),
        ("l.txt", ""),
    ],
    ids=["prose", "texts with their addresses", "file names", "json texts", "no list by its name", "empty"],
)
def test_what_is_no_list_of_addresses_is_not_taken_for_one(tmp_path: Path, name: str, text: str) -> None:
    assert not is_url_list(listed(tmp_path, name, text))


def test_who_made_a_picture_is_read_where_the_list_says(tmp_path: Path) -> None:
    path = listed(tmp_path, "l.csv", f"url,license,creator,title\n{A},CC BY 4.0,Ann\tLee,A  cat\n{B},,,\n")
    rows = list(rows_of_list(path, UrlOptions()))
    assert rows[0].credits == {"licence": "CC BY 4.0", "author": "Ann Lee", "title": "A cat"}
    assert rows[1].credits == {}
    named = list(rows_of_list(path, UrlOptions(author_column="title")))
    assert named[0].credits["author"] == "A cat"


def test_every_row_is_offered_once_good_doubled_or_at_fault(tmp_path: Path) -> None:
    rows = [A, A + "#part", "not an address", "ftp://example.org/a.jpg", "", "https://u:secret@example.org/c.jpg", B]
    path = listed(tmp_path, "l.csv", "n,url\n" + "".join(f"{n},{url}\n" for n, url in enumerate(rows)))
    offered = list(offered_urls(path, UrlOptions()))
    assert len(offered) == len(rows) == len({each.uri for each in offered})
    assert [each.url for each in offered if each.fault is None] == [A, B]
    assert [each.fault for each in offered if each.is_double] == ["the same address as in line 2"]
    faults = [each.fault or "" for each in offered if each.fault and not each.is_double]
    assert [fault.partition(":")[0] for fault in faults] == ["line 4", "line 5", "line 6", "line 7"]
    assert not any("secret" in repr(each) for each in offered)


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = listed(tmp_path, "l.csv", f"photo,size\n{A},3\n")
    with pytest.raises(BadOption, match="the columns photo, size: say which one has the addresses"):
        list(rows_of_list(path, UrlOptions()))
    with pytest.raises(BadOption, match="no column 'foto'"):
        list(rows_of_list(path, UrlOptions(column="foto")))
    assert [row.url for row in rows_of_list(path, UrlOptions(column="photo"))] == [A]


def test_addresses_are_made_plain_and_shown_without_keys() -> None:
    assert plain_address(" HTTPS://ex\u00e4mple.org/\u00e4 b.jpg?q=\u00fc#x ") == (
        "https://xn--exmple-cua.org/%C3%A4%20b.jpg?q=%C3%BC"
    )
    shown = address_shown("https://example.org/a.jpg?size=1&X-Amz-Signature=abc&token=def")
    assert "abc" not in shown and "def" not in shown and shown.startswith("https://example.org/a.jpg?size=1&")
    assert address_shown(A + "?token=1") != address_shown(A + "?token=2"), "two pictures stay two"
    assert address_shown(A + "?b=%C3%A4") == A + "?b=%C3%A4"
    assert path_of("https://example.org/x/../%C3%A4.jpg").as_posix() == "example.org/x/\u00e4.jpg"


def test_a_look_says_what_is_there_before_anything_is_fetched(tmp_path: Path) -> None:
    path = listed(tmp_path, "l.txt", f"{A}\n{B}\n{A}\nftp://x/y\nhttps://other.org/z.jpg\n")
    told = look_into_urls(path, UrlOptions(), "(.+)").about_sequences()
    assert told.startswith("5 addresses at example.org (2), other.org (1), in 3 sequences; 1 are named twice; 1 cannot")
    one = look_into_urls(listed(tmp_path, "m.txt", "https://e.org/1.jpg\nhttps://e.org/2.jpg\n"), UrlOptions())
    with pytest.raises(BadOption, match="add --sequences"):
        one.refuse_one_sequence()
    with pytest.raises(BadOption, match="none of the first 1 rows"):
        look_into_urls(listed(tmp_path, "n.txt", "ftp://x/y\n"), UrlOptions())
