"""`import`: labels that there are already come in; read and checked here first, then brought in by a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from blocks.errors import BadOption
from blocks.plugs import open_catalog, open_store
from infra.cli.commands.line_commands import run_address
from infra.cli.progress.follow import follow_run
from infra.cli.readiness import running_stack
from infra.cli.words import in_words, this_command
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import PLUGS

if TYPE_CHECKING:
    from tasks.dataset.imports.options import ImportOptions
    from tasks.dataset.imports.report import ImportReport

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


def import_from(home: Path, asked: Mapping[str, object]) -> "ImportReport":
    """Bring labels into a collection, and say what became of each of them.

    Args:
        home: The state folder.
        asked: Of `ImportOptions`.

    Raises:
        BadInput: The labels cannot be read, or contradict the collection; nothing has come in then.
        StackError: The stack cannot take runs, or the run failed. The same command goes on with what is missing.
    """
    from tasks.dataset.imports.bring_in import read_report
    from tasks.dataset.imports.preparing.prepare import prepare_import

    options = _options(asked)
    state = running_stack(home, console.print)
    with connected(state) as client:
        engine, store = open_catalog(PLUGS), open_store(PLUGS)
        with console.status(f"reading {escape(options.path)} …") as line:
            plan = prepare_import(
                engine,
                store,
                options,
                lambda count: line.update(f"reading {escape(options.path)} … {count:,} items"),
            )
        for told in plan.names:
            console.print(told)
        run = start_run(client, deployed_as("import-labels"), options=options.model_dump(mode="json"), prepared=plan.id)
        console.print(f"importing {plan.name} ({plan.format}) into {plan.collection}: {run_address(state, run)}")
        follow_run(client, state, run, f"bringing in {plan.facts.get('labels', 0):,} labels")
        report = read_report(store, plan.id)
        for told in report.told():
            console.print(told)
        for told in report.next_steps(this_command()):
            console.print(told)
        return report


def _options(asked: Mapping[str, object]) -> "ImportOptions":
    from tasks.dataset.imports.options import ImportOptions

    try:
        return ImportOptions.model_validate(asked)
    except ValidationError as error:
        raise BadOption(f"nothing can be imported like this: {in_words(error)}") from error
