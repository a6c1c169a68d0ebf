"""All options of a line as a file to edit: YAML with every option, its default, and above it what it does.

What can be left empty and then has options of its own stands behind `#`, with the defaults that it would have.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from infra.docs.options_page import REF, Schema, in_words

EXAMPLES: dict[str, Any] = {"collection": "photos", "classes": ["car", "truck"]}
"""Values of what has no default."""

EMPTY: dict[str, Any] = {"object": {}, "array": []}
"""What stands in the schema for no entries: nothing."""

WIDTH = 110


def options_file(model: type[BaseModel]) -> str:
    """Return the options of a model as commented YAML that can be read as it is.

    Args:
        model: Every field of it has a default, or a value in `EXAMPLES`; so have the models inside of it.
    """
    schema = model.model_json_schema(ref_template=REF + "{model}")
    return "\n".join(_lines(schema, schema.get("$defs", {}), {})) + "\n"


def _lines(schema: Schema, models: dict[str, Schema], values: dict[str, Any]) -> Iterator[str]:
    for name, field in schema["properties"].items():
        value = values.get(name, field.get("default", EXAMPLES.get(name, EMPTY.get(field.get("type", "")))))
        yield from _comment(field)
        inner = _model_of(field, models)
        if inner is None:
            yield f"{name}: {json.dumps(value, ensure_ascii=False)}"  # which is YAML as well
        elif value is None:
            yield f"{name}: null"
            yield f"# {name}:"
            yield from (f"#   {line}".rstrip() for line in _lines(inner, models, {}))
        else:
            yield f"{name}:"
            yield from (f"  {line}".rstrip() for line in _lines(inner, models, value))
        yield ""


def _comment(field: Schema) -> Iterator[str]:
    told = " ".join(field.get("description", "").split())
    kinds = field.get("anyOf", [field])
    if not any("$ref" in kind for kind in kinds):
        told = f"{told.rstrip('.')}. Takes: {' or '.join(in_words(kind) for kind in kinds)}."
    plain = re.sub(r"\[(\w+)\]\(#\w+\)", r"\1", told).replace("`", "")
    yield from (f"# {line}" for line in textwrap.wrap(plain, WIDTH))


def _model_of(field: Schema, models: dict[str, Schema]) -> Schema | None:
    """Return the model that a field holds, be it always or where it is not empty."""
    refs = [kind["$ref"] for kind in field.get("anyOf", [field]) if "$ref" in kind]
    model = models[refs[0].removeprefix(REF)] if len(refs) == 1 else None
    return model if model and "properties" in model else None
