"""`python -m tests.mutants`: changes one thing in a core module at a time, and looks whether its tests notice.

The strength of tests is measured here, not believed. Four changes by chance (the same for one seed) in each of a dozen
modules; each is made in a copy of the repository, so that the working tree is never touched. Ends with 1 if fewer than
`LEAST_KILLED` of them are noticed; a change that nothing notices is printed, and either deserves a test or changes
nothing. cosmic-ray makes the changes: mutmut, the other one that is kept up, works on whole projects only.
"""

import argparse
import json
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.work_item import MutationSpec, TestOutcome

from blocks.home import labelline_home

ROOT = Path(__file__).parents[1]
COPIED = ("blocks", "flows", "infra", "tasks", "tests", "pyproject.toml", "prefect.yaml", "README.md", "docs")
EACH = 4
AT_ONCE = 2
LIMIT_S = 600.0
LEAST_KILLED = 0.81
"""The share of before: 39 of 48 changes were noticed by the tests of fb2bd86."""

TESTS_OF: Mapping[str, str] = {
    "tasks/audit/bounds/betting.py": "tests/audit/bounds",
    "tasks/audit/bounds/certify.py": "tests/audit/bounds",
    "tasks/dataset/snapshots.py": "tests/dataset/test_snapshots.py",
    "tasks/detect/tiling/seams.py": "tests/detect/tiling",
    "tasks/intake/batches.py": "tests/intake",
    "tasks/review/consensus/box_matching.py": "tests/review/consensus",
    "tasks/review/decide/until.py": "tests/review/decide",
    "tasks/review/posting/outbox.py": "tests/review/posting/test_outbox.py",
    "tasks/review/receiving/answer_versions.py": "tests/review/receiving",
    "tasks/settle/revisions.py": "tests/settle",
    "tasks/settle/truth.py": "tests/settle",
    "tasks/triage/decide.py": "tests/triage",
}
"""What is changed, and the tests that should notice: of its own station."""

ODD = ("Pow", "FloorDiv", "Mod", "Shift", "BitAnd", "BitOr", "BitXor", "_Is_", "_IsNot_")
"""Changes that nobody makes by mistake: another order of what has none, `|` of annotations, `**` for a minus."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One change: where, what it was, and whether the tests noticed."""

    module: str
    line: int
    operator: str
    killed: bool
    diff: str


def mutations_of(module: str) -> list[MutationSpec]:
    """Return every change that can be made in a module."""
    tree = get_ast_from_path(ROOT / module)
    found = []
    for name in operator_names():
        if (operator := get_operator(name)).arguments() or any(odd in name for odd in ODD):
            continue  # the ones with arguments want the name of a variable
        places = (place for node in ast_nodes(tree) for place in operator().mutation_positions(node))
        found += [
            MutationSpec(module_path=module, operator_name=name, occurrence=number, start_pos=start, end_pos=end)
            for number, (start, end) in enumerate(places)
        ]
    return found


@contextmanager
def copies(count: int) -> Iterator[SimpleQueue[Path]]:
    """Copy the repository's own files so many times; gone afterwards."""
    free: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="labelline-mutants-") as name:
        for number in range(count):
            folder = Path(name) / str(number)
            folder.mkdir()
            for entry in COPIED:
                source = ROOT / entry
                if source.is_dir():
                    shutil.copytree(source, folder / entry, ignore=shutil.ignore_patterns("__pycache__"))
                elif source.exists():
                    shutil.copyfile(source, folder / entry)
            free.put(folder)
        yield free


def check_unchanged(module: str, free: SimpleQueue[Path]) -> None:
    """Run a module's tests in a copy as it is: tests that fail without a change would notice every one.

    Raises:
        RuntimeError: They fail, or there are none.
    """
    folder = free.get()
    try:
        done = subprocess.run(shlex.split(tests_in(folder, module)), capture_output=True, text=True, check=False)
    finally:
        free.put(folder)
    if done.returncode:
        raise RuntimeError(f"the tests of {module} fail in a copy without a change:\n{done.stdout[-2000:]}")


def tests_in(folder: Path, module: str) -> str:
    """Return the command that runs a module's tests in a copy."""
    python = f"env -C {folder} PYTHONPATH={folder} {sys.executable}"
    return f"{python} -m pytest -x -q -n 0 -p no:cacheprovider {TESTS_OF[module]}"


def attempt(mutation: MutationSpec, free: SimpleQueue[Path]) -> Tried:
    """Make one change in a copy, and run the tests that should notice."""
    folder, module = free.get(), str(mutation.module_path)
    there = MutationSpec(
        module_path=folder / module,
        operator_name=mutation.operator_name,
        occurrence=mutation.occurrence,
        start_pos=mutation.start_pos,
        end_pos=mutation.end_pos,
    )
    try:
        result = mutate_and_test([there], tests_in(folder, module), LIMIT_S)
    finally:
        free.put(folder)
    if result.test_outcome not in (TestOutcome.KILLED, TestOutcome.SURVIVED):
        raise RuntimeError(f"{module}, {mutation.operator_name}: {result.output}")
    killed = result.test_outcome is TestOutcome.KILLED
    tried = Tried(module, mutation.start_pos[0], mutation.operator_name, killed, result.diff or "")
    print("noticed  " if killed else "SURVIVED ", f"{module}:{tried.line} {tried.operator}", flush=True)
    return tried


def main(arguments: Sequence[str] | None = None) -> int:
    """Try a sample; return 0 when enough of it is noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS_OF), help="some of the dozen")
    parser.add_argument("--each", type=int, default=EACH, help="changes in each module")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    options = parser.parse_args(arguments)
    dice = random.Random(options.seed)
    chosen = [one for module in options.modules for one in dice.sample(mutations_of(module), options.each)]
    with copies(AT_ONCE) as free, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda module: check_unchanged(module, free), options.modules))
        tried = list(pool.map(lambda one: attempt(one, free), chosen))
    killed = sum(one.killed for one in tried)
    for one in tried:
        if not one.killed:
            print(f"\n{one.diff}")
    print(f"\n{killed} of {len(tried)} changes were noticed (at least {LEAST_KILLED:.0%} are expected)")
    table = labelline_home() / "bench" / "mutants.json"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(json.dumps([asdict(one) for one in tried], indent=1) + "\n")
    return 0 if killed >= LEAST_KILLED * len(tried) else 1


if __name__ == "__main__":
    sys.exit(main())
