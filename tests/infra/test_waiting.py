"""What `labelline status` says of questions, sleepers and the last sweep: by collection, and with what to do."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from sqlalchemy import Engine
from sqlmodel import update

from blocks.apart import Failure
from blocks.database.engine import writing
from blocks.database.tables import Question, QuestionState
from infra.cli.progress.status_page import show_report
from infra.stack.report import StackReport
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.state import ServiceName, StackState
from infra.stack.waiting import (
    QueueReport,
    RunsReport,
    SweepReportLine,
    count_questions,
    describe_sleepers,
    read_last_sweep,
)
from tasks.review.decide.until import Sleeper, Until, note_sleeper
from tasks.review.posting.gone import note_gone
from tasks.review.posting.outbox import note_posted
from tasks.review.receiving.sweeping import SweepPart, end_sweep, keep_sweep
from tests.review.builders import make_batch, questions, write_missed

LABEL_STUDIO = "http://127.0.0.1:8080"


def post_two_collections(engine: Engine) -> None:
    """Three questions of `lots` in project 7, two of `roads` in project 8; one of each is answered."""
    for first, (batch, collection, items, project) in enumerate([("b1", "lots", 3, 7), ("b2", "roads", 2, 8)]):
        make_batch(engine, items=items, batch_id=batch, collection=collection, first=10 * first)
        write_missed(engine, batch)
        mine = [one for one in questions(engine) if one.batch_id == batch]
        note_posted(engine, project, {one.id: 100 * project + number for number, one in enumerate(mine)})
        with writing(engine) as session:
            answered = update(Question).where(Question.id == mine[0].id)
            session.exec(answered.values(state=QuestionState.ANSWERED.value))


def test_questions_are_counted_by_collection_and_each_project_is_named(engine: Engine) -> None:
    post_two_collections(engine)
    assert count_questions(engine, LABEL_STUDIO) == [
        QueueReport("lots", "mark-missed", 2, 1, 0, (f"{LABEL_STUDIO}/projects/7/",)),
        QueueReport("roads", "mark-missed", 1, 1, 0, (f"{LABEL_STUDIO}/projects/8/",)),
    ]


def test_a_project_that_is_gone_is_counted_and_not_linked(engine: Engine) -> None:
    post_two_collections(engine)
    note_gone(engine, 7)
    lots = count_questions(engine, LABEL_STUDIO)[0]
    assert (lots.open, lots.urls) == (2, ())


def test_an_empty_catalogue_has_nothing_to_count(engine: Engine) -> None:
    assert (count_questions(engine, LABEL_STUDIO), describe_sleepers(engine), read_last_sweep(engine)) == ([], [], None)


def test_sleepers_say_how_far_their_people_are(engine: Engine) -> None:
    post_two_collections(engine)
    note_sleeper(engine, Sleeper(str(uuid4()), "mark-missed", "b1", 0, Until()))
    (line,) = describe_sleepers(engine)
    assert line.startswith("mark-missed of batch b1: 1 of 3 answered by 0 people")


def test_what_the_last_sweep_could_not_do_is_kept_and_one_reason_is_told_once(engine: Engine) -> None:
    refused = tuple(Failure(what=f"project {number}", reason="the token is refused") for number in (1, 2))
    part = SweepPart(name="questions", did="5 looked for", mended=("one was asked again",), failures=refused)
    keep_sweep(engine, end_sweep([part], [Failure(what="waking runs", reason="no")]))
    found = read_last_sweep(engine)
    assert found is not None
    assert found.failed == ("waking runs: no", "project 1, project 2: the token is refused")
    assert found.mended == ("one was asked again",)


def report(tmp_path: Path, sweep: SweepReportLine | None = None, obstacles: tuple[str, ...] = ()) -> StackReport:
    state = StackState(home=tmp_path, ports={name: 9000 + number for number, name in enumerate(ServiceName)})
    ensure_credentials(tmp_path)
    by_state = {"running": 1, "asleep": 2, "due": 0, "failed": 3}
    runs = RunsReport(by_state, obstacles, {"lots-1": "lots"})
    queues = [QueueReport("[bold]lots", "mark-missed", 2, 1, 0, (f"{LABEL_STUDIO}/projects/7/",))]
    sleepers = ["mark-missed of batch b1"]
    return StackReport(state, [], "sqlite:///x", queues, {"lots": 2}, sleepers, sweep, runs)


def printed(shown: StackReport) -> str:
    page = io.StringIO()
    show_report(shown, Console(file=page, width=400, highlight=False))
    return page.getvalue()


def test_the_page_says_what_waits_and_what_stands_in_the_way(tmp_path: Path) -> None:
    failed = SweepReportLine(datetime.now(UTC), ("project 1: the token is refused",), ("a webhook was missing",))
    page = printed(report(tmp_path, failed, ("the work pool labelline is paused: switch it on at http://x",)))
    for words in (
        "[bold]lots",
        f"{LABEL_STUDIO}/projects/7/",
        "1 running, 2 asleep",
        "2 items have no answer in lots: `labelline reopen lots`",
        "a run sleeps for mark-missed of batch b1",
        "batch lots-1 of lots waits for a run",
        "project 1: the token is refused",
        "mended: a webhook was missing",
        "the work pool labelline is paused",
    ):
        assert words in page, page


def test_all_is_well_only_while_nothing_failed_and_nothing_is_switched_off(tmp_path: Path) -> None:
    whole, part = SweepReportLine(datetime.now(UTC)), SweepReportLine(datetime.now(UTC), ("project 1: no",))
    assert [one.is_well for one in (report(tmp_path), report(tmp_path, whole), report(tmp_path, part))] == [
        True,
        True,
        False,
    ]
    assert not report(tmp_path, whole, ("paused",)).is_well


def test_json_has_all_of_it_but_the_secrets(tmp_path: Path) -> None:
    shown = report(tmp_path, SweepReportLine(datetime.now(UTC)))
    told = json.loads(shown.as_json())
    assert (told["queues"][0]["collection"], told["runs"]["by_state"]["asleep"], told["is_well"]) == (
        "[bold]lots",
        2,
        True,
    )
    secrets = [value for name, value in shown.state.credentials.model_dump(mode="json").items() if name != "email"]
    assert not [secret for secret in secrets if str(secret) in shown.as_json()]
