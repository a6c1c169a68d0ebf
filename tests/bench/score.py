"""Bench: `POST /score` beside `mlflow models serve`, of the same network, with the same bytes of the same pictures.

A classifier is trained for a moment on 300 drawn vehicles and is champion of a collection; the same weights are a model
of MLflow's, which decodes and looks with the same functions of ours. Both servers run at the same time on this machine,
and 1, 8 and 64 callers ask them in turn, a picture a request: ours as files of a form, MLflow's in its own JSON.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database.engine import open_engine, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, utc_now
from blocks.home import labelline_home
from blocks.servers.experiments import Experiments
from blocks.shapes import Whole, shape_columns
from blocks.storage.stores import FolderStore
from infra.annotators.truth import KnownWorld
from infra.demo.scenes.portraits import SIDE_PX, draw_portraits
from infra.stack.servers.ports import FREE_RANGE, is_free
from tasks.dataset.snapshots import take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.intake.label_kinds import note_label_kind
from tasks.train.fitting.training import finetune
from tasks.train.options import TrainOptions
from tasks.train.registry import resolve_detector
from tests.bench.score_callers import ask_for, ask_once
from tests.bench.score_servers import TOKEN, gateway, mlflow_server, save_for_mlflow

CALLERS = (1, 8, 64)
PICTURES = 300
COLLECTION = "bench"


@dataclass(frozen=True, slots=True)
class ServerSpeed:
    """How fast one server answered so many callers."""

    requests: int
    per_s: float
    p50_ms: float
    p95_ms: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long either is asked at a time")
    parser.add_argument("--rounds", type=int, default=3, help="how often, in turn")
    parser.add_argument("--epochs", type=int, default=3, help="of the training")
    parser.add_argument("--json", type=Path, help="where the result goes (default: bench/score.json)")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores before the start")
    with tempfile.TemporaryDirectory(prefix="labelline-score-") as name:
        result = measure(Path(name), options.rounds, options.seconds, options.epochs)
    path = options.json or labelline_home() / "bench" / "score.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {path}")


def measure(folder: Path, rounds: int, seconds: float, epochs: int) -> dict[str, object]:
    """Return what callers of both servers met; `folder` is empty."""
    pictures = [path.read_bytes() for path in sorted(train_champion(folder, epochs).glob("*.png"))]
    ours_port, theirs_port = random.sample([port for port in random.sample(FREE_RANGE, 50) if is_free(port)], 2)
    ours, theirs = [_form(data) for data in pictures], [_frame(data) for data in pictures]
    with (
        gateway(folder, ours_port, folder / "gateway.log"),
        mlflow_server(folder / "served", theirs_port, folder / "mlflow.log"),
    ):
        differ = _difference(ours_port, theirs_port, ours[:20], theirs[:20])
        print(f"the largest difference between two scores is {differ:.1e}")
        by_callers = {}
        for callers in CALLERS:
            waited: dict[str, list[float]] = {"ours": [], "mlflow": []}
            spent = dict.fromkeys(waited, 0.0)
            for _ in range(rounds):
                for server, port, requests in (("ours", ours_port, ours), ("mlflow", theirs_port, theirs)):
                    asked = ask_for(port, requests, callers, seconds)
                    waited[server] += asked.waited_s
                    spent[server] += asked.seconds
            found = {server: _speed(waited[server], spent[server]) for server in waited}
            by_callers[callers] = found
            print(_line(callers, found), flush=True)
    return {
        "callers": {
            str(number): {name: asdict(one) for name, one in found.items()} for number, found in by_callers.items()
        },
        "largest_difference": differ,
        "ahead": all(_is_ahead(found) for found in by_callers.values()),
        "load_average": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }


def train_champion(folder: Path, epochs: int) -> Path:
    """Train a classifier on drawn vehicles, crown it, and save it for MLflow; return where the pictures are."""
    world = draw_portraits(folder / "pictures", range(PICTURES))
    migrate(url := f"sqlite:///{folder}/catalog.sqlite")
    engine, store = open_engine(url), FolderStore(folder / "objects")
    experiments = Experiments(f"sqlite:///{folder}/mlflow.sqlite", str(folder / "mlartifacts"))
    settle(engine, store, folder / "pictures", world)
    note_label_kind(engine, COLLECTION, "classes")
    snapshot = take_snapshot(engine, store, COLLECTION)
    options = TrainOptions(epochs=epochs, batch=16, lr0=0.005, device="cpu")
    tiling = TilingOptions(tile_px=64)
    trained = finetune(experiments, store, snapshot.id, DetectorRef.nobody(COLLECTION), options, tiling=tiling)
    weights = store.local_path(trained.weights_key)
    resolve_detector(experiments, store, COLLECTION, str(weights), "classes")
    save_for_mlflow(weights, folder / "served")
    engine.dispose()
    return folder / "pictures"


def settle(engine: Engine, store: FolderStore, folder: Path, world: KnownWorld) -> None:
    """Write pictures as settled items, each place a sequence, an eighth of them to test on."""
    rows: dict[type, list[dict[str, object]]] = {Item: [], BatchItem: [], Label: [], SequenceSplit: []}
    for position, (item_id, true) in enumerate(world.pictures.items()):
        data = (folder / true.name).read_bytes()
        key, sequence = f"items/{item_id[:2]}/{item_id}.png", true.name.rpartition("-")[0]
        store.put(key, data)
        facts = {"name": true.name, "sequence": sequence, "media_type": "image/png", "plain": True, "key": key}
        rows[Item].append(facts | {"id": item_id, "size_bytes": len(data), "width": SIDE_PX, "height": SIDE_PX})
        place = {"batch_id": "b1", "item_id": item_id}
        rows[BatchItem].append(place | {"position": position, "settled_at": utc_now()})
        label = place | {"id": item_id[:32], "region": "whole", "revision": 0, "class_name": true.class_name}
        rows[Label].append(label | {"origin": "person", **shape_columns(Whole())})
        part = "test" if int(hashlib.sha256(sequence.encode()).hexdigest(), 16) % 8 == 0 else "train"
        split: dict[str, object] = {"collection": COLLECTION, "sequence": sequence, "split": part}
        if split not in rows[SequenceSplit]:
            rows[SequenceSplit].append(split)
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b1", "collection": COLLECTION}])
        for table, of in rows.items():
            upsert(session, table, of)


def _form(data: bytes) -> bytes:
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + data + b"\r\n--b--\r\n"
    head = f"Authorization: Bearer {TOKEN}\r\nContent-Type: multipart/form-data; boundary=b"
    return _request("/score", head, part)


def _frame(data: bytes) -> bytes:
    split = {"columns": ["picture"], "data": [[base64.b64encode(data).decode()]]}
    return _request("/invocations", "Content-Type: application/json", json.dumps({"dataframe_split": split}).encode())


def _request(path: str, head: str, body: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _difference(ours_port: int, theirs_port: int, ours: Sequence[bytes], theirs: Sequence[bytes]) -> float:
    """Return how far the scores of both servers lie apart at most; the first question also opens the model."""
    mine = [json.loads(ask_once(ours_port, one))["scores"][0] for one in ours]
    other = [json.loads(ask_once(theirs_port, one))["predictions"][0] for one in theirs]
    return float(np.abs(np.array(mine) - np.array(other)).max())


def _speed(waited_s: Sequence[float], seconds: float) -> ServerSpeed:
    p50, p95 = np.percentile(np.array(waited_s) * 1000, [50, 95])
    return ServerSpeed(len(waited_s), round(len(waited_s) / seconds, 1), round(float(p50), 1), round(float(p95), 1))


def _is_ahead(found: dict[str, ServerSpeed]) -> bool:
    return found["ours"].per_s > found["mlflow"].per_s and found["ours"].p95_ms < found["mlflow"].p95_ms


def _line(callers: int, found: dict[str, ServerSpeed]) -> str:
    told = [f"{name} {one.per_s:.1f} a second, p95 {one.p95_ms:.1f} ms" for name, one in found.items()]
    verdict = "ahead" if _is_ahead(found) else "not ahead"
    return f"{callers} callers: {'; '.join(told)}: {verdict}"


if __name__ == "__main__":
    main()
