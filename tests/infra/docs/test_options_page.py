"""The page of all options says in words what the form of Prefect takes."""

from typing import Any

import pytest

from infra.docs.options_page import in_words, models_of, rows_of

SCHEMA: dict[str, Any] = {
    "properties": {
        "line": {"$ref": "#/definitions/Outer", "description": "What is\nlabelled | how."},
        "plugs": {"type": "string"},
        "often": {"type": "integer", "default": 3},
    },
    "required": ["line"],
    "definitions": {
        "Outer": {"properties": {"inner": {"anyOf": [{"$ref": "#/definitions/Inner"}, {"type": "null"}]}}},
        "Inner": {"properties": {"again": {"$ref": "#/definitions/Outer"}}},
        "Colour": {"enum": ["red", "green"]},
    },
}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({}, "any value"),
        ({"type": "string"}, "text"),
        ({"type": "integer", "minimum": 1, "maximum": 100000}, "whole number, at least 1, at most 100,000"),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, "number, more than 0, less than 0.5"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list of text, at least 1"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "by name: whole number"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or empty"),
        ({"enum": ["torch", "auto"]}, "`torch` or `auto`"),
        ({"$ref": "#/definitions/LineOptions"}, "[LineOptions](#lineoptions)"),
    ],
)
def test_a_field_says_which_values_it_takes(field: dict[str, Any], words: str) -> None:
    assert in_words(field) == words


def test_a_row_fits_into_its_table_and_says_what_must_be_given() -> None:
    line, often = rows_of(SCHEMA, leave_out=("plugs",))
    assert line == "| `line` | [Outer](#outer) | required | What is labelled \\| how. |"
    assert often == "| `often` | whole number | `3` |  |"


def test_models_come_in_the_order_in_which_they_are_met_each_once() -> None:
    assert [name for name, _ in models_of(SCHEMA)] == ["Outer", "Inner"]
