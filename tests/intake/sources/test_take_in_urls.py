"""Pictures of the web into a collection: all that was offered is accounted for, and servers are asked with manners."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.origin_tables import Origin
from blocks.errors import StoreUnavailable
from blocks.servers.web_files import PRIVATE_NETWORKS
from blocks.storage.stores import FolderStore, Store
from tasks.intake.reports import IntakeReport
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.registry import source_kind_of, source_kind_of_shard
from tasks.intake.sources.urls.fetching import seconds_until
from tasks.intake.sources.urls.hosts import MOST_MISSES, Errand, Hosts
from tasks.intake.sources.urls.options import UrlOptions
from tests.intake.factories import draw_noise, encoded
from tests.intake.looks import adds_up, items, reasons, sources
from tests.intake.sources.web import Page, serving

PICTURES = {f"/p/{n}.png": encoded(draw_noise(n)) for n in range(8)}


def answer(path: str, before: int) -> Page:
    """Eight pictures, and all that goes wrong in the web."""
    path = path.partition("?")[0]
    if path in PICTURES:
        return Page(body=PICTURES[path], headers={"Content-Type": "image/png"})
    odd = {
        "/robots.txt": Page(404),
        "/double.png": Page(body=PICTURES["/p/0.png"]),
        "/moved": Page(302, headers={"Location": "/p/1.png"}),
        "/round": Page(302, headers={"Location": "/round"}),
        "/inside": Page(302, headers={"Location": "http://169.254.169.254/latest/"}),
        "/page": Page(body=b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}),
        "/broken.jpg": Page(body=b"\xff\xd8\xff broken"),
        "/empty": Page(),
        "/huge": Page(headers={"Content-Length": "5000000000"}),
        "/slow": Page(body=PICTURES["/p/2.png"], wait_s=3.0),
        "/busy": Page(503) if before < 2 else Page(body=PICTURES["/p/3.png"]),
        "/down": Page(500),
    }
    return odd.get(path, Page(404))


def take(
    engine: Engine, store: Store, tmp_path: Path, urls: list[str], options: UrlOptions | None = None
) -> IntakeReport:
    """Take a list in as the line does."""
    place = tmp_path / "list.txt"
    place.write_text("".join(f"{url}\n" for url in urls))
    asked = AskedOfSource(sequence_pattern="(.+)", urls=options or UrlOptions(per_second=1000, timeout_s=0.5, tries=3))
    report = IntakeReport()
    for shard in source_kind_of(place, asked).list_shards(store, place, asked, 1):
        report += source_kind_of_shard(shard).take_in(engine, store, "lots", shard, asked)
    assert adds_up(report)
    assert report.offered == len(urls) == len(sources(engine))
    return report


@pytest.mark.usefixtures("loopback")
def test_every_address_is_taken_doubled_or_set_aside_with_its_reason(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    odd = ["/double.png", "/moved", "/round", "/inside", "/page", "/broken.jpg", "/empty", "/huge", "/slow", "/busy"]
    with serving(answer) as web:
        urls = [web.url(path) for path in [*PICTURES, *odd, "/down", "/gone.png", "/p/0.png"]]
        report = take(engine, store, tmp_path, urls)
        again = take(engine, store, tmp_path, urls)
    assert (report.offered, report.taken, report.duplicates) == (21, 8, 4)
    told = reasons(report)
    for name, why in {
        "round": "more than 3 redirects",
        "inside": "169.254.169.254 is an address of a private network",
        "page": "answers with 'text/html'",
        "empty": "the file is empty",
        "huge": "longer than 64,000,000 bytes",
        "slow": "took longer than 0.5 s: send the file itself (asked for 3 times)",
        "down": "answers 500: expected 200 and a file (asked for 3 times)",
        "gone.png": "answers 404",
    }.items():
        assert why in told[name], (name, told[name])
    assert "broken.jpg" in told
    assert (again.taken, again.duplicates, again.changed) == (8, 4, 0)
    assert [web.count(path) for path in PICTURES] == [1, 2, 1, 1, 1, 1, 1, 1], "/p/1.png a second time by redirect"
    assert (web.count("/down"), web.count("/gone.png"), web.count("/huge")) == (6, 2, 2), "set aside is tried again"
    names = items(engine)
    assert names["0.png"].sequence == "127.0.0.1/p/0.png"


@pytest.mark.usefixtures("loopback")
def test_who_made_a_picture_is_kept_with_where_it_came_from(engine: Engine, store: Store, tmp_path: Path) -> None:
    with serving(answer) as web:
        place = tmp_path / "list.csv"
        signed = web.url("/p/1.png") + "?signature=geheim"
        place.write_text(f"url,licence,author\n{web.url('/p/0.png')},CC BY 4.0,Ann\n{signed},,\n")
        asked = AskedOfSource()
        kind = source_kind_of(place, asked)
        for shard in kind.list_shards(store, place, asked, 256):
            kind.take_in(engine, store, "lots", shard, asked)
    with reading(engine) as session:
        rows = session.exec(select(Origin).order_by(Origin.uri)).all()
    assert [(row.licence, row.author, row.item_id is not None) for row in rows] == [
        ("CC BY 4.0", "Ann", True),
        (None, None, True),
    ]
    assert web.count("/p/1.png?signature=geheim") == 1
    assert not any("geheim" in source.uri for source in sources(engine).values()), "what may be a key is not kept"


def test_this_machine_is_not_fetched_from_unless_its_operator_says_so(
    engine: Engine, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PRIVATE_NETWORKS, raising=False)
    with serving(answer) as web:
        report = take(engine, store, tmp_path, [web.url("/p/0.png", "127.0.0.3"), web.url("/p/1.png", "localhost")])
        assert not web.asked
    assert all("where nothing is fetched" in why for why in reasons(report).values()) and report.taken == 0


@pytest.mark.usefixtures("loopback")
def test_a_server_is_asked_by_few_at_once_and_not_too_often(engine: Engine, store: Store, tmp_path: Path) -> None:
    def slow(path: str, before: int) -> Page:
        return Page(404) if path == "/robots.txt" else Page(body=PICTURES[path], wait_s=0.1)

    with serving(slow) as web:
        options = UrlOptions(per_host=2, per_second=10)
        report = take(engine, store, tmp_path, [web.url(path) for path in PICTURES], options)
        times = sorted(at for path, at in web.asked if path in PICTURES)
    assert report.taken == 8
    assert web.most_at_once <= 2
    assert times[-1] - times[0] >= 0.65, "eight at ten a second"


@pytest.mark.usefixtures("loopback")
def test_robots_are_obeyed_and_not_asked_about_again_for_each_file(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    rules = b"User-agent: *\nDisallow: /p/3\nDisallow: /p/4\nCrawl-delay: 1\n"

    def ruled(path: str, before: int) -> Page:
        return Page(body=rules) if path == "/robots.txt" else Page(body=PICTURES[path])

    with serving(ruled) as web:
        report = take(engine, store, tmp_path, [web.url(path) for path in list(PICTURES)[2:6]])
        assert (web.count("/robots.txt"), web.count("/p/3.png"), web.count("/p/4.png")) == (1, 0, 0)
        free = take(engine, store, tmp_path, [web.url(path) for path in list(PICTURES)[2:6]], UrlOptions(robots=False))
    assert (report.taken, len(report.set_aside), free.taken) == (2, 2, 4)
    assert "robots.txt" in reasons(report)["3.png"]


@pytest.mark.usefixtures("loopback")
def test_a_server_that_asks_to_wait_is_waited_for_by_all_who_want_something(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    first: list[float] = []

    def limited(path: str, before: int) -> Page:
        if path == "/robots.txt":
            return Page(404)
        if not first:
            first.append(time.monotonic())
            return Page(429, headers={"Retry-After": "1"})
        return Page(body=PICTURES[path])

    with serving(limited) as web:
        options = UrlOptions(per_host=1, per_second=1000)
        report = take(engine, store, tmp_path, [web.url(path) for path in PICTURES], options)
        later = [at - first[0] for path, at in web.asked if path in PICTURES and at > first[0]]
    assert report.taken == 8
    assert min(later) >= 0.95


@pytest.mark.usefixtures("loopback")
def test_a_server_that_asks_to_come_back_tomorrow_is_not_waited_for(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    def closed(path: str, before: int) -> Page:
        return Page(404) if path == "/robots.txt" else Page(429, headers={"Retry-After": "86400"})

    with serving(closed) as web:
        options = UrlOptions(per_second=1000, longest_wait_s=0.1)
        report = take(engine, store, tmp_path, [web.url(path) for path in PICTURES], options)
        asked = sum(web.count(path) for path in PICTURES)
    assert all("it asks to come back in 86400 s" in why for why in reasons(report).values())
    assert asked <= options.per_host, "only those that were under way when it said so"


@pytest.mark.usefixtures("loopback")
def test_a_date_that_no_clock_knows_leaves_nobody_waiting(engine: Engine, store: Store, tmp_path: Path) -> None:
    odd = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"

    def odd_dates(path: str, before: int) -> Page:
        return Page(404) if path == "/robots.txt" else Page(503, headers={"Retry-After": odd})

    with serving(odd_dates) as web, serving(answer) as well:
        urls = [*(web.url(f"/x{n}.png") for n in range(40)), *(well.url(path, "127.0.0.2") for path in PICTURES)]
        report = take(engine, store, tmp_path, urls, UrlOptions(per_host=40, per_second=1000, tries=2))
    assert (report.taken, len(report.set_aside)) == (8, 40)


def test_an_errand_that_fails_by_itself_takes_no_thread_with_it() -> None:
    hosts, done = Hosts(threads=1), threading.Event()

    def fails() -> Callable[[], None]:
        raise ValueError

    for _ in range(3):
        hosts.put(Errand("a.org", fails))
    hosts.put(Errand("b.org", lambda: done.set))
    assert done.wait(10)


@pytest.mark.usefixtures("loopback")
def test_what_has_come_is_written_while_a_slow_server_is_waited_for(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    def one_slow(path: str, before: int) -> Page:
        return Page(404) if path == "/robots.txt" else Page(body=PICTURES[path], wait_s=6.0 * (path == "/p/7.png"))

    with serving(one_slow) as web, ThreadPoolExecutor(1) as pool:
        options = UrlOptions(per_second=1000, timeout_s=20)
        taking = pool.submit(take, engine, store, tmp_path, [web.url(path) for path in PICTURES], options)
        deadline = time.monotonic() + 5
        while len(sources(engine)) < 7 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(sources(engine)) == 7 and not taking.done()
        assert taking.result().taken == 8


@pytest.mark.usefixtures("loopback")
def test_a_server_that_never_answers_is_left_alone_and_the_others_go_on(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    with serving(answer) as web:
        dead = [f"http://127.0.0.9:9/dead-{n}.png" for n in range(2 * MOST_MISSES)]
        options = UrlOptions(per_second=1000, tries=1, robots=False)
        report = take(engine, store, tmp_path, [*dead, *(web.url(path) for path in PICTURES)], options)
    told = list(reasons(report).values())
    assert report.taken == 8 and len(told) == len(dead)
    assert sum("has not answered many times in a row" in why for why in told) >= MOST_MISSES - 4


@pytest.mark.usefixtures("loopback")
def test_a_store_that_is_away_ends_the_step_and_what_came_before_is_kept(engine: Engine, tmp_path: Path) -> None:
    class Away(FolderStore):
        def put(self, key: str, data: bytes | Path, media_type: str = "") -> None:
            if key.startswith("items/"):
                raise StoreUnavailable("away")
            super().put(key, data, media_type)

    with serving(answer) as web:
        urls = [web.url(path) for path in PICTURES]
        with pytest.raises(StoreUnavailable):
            take(engine, Away(tmp_path / "store"), tmp_path, urls)
        report = take(engine, FolderStore(tmp_path / "store"), tmp_path, urls)
    assert report.taken == 8


KILLED = """
import sys
from pathlib import Path

from blocks.database.engine import open_engine
from blocks.storage.stores import FolderStore
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.registry import source_kind_of
from tasks.intake.sources.urls.options import UrlOptions
place, catalogue, store = sys.argv[1:]
engine, store = open_engine(catalogue), FolderStore(Path(store))
asked = AskedOfSource(urls=UrlOptions(per_host=2, per_second=1000))
kind = source_kind_of(Path(place), asked)
for shard in kind.list_shards(store, Path(place), asked, 256):
    print(kind.take_in(engine, store, "lots", shard, asked), flush=True)
"""


@pytest.mark.usefixtures("loopback")
def test_after_a_kill_what_was_taken_is_not_fetched_again(engine: Engine, store: Store, tmp_path: Path) -> None:
    bodies = {f"/k/{n}.png": encoded(draw_noise(n)) for n in range(120)}

    def paced(path: str, before: int) -> Page:
        return Page(404) if path == "/robots.txt" else Page(body=bodies[path], wait_s=0.05)

    with serving(paced) as web:
        place = tmp_path / "list.txt"
        place.write_text("".join(f"{web.url(path)}\n" for path in bodies))
        catalogue = engine.url.render_as_string(hide_password=False)
        command = [sys.executable, "-c", KILLED, str(place), catalogue, str(tmp_path / "killed-store")]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            deadline = time.monotonic() + 60
            while len(sources(engine)) < 60 and time.monotonic() < deadline:
                time.sleep(0.02)
            child.kill()
        before = {name for name, source in sources(engine).items() if source.item_id}
        assert 60 <= len(before) < 120
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("120 files offered = 120 taken + 0 duplicates + 0 set aside")
    again = [path for path in bodies if web.count(path) > 1]
    assert not any(path.rpartition("/")[2] in before for path in again), "what has a row is not asked for again"
    assert len(again) <= 66


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", None),
        ("120", 120.0),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("9" * 50, 999_999_999.0),
        ("Mon, 01 Jan 9999999999999 00:00:00 GMT", None),
    ],
)
def test_when_to_come_back_is_read_as_seconds_or_a_date(said: str, seconds: float | None) -> None:
    assert seconds_until(said) == seconds
