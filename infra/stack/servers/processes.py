"""Starting servers that outlive the command, and ending them with everything they started.

Whatever a server starts inherits a mark in its environment, which names the state folder and the service. So what a
dead server left behind (its workers, which hold its port; a run's process, which has a session of its own) is known as
ours, and ended with the next `up` or `down`.
"""

import os
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from infra.stack.state import ProcessRecord

LOG_LIMIT_BYTES = 20_000_000
"""A log longer than this is set aside as `….log.old` when its service starts."""

MARK = "LABELLINE_STARTED_AS"
"""The environment variable by which a server's offspring is known."""

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
            umask=0o077,  # what it writes is for its owner alone
        )
    _started.append(process)
    return ProcessRecord(pid=process.pid, created=psutil.Process(process.pid).create_time())


def mark_of(home: Path, service: str) -> dict[str, str]:
    """Return the environment variable that marks a service of a state folder, and whatever that service starts.

    A folder is named by what it is on its disk, not by its path: moved, it keeps its servers; a copy has none.
    """
    facts = home.stat()
    return {MARK: f"{facts.st_dev}:{facts.st_ino} {service}"}


def find_marked(home: Path, services: Collection[str]) -> list[psutil.Process]:
    """Return the running processes of this user that services of a state folder started, those services included.

    Args:
        home: The state folder.
        services: Names of services.
    """
    wanted = {mark_of(home, service)[MARK] for service in services}
    me = os.getuid()
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ended meanwhile, or is none of ours
            if process.uids().real == me and process.environ().get(MARK) in wanted:
                found.append(process)
    return found


def stop_marked(home: Path, services: Collection[str], grace_s: float = 10.0) -> int:
    """End what services of a state folder started and left behind; this process and those above it stay.

    Returns:
        How many processes ended.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return _end([each for each in find_marked(home, services) if each.pid not in spared], grace_s)


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


def stop_trees(records: Iterable[ProcessRecord], grace_s: float | None = 10.0) -> int:
    """End processes and all that they started: asked first, forced after a while.

    Args:
        records: The processes.
        grace_s: The while. None ends them as a machine that loses its power does, parents first: nothing of theirs
            gets to say that it was ended.

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
    return _end(list(trees.values()), grace_s)


def _end(processes: Sequence[psutil.Process], grace_s: float | None) -> int:
    alive = list(processes)
    if grace_s is not None:
        for process in processes:
            _signal(process, force=False)
        _gone, alive = psutil.wait_procs(processes, timeout=grace_s)
    for process in alive:
        _signal(process, force=True)
    psutil.wait_procs(alive, timeout=5)
    return len(processes)


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
