"""Bench: 100 simulated annotators at the gateway's doorbell.

A real gateway process, started as the stack starts it, and a real Label Studio with a hundred answered questions, from
which the gateway reads back what rings, on the same machine and at the same time. Every request is what Label Studio
sends when somebody submits, on a connection of its own, as Label Studio makes one per webhook. The clock runs from
before connecting until the answer is read: for so long the annotator's own request is held up.

"Simultaneous" is measured in three ways: all 100 press "submit" at the same instant, within a tenth of a second, and
within a second. The client is a process of its own that shares the machine with the gateway: see `ringers.py`.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import httpx
import numpy as np
import psutil

from blocks.database.tables import Question
from blocks.errors import StackError
from blocks.home import labelline_home
from blocks.servers.annotation_server import AnnotationServer
from infra.stack.servers.ports import FREE_RANGE, is_free
from infra.stack.servers.prefect_tables import seed_tables
from infra.stack.state import HOST
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.kinds.boxes.regions import ShownBox, to_regions
from tests.bench.ringers import ring_all
from tests.chaos.ground import HEIGHT, QUEUE, WIDTH, Ground, lay_ground, make_catalogue
from tests.chaos.server import OwnLabelStudio

ANNOTATORS = 100
TARGET_MS = 20.0
SPREADS_S = (0.0, 0.1, 1.0)

SAVE_BLOCKS = """
import os
import sys
from blocks.catalog import Catalog
from blocks.label_studio import LabelStudio
from blocks.object_store import ObjectStore
from blocks.tracking import Tracking
url, folder, server, plugs = sys.argv[1:]
Catalog(url=url).save(plugs)
ObjectStore(folder=folder).save(plugs)
Tracking(uri=f"sqlite:///{folder}/mlflow.sqlite").save(plugs)
LabelStudio(
    url=server,
    api_token=os.environ["BENCH_TOKEN"],
    gateway_url="http://127.0.0.1:9",
    link_secret="x",
    doorbell_secret=os.environ["BENCH_SECRET"],
).save(plugs)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds until the doorbell has answered.

    Attributes:
        spread_s: Within how many seconds all annotators submitted.
    """

    spread_s: float
    requests: int
    p50_ms: float
    p95_ms: float
    max_ms: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="how often all annotators submit")
    parser.add_argument("--boxes", type=int, default=20, help="boxes per answer")
    parser.add_argument("--json", type=Path, help="where the result goes (default: bench/doorbell.json)")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores before the start")
    measured = measure(options.rounds, options.boxes)
    for one in measured:
        how = f"within {one.spread_s:g} s" if one.spread_s else "at the same instant"
        print(
            f"{ANNOTATORS} annotators {how}: p50 {one.p50_ms:.1f} ms, p95 {one.p95_ms:.1f} ms, "
            f"max {one.max_ms:.1f} ms over {one.requests} requests (target: p95 under {TARGET_MS:g} ms)"
        )
    path = options.json or labelline_home() / "bench" / "doorbell.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {"annotators": ANNOTATORS, "target_p95_ms": TARGET_MS, "measured": [asdict(one) for one in measured]}
    path.write_text(json.dumps(result, indent=1) + "\n")


def measure(rounds: int, boxes: int) -> list[Measured]:
    """Let all annotators submit a number of times, for each spread; every answer is a new one.

    Raises:
        StackError: The gateway does not start, or refuses a webhook, or has not heard all of them at the end.
    """
    with tempfile.TemporaryDirectory(prefix="labelline-doorbell-") as name:
        folder = Path(name)
        seed_tables(folder / "prefect")
        environment = {
            **_without_prefect(),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # 20 s are too few beside other work
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        with OwnLabelStudio(folder / "label-studio", "http://127.0.0.1:9") as own:
            return measure_beside(own.server, environment, folder, rounds, boxes)


def measure_with(server: AnnotationServer, prefect_api: str, folder: Path, rounds: int, boxes: int) -> list[Measured]:
    """Measure the same beside a Label Studio and a Prefect server that run already."""
    return measure_beside(server, {**_without_prefect(), "PREFECT_API_URL": prefect_api}, folder, rounds, boxes)


def measure_beside(
    server: AnnotationServer, environment: dict[str, str], folder: Path, rounds: int, boxes: int
) -> list[Measured]:
    """Post, answer and ring, with a gateway whose environment says where its blocks are."""
    ground = lay_ground(make_catalogue(folder), ANNOTATORS)
    post_questions(ground.engine, server, QUEUE, ground.batch_id)
    _answer_all(ground, server, boxes)
    return _measure_at(ground, server, environment, folder, rounds, boxes)


def _without_prefect() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def _measure_at(
    ground: Ground, server: AnnotationServer, environment: dict[str, str], folder: Path, rounds: int, boxes: int
) -> list[Measured]:
    secret = server.doorbell_secret
    bodies = _bodies(ground, boxes)
    with _gateway(ground.url, server, environment, folder) as port:
        ring_all(port, secret, [next(bodies) for _ in range(ANNOTATORS)], [0.0] * ANNOTATORS)  # warm
        measured = []
        for spread_s in SPREADS_S:
            waited = []
            for _ in range(rounds):
                starts_s = [random.uniform(0, spread_s) for _ in range(ANNOTATORS)]
                waited += ring_all(port, secret, [next(bodies) for _ in range(ANNOTATORS)], starts_s)
                time.sleep(0.3)
            p50, p95, most = np.percentile(np.array(waited) * 1000, [50, 95, 100])
            measured.append(Measured(spread_s, len(waited), float(p50), float(p95), float(most)))
        _wait_until_heard(port, ANNOTATORS * (1 + rounds * len(SPREADS_S)))
    return measured


def _bodies(ground: Ground, boxes: int) -> Iterator[bytes]:
    """Yield webhooks of new answers, person after person, without end."""
    questions = ground.questions
    result = _drawn(boxes)
    annotation_id = 0
    while True:
        for question in questions:
            annotation_id += 1
            yield json.dumps(_webhook(question, annotation_id, result)).encode()


def _webhook(question: Question, annotation_id: int, result: list[dict[str, object]]) -> dict[str, object]:
    annotation = {
        "id": annotation_id,
        "result": result,
        "was_cancelled": False,
        "updated_at": datetime.now(UTC).isoformat(),
        "lead_time": 4.5,
        "completed_by": annotation_id % ANNOTATORS + 1,
        "task": question.task_id,
        "project": question.project_id,
    }
    task = {"id": question.task_id, "data": {"question_id": question.id, "image": "x"}}
    return {
        "action": "ANNOTATION_CREATED",
        "annotation": annotation,
        "task": task,
        "project": {"id": question.project_id},
    }


def _drawn(boxes: int) -> list[dict[str, object]]:
    shown = [
        ShownBox(id=f"r{n}", class_name="car", score=0.9, x_min=n * 40, y_min=20, x_max=n * 40 + 30, y_max=60)
        for n in range(boxes)
    ]
    return [{**region, "origin": "prediction"} for region in to_regions(shown, WIDTH, HEIGHT)]


def _answer_all(ground: Ground, server: AnnotationServer, boxes: int) -> None:
    """Answer every question once, so that there is something to read back."""
    body = {"result": _drawn(boxes), "lead_time": 4.5}
    for question in ground.questions:
        server.call("POST", f"api/tasks/{question.task_id}/annotations/", body=body)


@contextmanager
def _gateway(catalog_url: str, server: AnnotationServer, environment: dict[str, str], folder: Path) -> Iterator[int]:
    """Start a gateway with blocks of its own; yields its port."""
    port, plugs = next(port for port in random.sample(FREE_RANGE, 200) if is_free(port)), f"bench-{token_hex(4)}"
    save = [sys.executable, "-c", SAVE_BLOCKS, catalog_url, str(folder / "objects"), server.url, plugs]
    known = {"BENCH_TOKEN": server.api_token, "BENCH_SECRET": server.doorbell_secret}
    subprocess.run(save, env={**environment, **known}, check=True, capture_output=True)
    serve = [sys.executable, "-m", "infra.gateway", "--plugs", plugs, "--port", str(port)]
    with (folder / "gateway.log").open("w") as log:
        process = subprocess.Popen(serve, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_until_well(port, process, folder / "gateway.log")
        yield port
    finally:
        # Blocks saved without a server are read through one that the gateway starts, and that would outlive it.
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        process.wait(20)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.terminate()


def _wait_until_well(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"http://{HOST}:{port}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.3)
    raise StackError(f"the gateway did not start: {log.read_text()[-1000:]}")


def _wait_until_heard(port: int, rung: int) -> None:
    deadline = time.monotonic() + 300
    rings: dict[str, int] = {}
    while time.monotonic() < deadline:
        rings = httpx.get(f"http://{HOST}:{port}/health", timeout=30).json()["rings"]
        if rings["heard"] == rung:
            return
        time.sleep(1)
    raise StackError(f"the gateway has not heard all of {rung} webhooks: {rings}")


if __name__ == "__main__":
    main()
