"""The README is what a new user runs first, so all it names must exist: commands, targets, links, the flow shown."""

import ast
import re
from pathlib import Path

import pytest
from typer.main import get_command

from infra.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", README))))
def test_a_make_target_exists(target: str) -> None:
    assert target in TARGETS


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^labelline ([a-z]+)|`labelline ([a-z]+)", README, re.M))))
def test_a_command_exists(command: tuple[str, str]) -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    assert "".join(command) in known


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_a_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_flow_it_shows_is_the_flow_that_runs() -> None:
    source = (ROOT / "flows" / "label.py").read_text()
    flow = next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "label")
    shown = re.search(r"```python\n(.*?)```", README, re.S)
    assert shown is not None
    after_docstring = flow.body[1].lineno - 1
    body = "\n".join(source.splitlines()[after_docstring : flow.end_lineno])
    assert body in shown.group(1)
