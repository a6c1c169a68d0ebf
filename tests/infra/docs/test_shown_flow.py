"""A page that shows a flow shows all of it, and of its docstring the first line."""

from infra.docs.shown_flow import label_flow, with_shown_flow

SOURCE = '''"""A module."""

@flow(name="x")
def label(line: Line) -> Report:
    """Label a batch.

    Args:
        line: Which.
    """
    return ask(line)  # people


def other() -> None: ...
'''
SHOWN = '''@flow(name="x")
def label(line: Line) -> Report:
    """Label a batch."""
    return ask(line)  # people
'''


def test_the_flow_is_shown_without_the_text_of_its_form() -> None:
    assert label_flow(SOURCE) == SHOWN


def test_only_the_first_block_of_a_page_is_written_anew() -> None:
    page = "# Line\n```python\nold\\1\n```\nmore\n```python\nkept\n```\n"
    assert with_shown_flow(page, SOURCE) == page.replace("old\\1\n", SHOWN)
