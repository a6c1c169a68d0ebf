"""Raw JSON, regular expressions and dumps of libraries are no words."""

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch
from blocks.errors import BadOption
from flows.options import LineOptions
from infra.cli.collections import require_collection
from infra.cli.words import did_you_mean, in_words
from infra.stack.orchestration.runs import refusal_in_words


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"collection": "<b>", "classes": ["car"]}, "collection: the collection '<b>' has < and > in its name"),
        ({"collection": "lots", "classes": ["car", "Car"]}, "classes: the classes 'car' and 'Car' differ"),
        ({"collection": "lots", "classes": ["car"], "tiling": {"tile_px": 700}}, "tiling.tile_px: input should be a"),
        ({"collection": "lots", "classes": ["car"], "batch_size": 0}, "(got 0)"),
        ({"collection": "lots", "classes": ["car"], "finder": {}}, "finder is no option"),
        ({"classes": ["car"]}, "collection is missing"),
    ],
)
def test_what_is_wrong_with_options_is_told_with_its_place(options: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LineOptions.model_validate(options)
    words = in_words(refused.value)
    assert told in words
    assert "errors.pydantic.dev" not in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"detail": "Validation failed for field \'line\'"}', "Validation failed for field 'line'"),
        ('{"detail": [{"loc": ["body"], "msg": "Field required"}]}', "Field required"),
        ("<html>", "<html>"),
        ("[1]", "[1]"),
    ],
)
def test_a_servers_answer_is_told_without_its_json(body: str, told: str) -> None:
    assert refusal_in_words(body) == told


def test_a_name_that_is_not_known_gets_the_nearest_one() -> None:
    assert did_you_mean("photos (1)", ["Photos (1)", "lots"], "collections") == "Did you mean 'Photos (1)'?"
    assert did_you_mean("zebra", ["lots", "cars"], "collections") == "Known collections: cars, lots."
    assert did_you_mean("zebra", [], "collections") == "There are no collections yet."


def test_a_collection_is_found_by_its_name_or_the_nearest_is_told(engine: Engine) -> None:
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "Photos (1)"}])
    assert require_collection(engine, "Photos (1)") == "Photos (1)"
    assert require_collection(engine, " Photos (1) ") == "Photos (1)"
    for name in ("photos (1)", "Photo (1)"):
        with pytest.raises(BadOption, match=r"Did you mean 'Photos \(1\)'"):
            require_collection(engine, name)
    with pytest.raises(BadOption, match="without a name"):
        require_collection(engine, "")
