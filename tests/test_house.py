"""The house rules that a linter cannot see: which room may import which, how large rooms are, one name for one thing.

A wrong arrow is cheap to make and dear to undo, so it fails here, with the import that made it. Each rule looks at all
files, to any depth.
"""

import ast
import re
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

from tasks.review.consensus.comparers.registry import COMPARERS
from tasks.review.questions.kinds.registry import KINDS

ROOT = Path(__file__).parents[1]
ROOMS = ("blocks", "tasks", "flows", "infra")
STATIONS = (
    "kinds",
    "intake",
    "suggest",
    "track",
    "detect",
    "triage",
    "review",
    "settle",
    "audit",
    "dataset",
    "train",
    "monitor",
    "keeping",
)
DEPENDENCIES = {
    "prefect",
    "torch",
    "ultralytics",
    "cv2",
    "minio",
    "sqlmodel",
    "mlflow",
    "numpy",
    "supervision",
    "alembic",
}
MOST_LINES = 300
MOST_MODULES = 12


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def sources() -> dict[str, Path]:
    """All modules of ours by dotted name, packages included; migrations are generated, and no part of the house."""
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "versions" not in path.parts)
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


@cache
def imported_by(module: str) -> frozenset[str]:
    """All modules of ours that one imports, wherever in the file."""
    ours, found = sources(), set()
    for node in ast.walk(parsed(ours[module])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in ours else node.module for name in names}
    return frozenset(found & ours.keys() - {module})


def arrows() -> list[tuple[str, str]]:
    return [(module, other) for module in sources() for other in sorted(imported_by(module))]


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Names along one circle of a graph; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_house_is_seen() -> None:
    assert len(sources()) > 400
    assert len(arrows()) > 1000


def test_arrows_point_down() -> None:
    floor = {room: at for at, room in enumerate(ROOMS)}
    wrong = [(one, other) for one, other in arrows() if floor[one.split(".")[0]] < floor[other.split(".")[0]]]
    assert not wrong


def test_a_station_imports_only_stations_before_it() -> None:
    at = {f"tasks.{station}": number for number, station in enumerate(STATIONS)}
    stations = [[".".join(name.split(".")[:2]) for name in arrow] for arrow in arrows()]
    wrong = [(one, other) for one, other in stations if one in at and other in at and at[one] < at[other]]
    assert not wrong


def test_every_station_folder_is_in_the_line() -> None:
    folders = {path.parent.name for path in (ROOT / "tasks").glob("*/__init__.py")}
    assert folders == set(STATIONS)


def test_no_import_runs_in_a_circle() -> None:
    assert not circle_in({module: set(imported_by(module)) for module in sources()})


def test_arrows_between_rooms_of_a_folder_run_one_way() -> None:
    for folder in {path.parent for path in sources().values()}:
        within = ".".join(folder.relative_to(ROOT).parts) + "."
        graph: dict[str, set[str]] = defaultdict(set)
        for one, other in arrows():
            if one.startswith(within) and other.startswith(within):
                here, there = (name.removeprefix(within).split(".")[0] for name in (one, other))
                if here != there:
                    graph[here].add(there)
        circle = circle_in(graph)
        assert not circle, f"in {within} {circle}"


def test_folders_stay_small_enough_to_find_ones_way() -> None:
    modules: dict[Path, int] = defaultdict(int)
    for path in sources().values():
        modules[path.parent.relative_to(ROOT)] += path.name != "__init__.py"
    large = {str(folder): count for folder, count in modules.items() if count > MOST_MODULES}
    assert not large, "give their modules rooms of their own"


def test_files_stay_short_enough_to_read() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in sources().items()}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}


def test_no_module_shares_a_name_with_a_dependency() -> None:
    assert not [path for path in sources().values() if path.stem in DEPENDENCIES]


def test_one_name_means_one_class() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for module, path in sources().items():
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(module)
    assert not {name: modules for name, modules in homes.items() if len(modules) > 1}


ASKED_THINGS = {"payload", "queue", "question", "group", "slot", "desk", "gold", "asked", "line"}
"""Names of what has a kind of question: whoever compares it answers for one kind, and that is that kind's business."""


def is_kind_of_question(node: ast.expr) -> bool:
    """Say whether an expression is the kind of a question: `payload.type`, `queue.kind`, `payload["type"]`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        owner, name = node.func.value, node.args[0]
    elif isinstance(node, ast.Subscript):
        owner, name = node.value, node.slice
    elif isinstance(node, ast.Attribute):
        owner, name = node.value, ast.Constant(node.attr)
    else:
        return False
    whose = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return isinstance(name, ast.Constant) and name.value in ("type", "kind") and whose in ASKED_THINGS


def questions_of_kind(tree: ast.Module) -> list[int]:
    """Lines that compare the kind of a question with anything."""
    compared = [
        (node.lineno, side)
        for node in ast.walk(tree)
        for side in ([node.left, *node.comparators] if isinstance(node, ast.Compare) else [])
    ]
    matched = [(node.lineno, node.subject) for node in ast.walk(tree) if isinstance(node, ast.Match)]
    return sorted({line for line, node in compared + matched if is_kind_of_question(node)})


def test_only_a_kind_of_question_knows_what_kind_it_is() -> None:
    measured = [path for room in ("bench", "chaos") for path in sorted((ROOT / "tests" / room).rglob("*.py"))]
    paths = [path for path in (*sources().values(), *measured) if "kinds" not in path.parts]
    found = {str(path.relative_to(ROOT)): questions_of_kind(parsed(path)) for path in paths}
    wrong = {path: lines for path, lines in found.items() if lines}
    assert not wrong, "ask the kind: kind_named(queue.kind) in tasks/review/questions/kinds/registry.py"


@pytest.mark.parametrize(
    ("code", "what", "found"),
    [
        ('if {}  == "boxes": ...', "payload.type", True),
        ('if {} != "boxes": ...', "group.payload.type", True),
        ('x = {} in ("boxes", "page")', "queue.kind", True),
        ('x = "page" not in {}', "slot.kind", True),
        ('x = {} == "boxes"', 'gold.payload["type"]', True),
        ('x = {} == "confirm"', 'question.payload.get("type")', True),
        ("x = {} is CORRECT.name", "queue.kind", True),
        ("match {}:\n case 'boxes': ...", "payload.type", True),
        ("kind_named({}).parse(payload, result, queue)", "queue.kind", False),
        ('x = {} == "PNG"', "header.kind", False),
        ('x = {} == "posted"', "question.state", False),
    ],
)
def test_who_compares_a_kind_is_found(code: str, what: str, found: bool) -> None:
    assert bool(questions_of_kind(ast.parse(code.format(what)))) is found


def test_the_registries_list_every_kind_and_every_comparer() -> None:
    # A kind that was written and forgotten would be one that no row can have.
    listed = {type(one).__name__ for one in (*KINDS.values(), *COMPARERS.values())}
    bases = ("QuestionKind", "Comparer")
    written = {
        node.name
        for path in sources().values()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Subscript) and getattr(base.value, "id", "") in bases for base in node.bases)
    }
    assert written == listed


def test_only_the_registry_names_deployments() -> None:
    # `deployed_as("label")` gives the name; one written out is wrong as soon as prefect.yaml changes.
    entries = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    flows = {entry["entrypoint"].rpartition(".")[2].replace("_", "-") for entry in entries}
    # Of today and of earlier, when they were all called `local`.
    deployed = {f"{flow}/{name}" for flow in flows for name in ("local", *(entry["name"] for entry in entries))}
    for path in [*sources().values(), *sorted((ROOT / "tests").rglob("*.py"))]:
        texts = (node.value for node in ast.walk(parsed(path)) if isinstance(node, ast.Constant))
        named = {text for text in texts if isinstance(text, str)} & deployed
        assert not named, f"{path}: write deployed_as(flow) for {sorted(named)}"


def test_a_module_that_a_docstring_names_exists() -> None:
    known = {path.name for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py")}
    for name, path in sources().items():
        # Label Studio's own files are named with their folders, or with its name beside them.
        named = set(re.findall(r"`([a-z_]+\.py)`", path.read_text()))
        lost = named - known - ({"experimental.py"} if name == "tasks.review.receiving.copies" else set())
        assert not lost, f"{name} names {sorted(lost)}"
