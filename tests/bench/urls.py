"""How many addresses of a list are taken in each second, and whether every one is accounted for.

Ten thousand addresses at forty servers of this machine (another process): pictures, and among them what is gone, moved,
in a circle, a web page, broken, of five gigabytes, without an end, slow, silent, busy at first, down, and named twice.
What must become of each is known beforehand. Half of the list is taken in first, in a process of its own, to show
that memory does not grow with the list.

    python -m tests.bench.urls
"""

import argparse
import asyncio
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from blocks.catalog import migrate
from blocks.database.engine import open_engine
from blocks.servers.web_files import PRIVATE_NETWORKS
from blocks.storage.stores import FolderStore
from tasks.intake.reports import IntakeReport
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.registry import source_kind_of
from tasks.intake.sources.urls.options import UrlOptions
from tests.bench.peak_memory import peak_mb

COUNT, HOSTS, SIDE_PX = 10_000, 40, 128
OUTPUT = Path(".labelline/bench/urls.json")

ODD = {
    1: "gone",
    11: "gone",
    21: "gone",
    2: "moved",
    12: "moved",
    3: "circle",
    4: "page",
    5: "broken",
    6: "huge",
    7: "endless",
    8: "slow",
    9: "busy",
    10: "down",
    13: "named twice",
    14: "same bytes",
}
"""What an address is, by its number modulo 100; all others are pictures. Of those modulo 1,000 that end in 15 some are
silent: each costs all of the time that one file may take."""

SET_ASIDE = frozenset({"gone", "circle", "page", "broken", "huge", "endless", "down", "silent"})
DOUBLED = frozenset({"named twice", "same bytes"})

OPTIONS = UrlOptions(timeout_s=3.0, most_mb=4, tries=3)


def kind_of(number: int) -> str:
    """Return what an address of the list is."""
    return "silent" if number % 1000 == 15 else ODD.get(number % 100, "picture")


def main() -> None:
    """Measure, print and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--take", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
    elif given.take:
        print(json.dumps(take(given.take, given.port)))
    else:
        measure(given.count)


def measure(count: int) -> None:
    """Take half of the list in, then all of it."""
    this = [sys.executable, "-m", "tests.bench.urls"]
    report: dict[str, Any] = {}
    with subprocess.Popen([*this, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            port = server.stdout.readline().strip()
            for name, number in (("half", count // 2), ("all", count)):
                command = [*this, "--take", str(number), "--port", port]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                report[name] = json.loads(done.stdout)
        finally:
            server.terminate()
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def take(count: int, port: int) -> dict[str, Any]:
    """Take a list in as the line does, and return what came of it beside what had to."""
    os.environ[PRIVATE_NETWORKS] = "127.0.0.0/8"
    with tempfile.TemporaryDirectory(prefix="labelline-urls-") as folder:
        place = Path(folder, "list.txt")
        place.write_text("".join(f"{address(number, port)}\n" for number in range(count)))
        catalogue = f"sqlite:///{folder}/catalog.sqlite"
        migrate(catalogue)
        engine, store = open_engine(catalogue), FolderStore(Path(folder, "objects"))
        asked = AskedOfSource(urls=OPTIONS)
        before_mb, began, cpu = peak_mb(), time.monotonic(), time.process_time()
        kind = source_kind_of(place, asked)
        shards = kind.list_shards(store, place, asked, 256)
        with ThreadPoolExecutor(len(shards)) as pool:  # as the flow maps them
            reports = pool.map(lambda shard: kind.take_in(engine, store, "web", shard, asked), shards)
            report = sum(reports, IntakeReport())
        took_s = time.monotonic() - began
        engine.dispose()
    kinds = Counter(kind_of(number) for number in range(count))
    aside, doubled = (sum(kinds[name] for name in names) for names in (SET_ASIDE, DOUBLED))
    must = {"offered": count, "taken": count - aside - doubled, "doubled": doubled, "set aside": aside}
    came = {
        "offered": report.offered,
        "taken": report.taken,
        "doubled": report.duplicates,
        "set aside": len(report.set_aside),
    }
    return {
        "had to come": must,
        "came": came,
        "right": came == must,
        "seconds": round(took_s, 1),
        "per second": round(count / took_s, 1),
        "CPU seconds": round(time.process_time() - cpu, 1),
        "peak MB": round(peak_mb()),
        "peak MB before": round(before_mb),
        "reasons": Counter(re.sub(r"127[.0-9]+", "HOST", one.reason)[:60] for one in report.set_aside).most_common(12),
    }


def address(number: int, port: int) -> str:
    """Return an address of the list: the one before it where it is named twice."""
    number -= kind_of(number) == "named twice"
    return f"http://127.0.1.{1 + number % HOSTS}:{port}/{kind_of(number).replace(' ', '-')}/{number}.jpg"


def picture(number: int) -> bytes:
    """Return a picture that no other number has."""
    rng = np.random.default_rng(number)
    small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(small).resize((SIDE_PX, SIDE_PX)).save(data, "JPEG")
    return data.getvalue()


async def serve() -> None:
    """Answer for forty servers; print the port."""
    asked: Counter[str] = Counter()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, IndexError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split()[1]
            asked[path] += 1
            await _answer(path, asked[path], writer)
        writer.close()

    server = await asyncio.start_server(answer, "0.0.0.0", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


async def _answer(path: str, times: int, writer: asyncio.StreamWriter) -> None:
    kind, _, name = path.strip("/").partition("/")
    number = int(name.partition(".")[0]) if name else 0
    port = writer.get_extra_info("sockname")[1]

    jpeg = "Content-Type: image/jpeg"
    plain: dict[str, tuple[str, bytes, str]] = {
        "robots.txt": ("200 OK", b"User-agent: *\nDisallow: /private\n", "Content-Type: text/plain"),
        "gone": ("404 Not Found", b"", jpeg),
        "down": ("500 Internal Server Error", b"", jpeg),
        "moved": ("302 Found", b"", f"Location: http://127.0.1.{1 + number * 7 % HOSTS}:{port}/picture/{number}.jpg"),
        "circle": ("302 Found", b"", f"Location: {path}"),
        "page": ("200 OK", b"<html>" * 1000, "Content-Type: text/html; charset=utf-8"),
    }
    if kind == "busy" and times < 3:
        kind = "down"
    if kind == "huge":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")
    elif kind == "endless":
        writer.write(f"HTTP/1.1 200 OK\r\n{jpeg}\r\n\r\n".encode())
        while not writer.is_closing():
            writer.write(bytes(100_000))
            await writer.drain()
    else:
        await asyncio.sleep({"slow": 1.0, "silent": 60.0}.get(kind, 0))
        shown = picture(number - 2 if kind == "same-bytes" else number)
        status, body, header = plain.get(kind, ("200 OK", shown[:-200] if kind == "broken" else shown, jpeg))
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", header]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    await writer.drain()


if __name__ == "__main__":
    main()
