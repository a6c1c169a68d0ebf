"""How long an opened question waits for its suggestion: in the back end, and at a real Label Studio's next task.

10,000 answered items of 100 classes stand in the catalogue. Each turn somebody answers (the doorbell's webhook), and
the next question is opened: Label Studio asks for a sign of life, for the version and for the prediction, over HTTP.
The prediction knows the answer that was just given, or the run fails.

    python -m tests.bench.suggest_live [--label-studio]
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database.engine import open_engine, upsert, writing
from blocks.database.tables import Answer
from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from blocks.storage.stores import FolderStore
from infra.gateway.bell import Hearing
from infra.gateway.patience import configure
from infra.stack.state import HOST
from tasks.review.posting.outbox import note_posted, post_questions
from tasks.review.questions.bookmarks import queue_of_project, write_bookmarks
from tasks.review.questions.kinds.classes.said import chosen_region
from tasks.review.questions.task import MODEL_VERSION
from tests.chaos.post_office import open_gateway
from tests.infra.suggesting.world import World, make_world, questions_of
from tests.label_studio import find_executable, free_port, server_at, start, stop
from tests.review.builders import NOON

OUTPUT = Path(".labelline/bench/suggest.json")
ITEMS, CLASSES, DIMENSIONS = 10_000, 100, 256
OPEN = 400
TURNS = 200
PROJECT = 7
READY_S = 600.0


def main() -> None:
    """Measure, and write it beside what `tests.bench.suggest` has measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--label-studio", action="store_true", help="open questions in a real Label Studio as well")
    wants_label_studio = parser.parse_args().label_studio
    with tempfile.TemporaryDirectory() as folder:
        found = {"live_back_end": back_end(Path(folder))}
        if wants_label_studio:
            found["live_next_task"] = next_task(Path(folder))
    report = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    report["latency_ms"] = {**report.get("latency_ms", {}), **found}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def back_end(folder: Path) -> dict[str, float]:
    """Return milliseconds from a webhook to the suggestion that knows it, all over HTTP."""
    engine, world = _catalogue(folder, "back-end")
    questions = questions_of(engine)
    tasks = {one: number + 1 for number, one in enumerate(world.items)}
    note_posted(engine, PROJECT, {questions[one].id: tasks[one] for one in world.items})
    _answer_all(engine, world, ITEMS - OPEN)
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(PROJECT): world.queue.model_dump_json()})
    server = AnnotationServer("http://127.0.0.1:9", "none", "http://127.0.0.1:9", "links", "bell")
    taken: dict[str, list[float]] = {"submit to suggestion": [], "setup": [], "predict": []}
    missed = 0
    store, nobody_asks = FolderStore(folder / "objects"), lambda _bodies: Hearing()
    with (
        open_gateway(engine, store, server, nobody_asks) as (address, _bell),
        httpx.Client(base_url=address, auth=server.suggestions_login, timeout=60) as asking,
    ):
        _wait(asking, PROJECT)
        for turn in range(TURNS):
            answered, opened = world.items[ITEMS - OPEN + turn], world.items[ITEMS - 1 - turn]
            before = _version(asking, PROJECT)
            said = _annotation(turn, world.names[ITEMS - OPEN + turn])
            body = {"action": "ANNOTATION_CREATED", "annotation": {**said, "task": tasks[answered], "project": PROJECT}}
            marks = [time.perf_counter()]
            asking.post("/webhooks/label-studio", json=body, headers={DOORBELL_HEADER: "bell"}).raise_for_status()
            asking.get("/ml/health").raise_for_status()
            marks.append(time.perf_counter())
            version = _version(asking, PROJECT)
            marks.append(time.perf_counter())
            task = {"id": 1, "data": {"question_id": questions[opened].id}}
            (found,) = asking.post("/ml/predict", json={"tasks": [task]}).raise_for_status().json()["results"]
            marks.append(time.perf_counter())
            assert version != before, "it does not know the answer just given"
            missed += not (found and found[0]["model_version"] == version)
            spent = (marks[3] - marks[0], marks[2] - marks[1], marks[3] - marks[2])
            for name, seconds in zip(taken, spent, strict=True):
                taken[name].append(1000 * seconds)
    return {**_summary(taken), "opened without, of 200": missed}


def next_task(folder: Path) -> dict[str, float]:
    """Return milliseconds until Label Studio's next task is there, with a suggestion, without, and back end dead."""
    executable = find_executable()
    if executable is None:
        print("live_next_task: skipped, label-studio is not installed")
        return {}
    process = start(executable, folder / "label-studio", port := free_port(), patience_s=None)
    try:
        engine, world = _catalogue(folder, "next-task")
        label_studio = server_at(f"http://{HOST}:{port}")
        taken: dict[str, list[float]] = {}
        store = FolderStore(folder / "objects")
        with open_gateway(engine, store, label_studio) as (address, _bell):
            server = replace(label_studio, gateway_url=address)
            _answer_all(engine, world, ITEMS - OPEN)
            project = post_questions(engine, server, world.queue, "b1").project_id
            assert project is not None
            with httpx.Client(base_url=address, auth=server.suggestions_login, timeout=60) as asking:
                _wait(asking, project)
            asked = {row.task_id: row.item_id for row in questions_of(engine).values()}
            names = dict(zip(world.items, world.names, strict=True))
            taken["next task, with a suggestion"] = _open(label_studio, project, asked, names)
        taken["next task, back end dead"] = _open(label_studio, project, asked, names)
        with _hanging(address):
            taken["next task, back end hung"] = _open(label_studio, project, asked, names, turns=10)
        label_studio.call(
            "DELETE", f"api/ml/{label_studio.call('GET', 'api/ml', params={'project': project})[0]['id']}"
        )
        label_studio.call("PATCH", f"api/projects/{project}/", body={"model_version": MODEL_VERSION})
        taken["next task, without a back end"] = _open(label_studio, project, asked, names)
    finally:
        stop(process)
    return _summary(taken)


def _open(
    server: AnnotationServer, project: int, asked: dict[int | None, str], names: dict[str, str], turns: int = 40
) -> list[float]:
    spent = []
    headers = {"Authorization": f"Token {server.api_token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=120) as browser:
        for _ in range(turns):
            began = time.perf_counter()
            sent: dict[str, Any] = {"id": "next_task", "project": project, "tabID": 1}
            task = browser.post("/api/dm/actions", params=sent, json={}).raise_for_status().json()
            spent.append(1000 * (time.perf_counter() - began))
            result = [chosen_region(names[asked[task["id"]]], "own")]
            answer: dict[str, Any] = {"result": result, "lead_time": 1.0}
            browser.post(f"/api/tasks/{task['id']}/annotations/", json=answer).raise_for_status()
    return spent


def _catalogue(folder: Path, name: str) -> tuple[Engine, World]:
    url = f"sqlite:///{folder / name}.sqlite"
    migrate(url)
    engine = open_engine(url)
    classes = [f"class {number}" for number in range(CLASSES)]
    store = FolderStore(folder / "objects")
    return engine, make_world(engine, store, ITEMS, classes, length=DIMENSIONS, spread=0.8)


def _answer_all(engine: Engine, world: World, count: int) -> None:
    questions = questions_of(engine)
    rows = [
        {
            "id": f"a{number}", "question_id": questions[world.items[number]].id, "annotation_id": number + 1_000_000,
            "person": "ann@example.org", "seconds": 2.0, "state": "counted", "answered_at": NOON, "heard_by": "poll",
            "raw": [{"kind": world.names[number], "verdict": "kind"}],
        }
        for number in range(count)
    ]  # fmt: skip
    with writing(engine) as session:
        upsert(session, Answer, rows)
        for row in (questions[one] for one in world.items[:count]):
            row.state = "answered"
            session.merge(row)


def _annotation(number: int, name: str) -> dict[str, Any]:
    at = (NOON + timedelta(minutes=number)).isoformat()
    result = [chosen_region(name, "own")]
    return {"id": 5_000_000 + number, "updated_at": at, "created_at": at, "lead_time": 2.0, "result": result}


def _version(asking: httpx.Client, project: int) -> str:
    said = asking.post("/ml/setup", json={"project": f"{project}.1"}).raise_for_status().json()
    return str(said["model_version"])


def _wait(asking: httpx.Client, project: int) -> None:
    deadline = time.monotonic() + READY_S
    while _version(asking, project) == MODEL_VERSION:
        assert time.monotonic() < deadline, "it was never ready"
        time.sleep(0.2)
    time.sleep(5.0)  # what is measured apart at the start is over


@contextmanager
def _hanging(address: str) -> Iterator[None]:
    async def hang(_scope: Any, _receive: Any, _send: Any) -> None:
        import asyncio

        with suppress(asyncio.CancelledError):  # whoever asked has gone
            await asyncio.sleep(100)

    config = configure(hang, HOST, int(address.rpartition(":")[2]))
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    while not serving.started:
        time.sleep(0.05)
    yield
    serving.should_exit = serving.force_exit = True
    thread.join(5)


def _summary(taken: dict[str, list[float]]) -> dict[str, float]:
    return {
        f"{name}, {word}": round(float(np.percentile(spent, share)), 1)
        for name, spent in taken.items()
        for word, share in (("median", 50), ("p95", 95), ("most", 100))
    }


if __name__ == "__main__":
    main()
