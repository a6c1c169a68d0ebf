"""The servers of the stack: how each is started, and by which address it says that it is well."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.stack.label_studio import find_label_studio, label_studio_command
from infra.stack.state import HOST, ServiceName, StackState

WORK_POOL = "labelline"
WORKER_NAME = "this-machine"
PLUGS = "local"
"""The name under which the stack saves its blocks."""

OUR_LOGGERS = ("flows", "tasks", "blocks", "infra")


@dataclass(frozen=True)
class Service:
    """One server: its command line, environment and health.

    Attributes:
        name: Which one.
        arguments: Program and arguments; nothing secret, as everybody on the machine can read them.
        environment: All of its environment.
        health_url: Answers 200 when the server is well; None for the worker, which does not listen.
        start_limit_s: How long its first start may take on a slow machine.
    """

    name: ServiceName
    arguments: list[str]
    environment: dict[str, str] = field(repr=False)  # holds secrets
    health_url: str | None
    start_limit_s: float


def stack_environment(state: StackState) -> dict[str, str]:
    """Return the environment variables under which a child process works with the local stack."""
    return {
        "LABELLINE_HOME": str(state.home),
        "PREFECT_HOME": str(state.home / "prefect"),
        "PREFECT_API_URL": state.urls.prefect_api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(OUR_LOGGERS),
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # the gateway's lines belong to no run
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_CLI_PROMPT": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "YOLO_OFFLINE": "1",
    }


def describe_service(name: ServiceName, state: StackState) -> Service:
    """Return how a service of this stack is started."""
    return _DESCRIPTIONS[name](state)


def _label_studio(state: StackState) -> Service:
    credentials = state.credentials
    arguments, environment = label_studio_command(
        find_label_studio(),
        label_studio_home(state),
        state.ports[ServiceName.LABEL_STUDIO],
        email=credentials.email,
        password=credentials.password.get_secret_value(),
        token=credentials.label_studio_token.get_secret_value(),
    )
    # Without a key of its own Label Studio draws one at each start, and everybody is logged out.
    environment["SECRET_KEY"] = credentials.label_studio_key.get_secret_value()
    return Service(ServiceName.LABEL_STUDIO, arguments, environment, f"{state.urls.label_studio}/health", 300)


def _prefect(state: StackState) -> Service:
    port = str(state.ports[ServiceName.PREFECT])
    arguments = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", port]
    environment = {
        **_our_environment(state),
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "20",
        "PREFECT_UI_URL": state.urls.prefect_ui,
    }
    return Service(ServiceName.PREFECT, arguments, environment, f"{state.urls.prefect_api}/health", 120)


def _mlflow(state: StackState) -> Service:
    port = str(state.ports[ServiceName.MLFLOW])
    store = ["--backend-store-uri", tracking_uri(state.home), "--default-artifact-root", artifact_root(state.home)]
    # The default of four workers takes 270 MB each.
    server = ["--host", HOST, "--port", port, "--workers", "1"]
    arguments = [sys.executable, "-m", "mlflow", "server", *store, *server]
    environment = {**_our_environment(state), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Service(ServiceName.MLFLOW, arguments, environment, f"{state.urls.mlflow}/health", 120)


def _gateway(state: StackState) -> Service:
    port = str(state.ports[ServiceName.GATEWAY])
    arguments = [sys.executable, "-m", "infra.gateway", "--plugs", PLUGS, "--host", HOST, "--port", port]
    return Service(ServiceName.GATEWAY, arguments, _our_environment(state), f"{state.urls.gateway}/health", 60)


def _worker(state: StackState) -> Service:
    pool = ["--pool", WORK_POOL, "--type", "process", "--name", WORKER_NAME]
    arguments = [sys.executable, "-m", "prefect", "worker", "start", *pool]
    environment = {
        **_our_environment(state),
        # How long a woken run waits for its process: the defaults are made for far-away servers.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
    }
    return Service(ServiceName.WORKER, arguments, environment, None, 60)


_DESCRIPTIONS: dict[ServiceName, Callable[[StackState], Service]] = {
    ServiceName.LABEL_STUDIO: _label_studio,
    ServiceName.PREFECT: _prefect,
    ServiceName.MLFLOW: _mlflow,
    ServiceName.GATEWAY: _gateway,
    ServiceName.WORKER: _worker,
}


def label_studio_home(state: StackState) -> Path:
    """Return the data folder of the local Label Studio."""
    return state.home / "label-studio"


def tracking_uri(home: Path) -> str:
    """Return the address of the local MLflow database."""
    return f"sqlite:///{home / 'mlflow.sqlite'}"


def artifact_root(home: Path) -> str:
    """Return where the local MLflow keeps files of runs."""
    return (home / "mlruns").as_uri()


def catalog_url(home: Path) -> str:
    """Return the address of the local catalogue."""
    return f"sqlite:///{home / 'catalog.sqlite'}"


def _our_environment(state: StackState) -> dict[str, str]:
    # A person's own Prefect settings (a cloud profile, another server) must not reach into the local stack.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**inherited, **stack_environment(state)}
