"""The gallery: behind its door, what a filter leaves in its order, one picture with its history, and names that lie."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from threading import Barrier

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Outcome, Proposal, Source, utc_now
from blocks.errors import BadOption
from blocks.storage.stores import FolderStore
from infra.gateway.gallery.app import Gallery, filter_of, gallery_app
from infra.gateway.gallery.kept import Remembered
from infra.gateway.pictures import ItemPictures
from infra.stack.doors.guard import guard
from tasks.intake.texts.text_items import keep_text
from tasks.monitor.gallery.facts import read_facts
from tasks.monitor.gallery.filters import Filter, first_pictures, pictures_of
from tasks.monitor.gallery.shown import picture_page
from tasks.triage import reasons
from tasks.triage.reasons import ODD_PICTURES, Why, why_of
from tests.dataset.scenes import draw_scene, label_row, settle_scenes
from tests.infra.test_gateway import Served, address
from tests.review.builders import make_batch, put_answer, questions, write_missed

__all__ = ["address"]

NAME = "lots <b>& co</b>"
LOGIN = ("owner", "secret")
BOXES = [("car", 0.4, Outcome.ASK, (100.0, 200.0, 155.0, 244.0))]


@pytest.fixture
def ids(engine: Engine, store: FolderStore) -> list[str]:
    """Three settled scenes (4, 2 and no squares), in two sequences, and two pictures that wait for people."""
    scenes = [draw_scene(n, squares=squares, sequence=f"s{n % 2}") for n, squares in enumerate((4, 2, 0))]
    found = settle_scenes(engine, store, scenes, {"s0": "train", "s1": "test"}, collection=NAME)
    make_batch(engine, items=2, boxes=BOXES, batch_id="b2", collection=NAME, first=10)
    write_missed(engine, "b2")
    with writing(engine) as session:
        proposal = session.exec(select(Proposal)).first()
        assert proposal is not None
        session.get_one(Batch, "b2").detector = proposal.detector
    return found


@pytest.fixture
def client(engine: Engine, store: FolderStore, ids: list[str], address: tuple[Served, str]) -> Iterator[httpx.Client]:
    gallery = Gallery(engine, ItemPictures(engine, store), "secret", "http://studio:1")
    served, url = address
    served.app = FastAPI()
    served.app.mount("/gallery", guard(gallery_app(gallery), [], login=":".join(LOGIN), open_paths=()))
    with httpx.Client(base_url=url) as client:
        yield client
    gallery.close()


def shown(client: httpx.Client, path: str, **query: str) -> str:
    answer = client.get(f"/gallery/{path}", params=query, auth=LOGIN)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("path", ["", "pictures?collection=x", "picture?collection=x&item=y", "thumbs/" + "0" * 64])
def test_nobody_is_let_in_without_the_login_or_from_a_foreign_page(client: httpx.Client, path: str) -> None:
    assert client.get(f"/gallery/{path}").status_code == 401
    assert client.get(f"/gallery/{path}", auth=("owner", "wrong")).status_code == 401
    foreign = {"origin": "http://evil.example"}
    assert client.get(f"/gallery/{path}", auth=LOGIN, headers=foreign).status_code == 403
    assert client.get(f"/gallery/{path}", auth=LOGIN, headers={"host": "evil.example"}).status_code == 400


def test_collections_are_listed_and_names_are_text_and_never_markup(client: httpx.Client) -> None:
    page = shown(client, "")
    assert "<b>" not in page
    assert NAME in unescape(page)
    assert 'href="/gallery/pictures?collection=lots' in page


def test_a_grid_shows_each_picture_with_its_labels(client: httpx.Client, ids: list[str]) -> None:
    page = shown(client, "pictures", collection=NAME)
    assert page.count('class="card"') == 5
    assert page.count("<rect x=") - page.count('<rect x="1" y="1"') == 6
    assert "<b>" not in page
    assert "4 labels" in page
    assert "waits" in page


def test_texts_are_cards_with_what_they_say_and_never_markup(
    client: httpx.Client, engine: Engine, store: FolderStore
) -> None:
    text = "<script>alert(1)</script>\nשלום 👍🏽"
    item = keep_text(store, text, "letter", "letter")
    with writing(engine) as session:
        upsert(session, Item, [item.model_dump()])
        upsert(session, Batch, [{"id": "t1", "collection": "letters"}])
        upsert(session, Source, [{"collection": "letters", "uri": "file:///l", "item_id": item.id, "state": "taken"}])
        upsert(session, BatchItem, [{"batch_id": "t1", "item_id": item.id, "position": 0}])
    grid = shown(client, "pictures", collection="letters")
    page = shown(client, "picture", collection="letters", item=item.id)
    for html in (grid, page):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;\nשלום 👍🏽" in html
        assert f"/thumbs/{item.id}" not in html
        assert f"/images/{item.id}" not in html
    assert client.get(f"/gallery/thumbs/{item.id}", auth=LOGIN).status_code == 410


def test_a_thumbnail_is_a_small_picture(client: httpx.Client, ids: list[str]) -> None:
    answer = client.get(f"/gallery/thumbs/{ids[0]}", auth=LOGIN)
    assert (answer.status_code, answer.headers["content-type"], answer.content[:2]) == (200, "image/jpeg", b"\xff\xd8")
    assert client.get("/gallery/thumbs/" + "0" * 64, auth=LOGIN).status_code == 410
    assert client.get("/gallery/thumbs/..%2F..%2Fetc", auth=LOGIN).status_code == 404


def test_one_picture_has_proposals_truth_and_history_and_leads_to_its_question(
    client: httpx.Client, engine: Engine
) -> None:
    question = questions(engine)[0]
    put_answer(engine, question, "1", 7.5, "ann@example.org", 5)
    with writing(engine) as session:
        row = session.get_one(type(question), question.id)
        row.project_id, row.task_id = 7, 12
        session.add(row)
    page = shown(client, "picture", collection=NAME, item=question.item_id)
    assert "Proposals" in page
    assert "Not settled yet" in page
    assert 'href="http://studio:1/projects/7/data?task=12"' in page
    assert "ann@example.org" in page
    assert "7.5 s, counted" in page


def test_what_is_not_there_and_what_is_no_filter_is_said(client: httpx.Client, ids: list[str]) -> None:
    for path, query, said in (
        ("pictures", {"collection": "nothing"}, "there is no collection"),
        ("picture", {"collection": NAME, "item": "0" * 64}, "has no picture"),
        ("pictures", {"collection": NAME, "min_score": "7"}, "min_score"),
        ("pictures", {"collection": NAME, "order": "backwards"}, "order"),
    ):
        answer = client.get(f"/gallery/{path}", params=query, auth=LOGIN)
        assert (answer.status_code, said in answer.text) == (404, True), answer.text


def test_empty_fields_of_the_form_leave_all_in() -> None:
    given = {"collection": "x", "class_name": "", "min_score": " ", "page": "3", "since": ""}
    assert filter_of(given) == Filter()


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({}, {0, 1, 2, 3, 4}),
        ({"state": "settled"}, {0, 1, 2}),
        ({"state": "waiting"}, {3, 4}),
        ({"state": "set aside"}, set()),
        ({"class_name": "red"}, {0, 1}),
        ({"class_name": "car"}, set()),
        ({"origin": "person"}, {0, 1}),
        ({"origin": "machine"}, set()),
        ({"split": "test"}, {1}),
        ({"min_score": 0.3, "max_score": 0.5}, {3, 4}),
        ({"min_score": 0.5}, set()),
        ({"min_score": 0.3, "class_name": "red"}, set()),
        ({"differs": "missed by the model"}, {0, 1}),
        ({"differs": "wrong by the model"}, set()),
        ({"since": "2020-01-01"}, {0, 1, 2}),
        ({"until": "2020-01-01"}, set()),
        ({"name": "0001"}, {1}),
        ({"name": "%"}, set()),
        ({"person": "ann@example.org"}, set()),
        ({"outliers": True}, set()),
    ],
)
def test_a_filter_leaves_what_it_says(
    engine: Engine, ids: list[str], wanted: dict[str, object], left: set[int]
) -> None:
    known = [*ids, *(one.item_id for one in sorted(questions(engine), key=lambda one: one.item_id))]
    found = pictures_of(engine, NAME, Filter.model_validate(wanted))
    assert {known.index(id_) for id_ in found} == left
    assert len(found) == len(left)


def test_a_label_that_was_taken_back_or_corrected_does_not_count(engine: Engine, ids: list[str]) -> None:
    with reading(engine) as session:
        rows = session.exec(select(Label).where(Label.item_id == ids[1])).all()
    for row in rows:
        edges = (row.x_min, row.y_min, row.x_max, row.y_max)
        change = {"revision": 1, "retracted": row.class_name == "red"}
        with writing(engine) as session:
            upsert(session, Label, [label_row(ids[1], row.region, "blue", edges, **change)])
    assert pictures_of(engine, NAME, Filter(class_name="red")) == [ids[0]]
    assert pictures_of(engine, NAME, Filter(class_name="blue", order="most labels")) == ids[:2]


def test_the_doubtful_come_first(engine: Engine, ids: list[str]) -> None:
    first, second = questions(engine)
    with writing(engine) as session:
        for one, priority in ((first, 0.1), (second, 0.9)):
            session.get_one(type(one), one.id).priority = priority
    assert pictures_of(engine, NAME, Filter(order="doubt"))[:2] == [second.item_id, first.item_id]


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (reasons.odd_image(3.2), Why.ODD_IMAGE),
        (reasons.odd_surface(4.0), Why.ODD_SURFACE),
        (reasons.odd_count(120, 14, "car"), Why.ODD_COUNT),
        (reasons.odd_place("above", "car"), Why.ODD_PLACE),
        (reasons.boxes_in_doubt(7, 90), Why.BOXES_IN_DOUBT),
    ],
)
def test_outliers_are_found_by_the_reasons_that_triage_gives(
    engine: Engine, ids: list[str], reason: str, why: Why
) -> None:
    assert why_of(reason) is why
    first = questions(engine)[0]
    with writing(engine) as session:
        place = session.exec(select(BatchItem).where(BatchItem.item_id == first.item_id)).one()
        place.reasons = ["nothing found", reason]
    assert pictures_of(engine, NAME, Filter(outliers=True)) == [first.item_id] * (why in ODD_PICTURES)


def test_pages_of_another_collection_show_none_of_its_pictures(engine: Engine, ids: list[str]) -> None:
    with pytest.raises(BadOption, match="has no picture"):
        picture_page(engine, "other", ids[0])
    assert pictures_of(engine, "other", Filter()) == []


def test_a_picture_whose_bytes_are_gone_is_no_end_of_the_page(
    client: httpx.Client, store: FolderStore, engine: Engine, ids: list[str], tmp_path: Path
) -> None:
    with reading(engine) as session:
        store.delete(session.get_one(Item, ids[0]).key)
    assert client.get(f"/gallery/thumbs/{ids[0]}", auth=LOGIN).status_code == 410
    assert shown(client, "pictures", collection=NAME).count('class="card"') == 5


def test_what_was_worked_out_is_kept_and_renewed_beside_whoever_looks() -> None:
    asked: list[int] = []

    def work() -> int:
        asked.append(1)
        return len(asked)

    fresh = Remembered[int](most=2)
    assert [fresh.get("a", work) for _ in range(3)] == [1, 1, 1]
    assert [fresh.get(key, work) for key in "bca"] == [2, 3, 4], "the oldest made room"
    gone = Remembered[int](fresh_s=0.0, stale_s=0.0)
    assert [gone.get("a", work), gone.get("a", work)] == [5, 6], "what is too old is waited for"
    stale = Remembered[int](fresh_s=0.0)
    assert [stale.get("a", work), stale.get("a", work)] == [7, 7], "what is old is shown once more"
    stale._beside.shutdown(wait=True)
    assert len(asked) == 8, "and worked out beside"


def test_several_who_ask_at_once_have_it_worked_out_once_also_beside_what_is_prepared() -> None:
    begun, asked = Barrier(4), list[int]()

    def work() -> int:
        asked.append(1)
        time.sleep(0.2)  # the others come meanwhile
        return len(asked)

    def ask() -> int:
        begun.wait()
        return kept.get("a", work)

    kept = Remembered[int]()
    kept.prepare("a", work)
    kept.prepare("a", work)
    with ThreadPoolExecutor() as people:
        answers = [people.submit(ask) for _ in range(4)]
        assert [one.result() for one in answers] == [1, 1, 1, 1]
    assert kept.get("a", work, lambda earlier: earlier + 10) == 1
    old = Remembered[int](fresh_s=0.0, stale_s=0.0)
    assert [old.get("a", work), old.get("a", work, lambda earlier: earlier + 10)] == [2, 12]


def test_what_is_known_of_pictures_is_read_again_once_something_has_changed(engine: Engine, ids: list[str]) -> None:
    known = read_facts(engine, NAME)
    assert read_facts(engine, NAME, known) is known
    with writing(engine) as session:
        upsert(session, Label, [label_row(ids[2], "new", "blue", (1, 1, 9, 9))])
    again = read_facts(engine, NAME, known)
    assert again is not known
    assert ids[2] in pictures_of(engine, NAME, Filter(class_name="blue"), again)
    first = questions(engine)[0]
    with writing(engine) as session:
        session.exec(select(BatchItem).where(BatchItem.item_id == first.item_id)).one().settled_at = utc_now()
    settled = read_facts(engine, NAME, again)
    assert first.item_id in pictures_of(engine, NAME, Filter(state="settled"), settled)
    put_answer(engine, first, "1", 4.0, "ann@example.org", 1)
    assert pictures_of(engine, NAME, Filter(person="ANN@example.org")) == [first.item_id]


def test_the_first_page_after_a_start_is_that_of_all_pictures(
    engine: Engine, store: FolderStore, ids: list[str]
) -> None:
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b3", "collection": NAME}])
        places = [{"batch_id": "b3", "item_id": id_, "position": n, "reasons": []} for n, id_ in enumerate(ids[::-1])]
        upsert(session, BatchItem, places)
    of_all = pictures_of(engine, NAME, Filter())
    assert [first_pictures(engine, NAME, most) for most in (1, 4, 60)] == [(of_all[:n], 5) for n in (1, 4, 5)]
    assert first_pictures(engine, "other", 60) == ([], 0)
    gallery = Gallery(engine, ItemPictures(engine, store), "secret", "http://studio:1")
    first = gallery.grid(NAME, Filter(), 1)
    gallery._order(NAME, Filter())  # by now all is known
    assert gallery.grid(NAME, Filter(), 1) == first
    gallery.close()


def test_a_picture_of_two_batches_is_shown_once_where_it_was_first_taken_in(engine: Engine, ids: list[str]) -> None:
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b3", "collection": NAME}])
        places = [{"batch_id": "b3", "item_id": id_, "position": n, "reasons": []} for n, id_ in enumerate(ids[::-1])]
        upsert(session, BatchItem, places)
    assert pictures_of(engine, NAME, Filter())[:3] == ids
    assert pictures_of(engine, NAME, Filter(state="waiting"))[-3:] == ids[::-1]
    assert pictures_of(engine, NAME, Filter(min_score=0.3, state="waiting"))[:2] == pictures_of(
        engine, NAME, Filter(min_score=0.3)
    )


def test_what_takes_long_is_read_before_anybody_looks(engine: Engine, store: FolderStore, ids: list[str]) -> None:
    gallery = Gallery(engine, ItemPictures(engine, store), "secret", "http://studio:1")
    gallery.warm()
    gallery.close()  # once all that was begun is there
    assert gallery._collections.has("all")
    assert gallery._facts.has(NAME)
    assert set(ids) <= set(gallery._facts.get(NAME, lambda: pytest.fail("read twice")).items)
