"""2,000 short messages of two classes, labelled in rounds through a real Label Studio, Prefect and the whole line.

What `paging.py` simulates is done here by the product: messages are taken in, each round is planned, opened, posted and
answered by simulated people over Label Studio's own interface, pages come only where a sample has certified them. The
seconds are those of the same protocol, counted from the answers in the catalogue: 1.5 s a single question, 1 s a page,
0.4 s an item on it, 1 s a click. People overlook a fifth of what is wrong on a page and make no other mistake.

    python -m tests.bench.paging_real     (about ten minutes on two free cores; --items for fewer)

No item is held out: the protocol has no test set, and a line with one asks those items blind, 1.5 s each.
"""

import argparse
import csv
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Answer, AnswerState, Batch, Item, Label, Question, SequenceSplit
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.truth import KnownWorld, TruePicture
from infra.demo.annotators import SimulatedAnnotators
from infra.demo.runs import wait_for_run
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.stop import stop_stack
from tasks.audit.risk_control.certified_pages import pages_in_words, read_page_thresholds
from tasks.intake.texts.text_items import clean_text
from tasks.monitor.active_learning.said_in_rounds import rounds_of
from tasks.review.questions.kinds.page import PagePayload, PageWord
from tasks.review.questions.queue import CONFIRM_PAGE
from tasks.suggest.paging.plan import RoundOptions
from tests.bench.paging import CLICK_S, GLANCE_S, OVERLOOKED, PAGE_S, SINGLE_S, SMS

COLLECTION = "messages"
CLASSES = ("ham", "spam")
LIMIT_S = 7200


def read_messages(path: Path, items: int) -> dict[str, tuple[str, str]]:
    """Return the first so many messages that differ, by item id, each with its class."""
    found: dict[str, tuple[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        name, tab, text = line.partition("\t")
        if tab and name in CLASSES and text.strip() and len(found) < items:
            found.setdefault(hashlib.sha256(clean_text(text).text.encode()).hexdigest(), (text, name))
    return found


def run(home: Path, messages: dict[str, tuple[str, str]]) -> dict[str, object]:
    """Label messages by a stack in a folder; return what that came to."""
    os.environ["LABELLINE_HOME"] = str(home)
    path = home / "messages.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "text"))
        rows.writerows((number, text) for number, (text, _) in enumerate(messages.values()))
    world = KnownWorld({id_: TruePicture(id_[:8], (0, 0), (), name) for id_, (_, name) in messages.items()}, CLASSES)
    line = LineOptions(
        collection=COLLECTION,
        label_kind="classes",
        classes=CLASSES,
        detector="suggest",
        rounds=RoundOptions(),
        retrain_after=1_000_000,
    )
    started = time.monotonic()
    try:
        state = start_stack(home, on_progress=print)
        engine = open_engine(catalog_url(home))
        people = People(skill=1 - OVERLOOKED, only_in=CONFIRM_PAGE, invented=0.0)
        with connected(state) as client, SimulatedAnnotators(state.server, world, COLLECTION, people, engine) as work:
            taken = start_run(client, deployed_as("intake"), folder=str(path), collection=COLLECTION).id
            wait_for_run(client, taken, LIMIT_S)
            hold_nothing_out(engine)
            labelled = start_run(client, deployed_as("label"), line=line.model_dump(mode="json")).id
            wait_for_run(client, labelled, LIMIT_S, meanwhile=work.check)
        told = read_report(engine, messages)
        return told | {"simulated_minutes": round(work.report.human_seconds / 60, 1), "wall_s": _since(started)}
    finally:
        stop_stack(home)


def hold_nothing_out(engine: Engine) -> None:
    """Let no item be of the test split, as the protocol has none."""
    with engine.begin() as connection:
        connection.execute(SequenceSplit.__table__.update().values(split="train"))  # type: ignore[attr-defined]


def read_report(engine: Engine, messages: dict[str, tuple[str, str]]) -> dict[str, object]:
    """Count questions, seconds and what is wrong, from the catalogue."""
    query = (
        select(Question, Answer)
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Batch.collection == COLLECTION, Answer.state == AnswerState.COUNTED.value)
    )
    seconds, singles, pages, shown, wrong = 0.0, 0, 0, 0, 0
    with reading(engine) as session:
        for question, answer in session.exec(query):
            if question.queue != CONFIRM_PAGE:
                singles, seconds = singles + 1, seconds + SINGLE_S
                continue
            page = PagePayload.model_validate(question.payload)
            clicks = sum(PageWord.model_validate(word).word == "removed" for word in answer.raw)
            pages, shown = pages + 1, shown + len(page.crops)
            wrong += sum(messages[crop.item_id][1] != page.class_name for crop in page.crops)
            seconds += PAGE_S + GLANCE_S * len(page.crops) + CLICK_S * clicks
        labels = dict(session.exec(select(Label.item_id, Label.class_name)).all())
        items = len(session.exec(select(Item.id)).all())
    return {
        "items": items,
        "labels": len(labels),
        "rounds": len(rounds_of(engine, COLLECTION)),
        "singles": singles,
        "pages": pages,
        "on_pages": shown,
        "minutes": round(seconds / 60, 1),
        "wrong_share": round(wrong / max(shown, 1), 4),
        "final_error": round(sum(labels.get(id_) != name for id_, (_, name) in messages.items()) / len(messages), 4),
        "certificate": pages_in_words(read_page_thresholds(engine, COLLECTION)),
    }


def _since(started: float) -> int:
    return round(time.monotonic() - started)


def main() -> None:
    """Run it in a folder of its own, and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    parser.add_argument("--items", type=int, default=2000)
    given = parser.parse_args()
    messages = read_messages(given.data / SMS, given.items)
    with tempfile.TemporaryDirectory(prefix="labelline-pages-") as folder:
        print(json.dumps(run(Path(folder), messages), indent=1))


if __name__ == "__main__":
    main()
