"""All options that a run can be given, as a page: from the parameters of the flows that `prefect.yaml` deploys.

The source is the JSON schema behind Prefect's run form, so the page says what the form says: names, bounds, defaults
and the fields' own descriptions.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

Schema = Mapping[str, Any]

ROOT = Path(__file__).parents[2]
FIRST = ("label", "loop", "retrain", "second_look", "ask_again", "watch", "export", "intake", "monitor")
"""What people start themselves, in the order of the page; other flows follow."""

REF = "#/definitions/"
HEAD = "| option | value | default | what it does |\n|---|---|---|---|"
WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no", "null": "empty"}
BOUNDS = {
    "minItems": "at least",
    "maxItems": "at most",
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}
INTRODUCTION = """# All options

What a run of each of the [flows](flows.md) can be given: in Prefect's run form, and as parameters of a deployment. The
options of a line are `LineOptions`; `labelline options` prints them as a file to edit, which
`labelline label --line` and `labelline people --line` read. What is not named keeps its
default, and an unknown name is refused. `make docs` writes this page from the models.
"""


def options_page() -> str:
    """Return the page, in Markdown."""
    schemas = {name: _parameters(entrypoint) for name, entrypoint in _entrypoints().items()}
    models: dict[str, Schema] = {}
    parts = [INTRODUCTION]
    for name, schema in schemas.items():
        parts.append(_flow_section(name, schema))
        models |= dict(models_of(schema))
    parts += [_model_section(name, model) for name, model in models.items()]
    return "\n".join(parts)


def _entrypoints() -> dict[str, str]:
    """Return the deployed flows with their module paths, those first that people start."""
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    found = {one["entrypoint"].rpartition(".")[2]: one["entrypoint"] for one in deployments}
    return {name: found[name] for name in sorted(found, key=lambda name: (*(name != one for one in FIRST), name))}


def _parameters(entrypoint: str) -> Schema:
    module, _, name = entrypoint.rpartition(".")
    schema: Schema = getattr(import_module(module), name).parameters.model_dump()
    return schema


def _flow_section(name: str, schema: Schema) -> str:
    rows = "\n".join(rows_of(schema, leave_out=("plugs",)))
    return f"## Flow {name}\n\n{HEAD}\n{rows}\n" if rows else f"## Flow {name}\n\nNothing to choose.\n"


def _model_section(name: str, model: Schema) -> str:
    rows = "\n".join(rows_of(model))
    former = ", ".join(f"`{old}` (now `{new}`)" for old, new in model.get("x-former-names", {}).items())
    told = f"\nFormer names, which still load with a warning: {former}.\n" if former else ""
    return f"## {name}\n\n{_flat(model.get('description', ''))}\n\n{HEAD}\n{rows}\n{told}"


def rows_of(schema: Schema, leave_out: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a row for each field of a model, or parameter of a flow."""
    for name, field in schema.get("properties", {}).items():
        if name not in leave_out:
            default = "required" if name in schema.get("required", ()) else _default(field)
            yield f"| `{name}` | {in_words(field)} | {default} | {_flat(field.get('description', ''))} |"


def in_words(field: Schema) -> str:
    """Say in words which values a field takes."""
    match field:
        case {"$ref": ref}:
            name = ref.removeprefix(REF)
            told = f"[{name}](#{name.lower()})"
        case {"anyOf": kinds} | {"oneOf": kinds}:
            told = " or ".join(in_words(one) for one in kinds)
        case {"enum": values}:
            told = " or ".join(f"`{value}`" for value in values)
        case {"const": value}:
            told = f"`{value}`"
        case {"type": "array", "prefixItems": kinds}:
            told = " and ".join(in_words(one) for one in kinds)
        case {"type": "array", "items": kind}:
            told = f"list of {in_words(kind)}"
        case {"type": "object", "additionalProperties": dict(kind)}:
            told = f"by name: {in_words(kind)}"
        case _:
            told = WORDS.get(field.get("type", ""), "any value")
    return ", ".join([told, *(f"{words} {field[name]:,}" for name, words in BOUNDS.items() if name in field)])


def _default(field: Schema) -> str:
    """Say what holds where nothing is given: a model's own defaults stand in the model's section."""
    value = field.get("default")
    if value in (None, "", [], {}):
        return "empty"
    if "$ref" in field and isinstance(value, dict):
        return "as there"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _flat(text: str) -> str:
    """Return a text that fits into a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def models_of(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield all models of a schema in the order in which a reader meets them, each once."""
    definitions, waiting, met = schema.get("definitions", {}), _named(schema.get("properties", {})), set[str]()
    while waiting:
        name = waiting.pop(0)
        if name not in met and "properties" in definitions[name]:
            met.add(name)
            yield name, definitions[name]
            waiting += _named(definitions[name]["properties"])


def _named(properties: object) -> list[str]:
    """Return the models that properties name, to any depth."""
    if isinstance(properties, dict):
        own = [properties["$ref"].removeprefix(REF)] if "$ref" in properties else []
        return own + [name for key, value in properties.items() if key != "default" for name in _named(value)]
    if isinstance(properties, list):
        return [name for value in properties for name in _named(value)]
    return []
