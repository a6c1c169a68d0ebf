"""The file of options: it loads as it is, gives the defaults, and what is commented out loads as well."""

import re

import yaml
from typer.testing import CliRunner

from flows.loop import LoopOptions
from flows.options import LineOptions
from infra.cli.main import app
from infra.docs.options_file import EXAMPLES, options_file


def test_it_says_what_holds_where_nothing_is_given() -> None:
    line = LineOptions.model_validate(yaml.safe_load(options_file(LineOptions)))
    assert line == LineOptions.model_validate(EXAMPLES)


def test_what_stands_behind_a_hash_can_be_switched_on() -> None:
    text = options_file(LineOptions)
    block = text[text.index("# confirm:") : text.index("# With suggest and propagate: ask in rounds")]
    on = "\n".join(re.sub("^# ?", "", line) for line in block.splitlines())
    switched = text.replace("confirm: null\n", "", 1).replace(block, on + "\n")
    line = LineOptions.model_validate(yaml.safe_load(switched))
    assert line.confirm is not None
    assert line.confirm == type(line.confirm)()


def test_every_option_is_there_and_said_in_a_comment() -> None:
    text = options_file(LineOptions)
    for name, field in LineOptions.model_fields.items():
        assert re.search(rf"^{name}:", text, re.MULTILINE), name
        assert (field.description or "").split()[0].replace("`", "") in text
    assert max(len(line) for line in text.splitlines()) <= 120


def test_models_inside_of_models_are_written_out_too() -> None:
    assert LoopOptions.model_validate(yaml.safe_load(options_file(LoopOptions)) | {"line": EXAMPLES}).goal is not None


def test_the_command_prints_it() -> None:
    assert CliRunner().invoke(app, ["options"]).stdout == options_file(LineOptions)
