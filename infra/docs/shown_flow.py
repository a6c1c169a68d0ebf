"""The flow that the README shows is the flow that runs."""

import ast
import re

BLOCK = re.compile(r"(```python\n)(.*?)(```)", re.S)


def label_flow(source: str) -> str:
    """Return the flow `label` of a module's source, with its decorator and the first line of its docstring."""
    flow = next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "label")
    lines = source.splitlines()
    head = lines[flow.decorator_list[0].lineno - 1 : flow.body[0].lineno - 1]
    told = (ast.get_docstring(flow) or "").splitlines()[0]
    body = lines[flow.body[1].lineno - 1 : flow.end_lineno]
    return "\n".join([*head, f'    """{told}"""', *body]) + "\n"


def with_shown_flow(page: str, source: str) -> str:
    """Return a page with the flow in its first block of Python."""
    return BLOCK.sub(lambda found: found[1] + label_flow(source) + found[3], page, count=1)
