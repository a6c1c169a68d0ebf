"""Which rows of a list are offered: nothing that stands in it vanishes, and a list of texts is none of addresses."""

from pathlib import Path

import pytest

from blocks.errors import BadOption, UnreadableText
from tasks.intake.sources.protocol import refuse_one_sequence
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
        refuse_one_sequence(one)
    with pytest.raises(BadOption, match="none of the first 1 rows"):
        look_into_urls(listed(tmp_path, "n.txt", "ftp://x/y\n"), UrlOptions())


def test_a_quote_that_is_not_closed_hides_no_row(tmp_path: Path) -> None:
    rows = "".join(f"https://e.org/{n}.jpg,t\n" for n in range(3000))
    path = listed(tmp_path, "l.csv", f'url,title\n{A},"two\nlines"\n{B},"open\n{rows}')
    offered = list(offered_urls(path, UrlOptions()))
    assert [each.url for each in offered if each.fault is None] == [A]
    assert len([each for each in offered if each.fault]) == 3001, "line by line"
    assert "not closed?" in (offered[1].fault or "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.txt", f"{B}\thttps://e.org\n"),
        ("l.txt", "https://a\0b.example/x.jpg\n"),
        ("l.jsonl", '{"url": "https://e.org/\\ud800.jpg"}\n'),
        ("l.jsonl", '{"url": "https://e\\ud800.org/a.jpg"}\n'),
    ],
    ids=["tab", "NUL", "half a sign in a path", "half a sign in a host"],
)
def test_signs_that_no_database_keeps_are_a_fault_of_their_row_alone(tmp_path: Path, name: str, text: str) -> None:
    good = f'"{A}"\n' if name.endswith("jsonl") else f"{A}\n"
    bad, fine = offered_urls(listed(tmp_path, name, text + good), UrlOptions())
    assert fine.url == A and bad.fault and bad.fault.isprintable() and bad.uri.isascii()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("l.jsonl", f'\n{{"text": "a", "url": "{A}"}}\n'.encode()),
        ("l.jsonl", f'{{broken\n{{"text": "a", "url": "{A}"}}\n'.encode()),
        ("l.csv", f"text,url\nhello,{A}\n".encode("utf-16")),
        ("l.txt", A.encode("utf-16")[:-1]),
        ("l.csv", b"x" * 200_000 + b",url\n"),
    ],
    ids=["blank first line", "broken first line", "texts in UTF-16", "half a sign", "an endless name"],
)
def test_files_that_are_no_list_are_told_apart_whatever_is_in_them(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert not is_url_list(tmp_path / name)


def test_a_list_in_utf_16_is_read_and_a_torn_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "l.txt"
    path.write_bytes(f"{A}\n{B}\n".encode("utf-16"))
    assert is_url_list(path) and len(list(rows_of_list(path, UrlOptions()))) == 2
    path.write_bytes(f"{A}\n{B}".encode("utf-16")[:-1])
    with pytest.raises(UnreadableText, match="save it as UTF-8"):
        list(rows_of_list(path, UrlOptions()))


def test_what_may_be_a_key_is_hidden_and_what_is_long_is_cut(tmp_path: Path) -> None:
    shown = address_shown(A + "?key=S1&password=S2&Policy=S3&a=1;token=S4&api-key=S5&w=200")
    assert not any(f"S{n}" in shown for n in range(1, 6)) and shown.endswith("&w=200")
    long = [address_shown(f"{A}?x={'y' * 3000}{n}") for n in range(2)]
    assert max(map(len, long)) <= 1000 and long[0] != long[1]


def test_pictures_that_differ_in_their_query_can_be_told_apart(tmp_path: Path) -> None:
    path = listed(tmp_path, "l.txt", "https://e.org/image.php?id=1\nhttps://e.org/image.php?id=2\n")
    assert len(look_into_urls(path, UrlOptions(), "(.+)").sequences) == 2
