"""Whether the installed packages are those that the project is tested with."""

import re
import sys
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from blocks.errors import StackError
from infra.doctor.findings import Finding, fail, warn, well
from infra.stack.servers.label_studio import find_label_studio

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
LABEL_STUDIO_CONSTRAINTS = CONSTRAINTS.with_name("constraints-label-studio.txt")
"""What `make setup` installs into the environment of Label Studio."""

OLDEST_PYTHON = (3, 11)
REINSTALL = "run `make setup`"

TOO_NEW = {
    # Prefect 3.8.8 uses Body(min_items=…), which later versions do not know: its server dies at import.
    "fastapi": (0, 150),
    # Prefect 3.8.8 inserts scheduled runs in a way that 2.1 refuses: schedules never run.
    "SQLAlchemy": (2, 1),
}
TWINS = ("opencv-python", "opencv-python-headless")
"""Both fill one cv2/ folder, so they must be of one version."""


def check_python() -> Finding:
    """Say whether this Python is new enough."""
    found = sys.version.split()[0]
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST_PYTHON:
        return fail("python", found, "install Python 3.11 or later, remove .venv, and run `make setup`")
    return well("python", found)


def read_constraints(path: Path = CONSTRAINTS) -> dict[str, str]:
    """Return the tested version of each pinned package; empty where the file is not there."""
    if not path.exists():
        return {}
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return dict(line.split("==", 1) for line in lines if "==" in line)


def installed_versions(names: list[str]) -> dict[str, str | None]:
    """Return the installed version of each package; None where it is missing."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def optional_packages(tested: Collection[str]) -> set[str]:
    """Return which of the pinned packages Labelline does not itself require: tools, extras, and what others need."""
    try:
        lines = requires("labelline") or []
    except PackageNotFoundError:
        return set()
    own = {_plain_name(line) for line in lines if "extra ==" not in line}
    return {name for name in tested if _plain_name(name) not in own}


def _plain_name(requirement: str) -> str:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def check_packages(
    tested: Mapping[str, str], installed: Mapping[str, str | None], optional: Collection[str] = ()
) -> list[Finding]:
    """Compare installed packages with the tested ones.

    Args:
        tested: Versions of `constraints.txt`.
        installed: What is there, by name; None where it is missing.
        optional: Those that may be missing.
    """
    findings = []
    for name, wanted in tested.items():
        found = installed.get(name)
        if found is None and name in optional:
            continue
        if found is None:
            findings.append(fail(name, "missing", REINSTALL))
        elif found.split("+")[0] != wanted and name not in TOO_NEW:
            findings.append(warn(name, f"{found}, tested with {wanted}", f"if something fails, {REINSTALL}"))
    findings += [_check_limit(name, limit, installed.get(name)) for name, limit in TOO_NEW.items()]
    findings.append(_check_twins([installed.get(name) for name in TWINS]))
    if len(findings) == len(TOO_NEW) + 1:
        findings.insert(
            0, well("packages", f"all {sum(map(bool, map(installed.get, tested)))} of constraints.txt as tested")
        )
    return findings


def _check_limit(name: str, limit: tuple[int, int], found: str | None) -> Finding:
    if found is None:
        return fail(name, "missing", REINSTALL)
    first, second = (int(part) for part in found.split(".")[:2])
    if (first, second) >= limit:
        return fail(name, f"{found}: Prefect needs one below {limit[0]}.{limit[1]}", REINSTALL)
    return well(name, found)


def _check_twins(found: list[str | None]) -> Finding:
    both = " and ".join(str(each) for each in found)
    if None in found or found[0] != found[1]:
        return fail(
            "opencv", f"{' and '.join(TWINS)} are {both}", f"they share one folder: {REINSTALL} to make them equal"
        )
    return well("opencv", f"both {found[0]}")


def check_label_studio() -> Finding:
    """Say whether Label Studio is installed, and in the tested version."""
    try:
        program = find_label_studio()
    except StackError as error:
        return fail("label-studio", "not installed", str(error))
    environment = program.resolve().parents[1]
    folders = list(environment.glob("lib/python*/site-packages/label_studio-*.dist-info"))
    found = (
        folders[0].name.removeprefix("label_studio-").removesuffix(".dist-info") if folders else "of unknown version"
    )
    tested = read_constraints(LABEL_STUDIO_CONSTRAINTS).get("label-studio", found)
    if found != tested:
        return warn("label-studio", f"{found}, tested with {tested}", f"if something fails, {REINSTALL}")
    return well("label-studio", f"{found} in {environment}")
