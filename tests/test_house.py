"""The house rules that a linter cannot see: which room may import which, and where Prefect may appear.

A wrong arrow is cheap to make and dear to undo, so it fails here, on the import that made it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("blocks", "tasks", "flows", "infra")
STATIONS = ("intake", "detect", "triage", "review", "settle", "audit", "dataset", "train", "monitor")


def sources() -> list[Path]:
    """All modules of ours."""
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_down(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    higher = ROOMS[ROOMS.index(room) + 1 :]
    wrong = {name for name in imports_of(path) if name.split(".")[0] in higher}
    assert not wrong, f"{room} may not import {sorted(wrong)}"


@pytest.mark.parametrize("path", sorted((ROOT / "tasks").glob("*/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_station_imports_only_stations_before_it(path: Path) -> None:
    station = path.relative_to(ROOT).parts[1]
    later = STATIONS[STATIONS.index(station) + 1 :]
    wrong = {name for name in imports_of(path) if name.startswith("tasks.") and name.split(".")[1] in later}
    assert not wrong, f"station {station} may not import {sorted(wrong)}"


def test_every_station_folder_is_in_the_line() -> None:
    folders = {path.parent.name for path in (ROOT / "tasks").glob("*/__init__.py")}
    assert folders == set(STATIONS)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_shares_a_name_with_a_dependency(path: Path) -> None:
    taken = {"prefect", "torch", "ultralytics", "cv2", "minio", "sqlmodel", "mlflow", "numpy", "supervision", "alembic"}
    assert path.stem not in taken


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short_enough_to_read(path: Path) -> None:
    if "versions" not in path.parts:  # migrations are generated
        assert len(path.read_text().splitlines()) <= 300
