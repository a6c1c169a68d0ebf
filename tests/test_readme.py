"""The README is the front door: short, true, and on the way to labels of one's own. Pages: see test_docs.py."""

import re
from pathlib import Path

from infra.docs.shown_flow import with_shown_flow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MOST_LINES = 150


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_the_flow_it_shows_is_the_flow_that_runs() -> None:
    assert with_shown_flow(README, (ROOT / "flows" / "label.py").read_text()) == README, "python -m infra.docs"


def test_own_images_take_three_commands() -> None:
    steps = re.search(r"## Your own images, in three commands\n\n```\n(.*?)```", README, re.S)
    assert steps is not None
    assert [re.split(r" {2,}", line)[0].split()[:2] for line in steps[1].splitlines()] == [
        ["make", "up"],
        [".venv/bin/labelline", "label"],
        [".venv/bin/labelline", "export"],
    ]


def test_it_leads_to_every_page() -> None:
    pages = {f"docs/{page.relative_to(ROOT / 'docs').as_posix()}" for page in (ROOT / "docs").rglob("*.md")}
    assert pages <= set(re.findall(r"\]\(([^)#]+)", README))
