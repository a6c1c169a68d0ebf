"""The pages in `docs/` are what people look things up in: all that they name must exist, and the site must build."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from markdown.extensions.toc import slugify
from typer.main import get_command

from flows.options import LineOptions
from infra.cli.main import app
from infra.docs.options_page import options_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "README.md", *DOCS.rglob("*.md"))}
PROSE = {name: re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S) for name, text in PAGES.items()}
COMMANDS: Any = get_command(app)
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))


def found(pattern: str, pages: dict[str, str] = PAGES) -> list[tuple[str, str]]:
    return sorted({(name, hit) for name, text in pages.items() for hit in re.findall(pattern, text, re.M)})


@cache
def anchors(page: Path) -> list[str]:
    headings = re.findall(r"^#+ (.+)$", PROSE[page.relative_to(ROOT).as_posix()], re.M)
    return [slugify(re.sub(r"[`*]", "", heading), "-") for heading in headings]


def nav_pages(entries: Any) -> set[str]:
    if isinstance(entries, str):
        return {entries}
    return {page for entry in entries for page in nav_pages(list(entry.values()) if isinstance(entry, dict) else entry)}


def test_nothing_is_left_to_fill_in() -> None:
    assert not [name for name, text in PAGES.items() if "@@" in text or "TODO" in text]


def leads_nowhere(page: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
    if not target.exists() or (anchor and anchor not in anchors(target)):
        return True
    return page != "README.md" and not target.is_relative_to(DOCS)  # the site has nothing but docs/


def test_every_link_leads_somewhere() -> None:
    links = found(r"\]\(((?!https?:)[^)\s]+)\)", PROSE)
    assert len(links) > 50
    assert not [one for one in links if leads_nowhere(*one)]


def test_a_heading_occurs_once_in_its_page() -> None:
    assert not [name for name in PAGES if len(set(anchors(ROOT / name))) < len(anchors(ROOT / name))]


def test_every_page_is_in_the_navigation_and_nothing_else() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    assert nav_pages(nav) == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def test_every_picture_is_shown() -> None:
    shown = {Path(link).name for _, link in found(r"!\[[^]]*\]\(([^)]+)\)")}
    assert shown == {path.name for kind in ("jpg", "png") for path in DOCS.glob(f"*.{kind}")}


def test_every_make_target_exists() -> None:
    named = found(r"(?:`|^)make ([a-z0-9-]+)")
    assert named
    assert not [one for one in named if one[1] not in TARGETS]


def unknown_words(call: str) -> set[str]:
    """Words of a command line that name no command and no option of it."""
    command, words = COMMANDS, shlex.split(call.replace("…", ""))
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in command.commands:
            return {name} if not name.isupper() else set()
        command = command.commands[name]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    return {word.partition("=")[0] for word in words if word.startswith("--")} - known


def test_every_command_and_its_options_exist() -> None:
    calls = found(r"(?:`|^|\$\(|\.venv/bin/)labelline ((?:--)?[a-z][^`#\n)]*)")
    assert len(calls) > 20
    assert not [(page, call) for page, call in calls if unknown_words(call)]


def test_every_command_is_told_of() -> None:
    told = {call.split()[0] for _, call in found(r"labelline ([a-z]+)")}
    assert set(COMMANDS.commands) <= told


def test_every_flow_is_told_of() -> None:
    flows = {path.stem for path in (ROOT / "flows").rglob("*.py") if "@flow" in path.read_text()}
    for page in ("README.md", "docs/flows.md"):
        assert flows <= set(re.findall(r"^\| \[?`(\w+)`", PAGES[page], re.M)), page


def test_every_file_and_folder_exists() -> None:
    paths = found(r"`((?:flows|tasks|blocks|infra|tests|docs|notebooks)/[\w./-]*)[`:]")
    assert len(paths) > 20
    assert not [(page, path) for page, path in paths if not (ROOT / path).exists()]


def test_every_module_that_is_run_exists() -> None:
    modules = found(r"python -m ((?:flows|tasks|blocks|infra|tests)[\w.]*)")
    files = [(page, name, ROOT / name.replace(".", "/")) for page, name in modules]
    assert not [one for one in files if not (one[2].with_suffix(".py").exists() or (one[2] / "__main__.py").exists())]


def unknown_names(given: Any, taken: Any) -> set[str]:
    """Names of an example that the model does not have itself: a former name loads, and is no example."""
    if not (isinstance(given, dict) and isinstance(taken, dict)):
        return set()
    deeper = {name for key in given.keys() & taken.keys() for name in unknown_names(given[key], taken[key])}
    return deeper | (given.keys() - taken.keys())


def test_every_example_of_options_is_taken_by_a_line() -> None:
    examples = found(r"^```json\n([\s\S]*?)^```")
    assert examples
    for page, text in examples:
        given = {"collection": "lots", "classes": ["car", "truck"]} | json.loads(text)
        assert not unknown_names(given, LineOptions.model_validate(given).model_dump()), page


def test_no_page_calls_an_option_by_a_former_name() -> None:
    options = PAGES["docs/options.md"]
    former = set(re.findall(r"`(\w+)` \(now `", options)) - set(re.findall(r"^\| `(\w+)`", options, re.M))
    pages = {name: text for name, text in PAGES.items() if name != "docs/options.md"}
    assert former
    assert not [(page, name) for page, name in found(r"`(\w+)`", pages) if name in former]


def test_the_page_of_options_says_what_the_models_say() -> None:
    assert (DOCS / "options.md").read_text() == options_page(), "write it anew: python -m infra.docs"


def test_the_site_builds_without_a_warning_and_asks_nobody_for_anything(tmp_path: Path) -> None:
    zensical = Path(sys.executable).with_name("zensical")
    if not zensical.exists():
        pytest.skip("zensical is not installed: pip install the extra 'docs'")
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    listing = ["make", "--no-print-directory", "-n", "-o", "setup", "docs"]
    recipe = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    fresh, build, *_ = [line.split() for line in recipe.stdout.splitlines()]
    assert fresh[1:] == ["-m", "infra.docs"]
    assert build[0].endswith("/zensical")
    assert "--strict" in build
    built = subprocess.run([zensical, *build[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    site = tmp_path / "build" / "site"
    assert {path.stem for path in site.rglob("*.html")} >= {path.stem for path in DOCS.glob("*.md")}
    fetched = (
        r"<(?:script|img|iframe)[^>]+src=[\"']?https?:|<link[^>]+(?:stylesheet|preconnect|icon)[^>]+href=[\"']?https?:"
    )
    assert not [page.name for page in site.rglob("*.html") if re.search(fetched, page.read_text())]
