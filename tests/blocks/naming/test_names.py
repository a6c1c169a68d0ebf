"""Names are data: what people type is taken or refused in words, and no two names share a key."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_experiment_name, _validate_model_name
from prefect.events.schemas.events import Resource
from prefect.types.names import ArtifactKey
from pydantic import TypeAdapter

from blocks.naming.artifacts import artifact_key
from blocks.naming.names import (
    ClassNames,
    CollectionName,
    check_class,
    check_classes,
    check_collection,
    check_folder,
    object_key_part,
)
from blocks.storage.stores import check_key
from tasks.review.posting.projects import TITLE_CHARACTERS, project_title
from tasks.train.registry import registry_name

USED = [
    *("Photos (1)", "Photos [2]", "Bob's pictures", 'the "good" ones', "100 % sure", "a,b;c", "R&D", "März", "停車場"),
    *(
        "🚗 cars",
        "👨‍👩‍👧 family",
        "مواقف",
        "Lot 7",
        "lot-7",
        "lot_7",
        "LOT-7",
        "2025-11-28",
        "a" * 100,
        "50 $",
        "x = y",
        "#7",
    ),
    *("2025-inspection-north-plant-line-07-camera-12-photos", "2026-inspection-north-plant-line-07-camera-12-photos"),
]


def is_taken(name: str) -> bool:
    try:
        return check_collection(name) == name
    except ValueError:
        return False


collections = (
    st.text(st.sampled_from("aAbB01-_.~ é車'(%"), min_size=1, max_size=12)
    | st.text(min_size=1, max_size=100)
    | st.builds("{}{}{}".format, st.sampled_from(["", "a", "b"]), st.just("x" * 60), st.sampled_from(["", "c", "d"]))
).filter(is_taken)

KEYS: dict[str, Callable[[str], str]] = {
    "artifact": lambda name: artifact_key("labels", name),
    "project": lambda name: project_title("mark-missed~referee1", name),
    "detector": registry_name,
    "object": object_key_part,
}


@pytest.mark.parametrize("name", USED)
def test_a_name_that_people_use_is_taken_as_it_is(name: str) -> None:
    assert check_collection(name) == name
    assert check_class(name) == name


@pytest.mark.parametrize("kind", KEYS)
@given(names=st.lists(collections, unique=True, max_size=20))
@example(names=USED)
def test_two_names_never_share_a_key(kind: str, names: list[str]) -> None:
    assert len({KEYS[kind](name) for name in names}) == len(names)


@pytest.mark.parametrize("kind", KEYS)
@given(name=collections)
def test_a_key_is_nobody_elses_name(kind: str, name: str) -> None:
    key = KEYS[kind](name).removeprefix("labels-").removesuffix(": mark-missed~referee1")
    if key != name and is_taken(key) and kind != "detector":  # detectors keep the names that earlier homes gave them
        assert KEYS[kind](key) != KEYS[kind](name)


@given(name=collections)
def test_every_key_is_one_that_its_server_takes(name: str) -> None:
    batch = f"{name}-0a1b2c3d"
    assert TypeAdapter(ArtifactKey).validate_python(artifact_key("labels", batch))
    assert len(artifact_key("labels", batch)) <= 160
    _validate_model_name(registry_name(name))
    _validate_experiment_name(registry_name(name))
    for queue in ("name-kind", "confirm-page~referee12"):
        title = project_title(queue, name)
        assert title == title.strip()
        assert 3 <= len(title) <= TITLE_CHARACTERS
    assert Resource({"prefect.resource.id": f"labelline.collection.{name}"}).id.endswith(name)
    check_key(f"heat/{object_key_part(batch)}/1.jpg")


def test_keys_of_plain_names_are_the_names_themselves() -> None:
    assert artifact_key("triage", "lots-0a1b2c3d") == "triage-lots-0a1b2c3d"
    assert project_title("name-kind", "lot") == "lot: name-kind"
    assert object_key_part("Lot 7") == "Lot 7"


def test_a_key_can_be_read_where_the_name_was_changed_or_cut() -> None:
    assert re.fullmatch(r"triage-lot-7-marz--[0-9a-f]{8}", artifact_key("triage", "Lot_7 / März!"))
    assert re.fullmatch(r"triage-name--[0-9a-f]{8}", artifact_key("triage", "停車場"))
    title = project_title("mark-missed", USED[-1])
    assert re.fullmatch(r"2026-inspectio…era-12-photos~[0-9a-f]{8}: mark-missed", title)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "without a name: give it one"),
        ("  ", "without a name"),
        ("<script>", "has < and > in its name"),
        ("a/b", "has / in its name"),
        ("a\\b", "in its name"),
        ("x" * 500, "a name of 500 characters: at most 100"),
        ("a\nb", "cannot be seen in its name (U+000A)"),
        ("a\x00b", "U+0000"),
        ("a\u202eb", "U+202E"),
        (".hidden", "begins with '.'"),
        ("--name", "begins with '-'"),
    ],
)
def test_what_is_no_name_of_a_collection_is_refused_in_words(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        check_collection(name)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("car", "car"), "the class 'car' is named twice"),
        (("Car", "bus", "car"), "'Car' and 'car' differ by capitals only"),
        (("STRASSE", "straße"), "differ by capitals only"),
        (("traffic light", "traffic  light"), "differ by blanks or signs that nobody sees only"),
        (("car", "ca\u200dr"), "differ by blanks or signs that nobody sees only"),
        (("car", ""), "a class without a name"),
        (("\u200c",), "a class without a name"),
        (("car\tx",), "U+0009"),
        (("x" * 300,), "300 characters: at most 200"),
        (("$image",), "a dollar sign before a letter"),
    ],
)
def test_what_are_no_names_of_classes_is_refused_in_words(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        TypeAdapter(ClassNames).validate_python(names)


def test_classes_come_back_in_their_order() -> None:
    assert check_classes(("truck", "car")) == ("truck", "car")


def test_one_name_has_one_form() -> None:
    decomposed = "Gro\u0308\u00dfe "
    assert TypeAdapter(CollectionName).validate_python(decomposed) == "Gr\u00f6\u00dfe"


@pytest.mark.parametrize("folder", ["", "  ", "/", "/tmp/..", "a\x00b", "a\nb"])
def test_what_is_no_folder_of_pictures_is_refused(folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path / ".labelline"))
    with pytest.raises(ValueError, match="the folder"):
        check_folder(folder)


def test_the_state_folder_is_no_folder_of_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "pictures" / "home"
    monkeypatch.setenv("LABELLINE_HOME", str(home))
    for folder in (home, home / "objects" / "items", home.parent, home / ".cache", home / "inbox" / ".."):
        with pytest.raises(ValueError, match="own files"):
            check_folder(str(folder))
    for folder in (home / "inbox", home / "demo" / "lots", tmp_path / "pictures" / "other", Path("inbox")):
        assert check_folder(str(folder)) == str(folder)
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path / "pictures" / ".labelline"))
    assert check_folder(str(tmp_path / "pictures")), "hidden folders are not looked into"
