"""Starting servers that outlive the command, and ending them with everything they started."""

import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from infra.stack.state import ProcessRecord

LOG_LIMIT_BYTES = 20_000_000
"""A log longer than this is set aside as `….log.old` when its service starts."""

_started: list[subprocess.Popen[bytes]] = []  # kept, so that the ones that ended can be reaped and no warning is raised


def start_detached(arguments: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> ProcessRecord:
    """Start a program in a session of its own, so that neither Ctrl-C nor the end of this command reaches it.

    Args:
        arguments: The program and its arguments.
        environment: All of its environment.
        log: Where its output is appended.
        folder: Its working folder.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.old"))
    with log.open("ab") as output:
        process = subprocess.Popen(
            arguments,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started.append(process)
    return ProcessRecord(pid=process.pid, created=psutil.Process(process.pid).create_time())


def find_process(record: ProcessRecord | None) -> psutil.Process | None:
    """Return the running process of a record; None where it ended, or another one has its id by now."""
    if record is None:
        return None
    for child in _started:
        child.poll()
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < 2.0  # a clock that was set shifts it a little
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def stop_trees(records: Iterable[ProcessRecord], grace_s: float = 10.0) -> int:
    """End processes and all that they started: asked first, forced after a while.

    Returns:
        How many processes ended.
    """
    trees: dict[int, psutil.Process] = {}
    for record in records:
        root = find_process(record)
        if root is None:
            continue
        # Listed before the first signal: children of an ended parent cannot be found by it any more.
        for process in [root, *_children_of(root)]:
            trees[process.pid] = process
    for process in trees.values():
        _signal(process, force=False)
    _gone, alive = psutil.wait_procs(list(trees.values()), timeout=grace_s)
    for process in alive:
        _signal(process, force=True)
    psutil.wait_procs(alive, timeout=5)
    return len(trees)


def tail_of(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log; a note where there is none."""
    if not log.exists():
        return "(no log was written)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 20_000))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"


def wait_until(deadline: float, pause_s: float = 0.2) -> bool:
    """Pause briefly; say whether there is still time before a deadline of the monotonic clock."""
    time.sleep(pause_s)
    return time.monotonic() < deadline


def _children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)  # type: ignore[no-any-return]
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, force: bool) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill() if force else process.terminate()
