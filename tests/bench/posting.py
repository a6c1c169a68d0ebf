"""Bench: posting questions through the outbox against one bare bulk import of the same payload, side by side.

Without an address it starts a Label Studio of its own in a temporary folder, and ends it.

    python -m tests.bench.posting [--url http://127.0.0.1:8080 --token TOKEN] [--questions 10000] [--boxes 10]
"""

import argparse
import json
import random
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
from sqlalchemy import Engine
from sqlmodel import select

from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Batch, Item, Question
from blocks.errors import StackError
from blocks.servers.annotation_server import AnnotationServer
from infra.stack.secrets.credentials import ADMINISTRATOR
from infra.stack.servers.label_studio import find_label_studio, label_studio_command, seed_database
from infra.stack.servers.ports import claim_ports
from infra.stack.servers.processes import find_process, start_detached, stop_trees, tail_of
from infra.stack.state import HOST, ProcessRecord, ServiceName
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.posting.projects import ensure_project
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.questions.task import to_task

WIDTH, HEIGHT = 1920, 1280
OUTPUT = Path(".labelline/bench/posting.json")
START_LIMIT_S = 300.0
"""Where no migrated database is kept beside the program, its first start makes one."""


def main() -> None:
    """Measure both ways, print rates and their ratio, and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="address of a running Label Studio; without it one is started")
    parser.add_argument("--token", help="token of its administrator")
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--boxes", type=int, default=10, help="boxes per question")
    parser.add_argument("--trials", type=int, default=1, help="pairs of measurements; the order alternates")
    parser.add_argument("--json", type=Path, default=OUTPUT, help="where the result is written")
    options = parser.parse_args()
    if bool(options.url) != bool(options.token):
        parser.error("give --url and --token together, or neither")
    with ExitStack() as stack:
        url, token = (options.url, options.token) if options.url else stack.enter_context(_own_label_studio())
        server = AnnotationServer(url, token, "http://127.0.0.1:9", "bench", "bench")
        trials = [
            measure(server, options.questions, options.boxes, bare_first=trial % 2 == 0)
            for trial in range(options.trials)
        ]
    for number, rates in enumerate(trials):
        print(
            f"trial {number}: bare bulk import {rates['bare_per_s']:.0f}/s, outbox {rates['outbox_per_s']:.0f}/s, "
            f"ratio {rates['ratio']:.2f} (target 0.80)"
        )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    result = {"questions": options.questions, "boxes": options.boxes, "trials": trials}
    options.json.write_text(json.dumps(result, indent=1) + "\n")


@contextmanager
def _own_label_studio() -> Iterator[tuple[str, str]]:
    """Start a Label Studio in a temporary folder; yield its address and token."""
    executable, token, password = find_label_studio(), secrets.token_hex(20), secrets.token_urlsafe(15)
    with tempfile.TemporaryDirectory(prefix="labelline-posting-") as folder:
        home = Path(folder)
        seed_database(executable, home)
        with claim_ports([ServiceName.LABEL_STUDIO], {}, {}) as ports:
            port = ports[ServiceName.LABEL_STUDIO]
            command, environment = label_studio_command(executable, home, port, ADMINISTRATOR, password, token)
            record, url = start_detached(command, environment, home / "log.txt", home), f"http://{HOST}:{port}"
            try:
                _wait_until_healthy(url, record, home / "log.txt")
                yield url, token
            finally:
                stop_trees([record])


def _wait_until_healthy(url: str, record: ProcessRecord, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and find_process(record):
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)  # it does not listen yet
    raise StackError(f"Label Studio did not start within {START_LIMIT_S:.0f} s: {tail_of(log)}")


def measure(server: AnnotationServer, questions: int, boxes: int, bare_first: bool) -> dict[str, float]:
    """Post the same questions both ways into two new projects and return both rates."""
    queue = mark_missed_queue(["car", "van", "truck", "bus"])
    with tempfile.TemporaryDirectory() as folder:
        engine = _catalogue(f"sqlite:///{folder}/catalog.sqlite")
        batch_id = f"bench-{uuid4().hex[:8]}"
        _write(engine, queue, batch_id, questions, boxes)
        rates: dict[str, float] = {}
        for name in ("bare", "outbox") if bare_first else ("outbox", "bare"):
            measure_one = _bare_import if name == "bare" else _outbox
            rates[f"{name}_per_s"] = questions / measure_one(engine, server, queue, batch_id)
        engine.dispose()
    return {**rates, "ratio": rates["outbox_per_s"] / rates["bare_per_s"]}


def _outbox(engine: Engine, server: AnnotationServer, queue: Queue, batch_id: str) -> float:
    started = time.perf_counter()
    post_questions(engine, server, queue, batch_id)
    return time.perf_counter() - started


def _bare_import(engine: Engine, server: AnnotationServer, queue: Queue, batch_id: str) -> float:
    """One request with everything in it, encoded before the clock starts: as fast as Label Studio can be fed."""
    project_id = ensure_project(engine, server, queue, f"bare {batch_id}")
    with reading(engine) as session:
        tasks = [to_task(server, queue, row.id, row.item_id, row.payload) for row in session.exec(select(Question))]
    body = json.dumps(tasks).encode()
    headers = {"Authorization": f"Token {server.api_token}", "Content-Type": "application/json"}
    started = time.perf_counter()
    address = f"{server.url}/api/projects/{project_id}/import?return_task_ids=true"
    httpx.post(address, content=body, headers=headers, timeout=900).raise_for_status()
    return time.perf_counter() - started


def _catalogue(url: str) -> Engine:
    migrate(url)
    return open_engine(url)


def _write(engine: Engine, queue: Queue, batch_id: str, questions: int, boxes: int) -> None:
    dice = random.Random(7)
    ids = [f"{number:064x}" for number in range(questions)]
    item = {"name": "x.jpg", "sequence": "s", "media_type": "image/jpeg", "size_bytes": 1, "plain": True}
    with writing(engine) as session:
        size = {"width": WIDTH, "height": HEIGHT}
        upsert(session, Batch, [{"id": batch_id, "collection": batch_id}])
        upsert(session, Item, [{"id": id_, "key": f"items/{id_}", **size, **item} for id_ in ids])
    for start in range(0, questions, 1000):
        drafts = [
            Draft(batch_id, id_, _payload(dice, id_, boxes), priority=dice.random()) for id_ in ids[start:][:1000]
        ]
        write_questions(engine, queue, drafts)


def _payload(dice: random.Random, item_id: str, boxes: int) -> dict[str, object]:
    shown = []
    for number in range(boxes):
        x, y = dice.uniform(0, WIDTH - 90), dice.uniform(0, HEIGHT - 60)
        box = {"x_min": x, "y_min": y, "x_max": x + 80, "y_max": y + 45}
        shown.append(
            {"id": f"{item_id[-12:]}-{number}", "class_name": "car", "score": dice.random(), "sure": True, **box}
        )
    return {"type": "boxes", "width": WIDTH, "height": HEIGHT, "prefill": [box["id"] for box in shown], "boxes": shown}


if __name__ == "__main__":
    main()
