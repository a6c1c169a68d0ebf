"""The machine: what starts, shows, checks and ends the servers."""

from typing import Annotated, Any

import typer

from blocks.home import labelline_home

stack_app = typer.Typer()


def port_option(variable: str) -> Any:
    """Return the option of one port."""
    return typer.Option(min=1, max=65535, envvar=variable, help="Last time's, or a free one, where it is not given.")


@stack_app.command()
def up(
    label_studio_port: Annotated[int | None, port_option("LABELLINE_LABEL_STUDIO_PORT")] = None,
    prefect_port: Annotated[int | None, port_option("LABELLINE_PREFECT_PORT")] = None,
    mlflow_port: Annotated[int | None, port_option("LABELLINE_MLFLOW_PORT")] = None,
    gateway_port: Annotated[int | None, port_option("LABELLINE_GATEWAY_PORT")] = None,
    public_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="LABELLINE_PUBLIC_HOSTS",
            help="A name under which a proxy shows a server to others, such as labels.example.org. May be repeated; "
            "last time's where it is not given, '' for none.",
        ),
    ] = None,
) -> None:
    """Start Label Studio, Prefect, a worker, MLflow and the gateway, as far as they do not run."""
    from infra.cli.commands.stack_commands import start
    from infra.stack.start import StackOptions

    options = StackOptions(
        label_studio_port=label_studio_port,
        prefect_port=prefect_port,
        mlflow_port=mlflow_port,
        gateway_port=gateway_port,
        public_hosts=tuple(filter(None, public_host)) if public_host else None,
    )
    start(labelline_home(), options)


@stack_app.command()
def login() -> None:
    """Show where Label Studio, Prefect and MLflow are, and what to type there."""
    from infra.cli.commands.stack_commands import show_login

    show_login(labelline_home())


@stack_app.command()
def env() -> None:
    """Print what a shell needs for Prefect's own commands: run `eval "$(labelline env)"`, it holds a password."""
    from infra.cli.commands.login_commands import exports

    typer.echo(exports(labelline_home()))


@stack_app.command()
def down() -> None:
    """End everything that `up` started; data stay, and interrupted runs go on after the next `up`."""
    from infra.cli.commands.stack_commands import stop

    stop(labelline_home())


@stack_app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON, for other programs.")] = False,
) -> None:
    """Show what runs, what waits for people, by collection, and what the last sweep could not do."""
    from infra.cli.commands.stack_commands import show_status

    raise typer.Exit(0 if show_status(labelline_home(), as_json=as_json) else 1)


@stack_app.command()
def rotate() -> None:
    """Change all secrets: passwords, tokens, the signatures of links and webhooks; the servers are started anew."""
    from infra.cli.commands.stack_commands import rotate as change

    change(labelline_home())


@stack_app.command()
def blocks() -> None:
    """Register our block types in Prefect and save the documents of this machine."""
    from infra.cli.commands.stack_commands import register

    register(labelline_home())


@stack_app.command()
def doctor() -> None:
    """Check this machine and the stack: versions, ports, tokens, webhooks, disk."""
    from infra.doctor.examine import examine
    from infra.doctor.report import print_findings

    raise typer.Exit(print_findings(examine(labelline_home())))
