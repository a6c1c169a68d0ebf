"""The servers of the stack: how each is started, and by which address it says that it is well."""

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.stack.doors.arguments import LOGIN_VARIABLE, SCORE_VARIABLE
from infra.stack.doors.hosts import allowed_origins
from infra.stack.servers.label_studio import (
    find_label_studio,
    inherited_by_label_studio,
    label_studio_command,
    label_studio_doors,
    label_studio_settings,
)
from infra.stack.state import HOST, ServiceName, StackState

WORK_POOL = "labelline"
WORKER_NAME = "this-machine"
PLUGS = "local"
"""The name under which the stack saves its blocks."""

OUR_LOGGERS = ("flows", "tasks", "blocks", "infra")


def _inherited() -> dict[str, str]:
    # A person's own Prefect settings (a cloud profile, another server) must not reach into the local stack.
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


@dataclass(frozen=True)
class Service:
    """One server: its command line, environment and health.

    Attributes:
        name: Which one.
        arguments: Program and arguments; nothing secret, as everybody on the machine can read them.
        settings: What we set of its environment.
        health_url: Answers 200 when the server is well; None for the worker, which does not listen.
        start_limit_s: How long its first start may take on a slow machine.
        inherited: What it has of the environment of whoever starts it.
    """

    name: ServiceName
    arguments: list[str]
    settings: dict[str, str] = field(repr=False)  # holds secrets
    health_url: str | None
    start_limit_s: float
    inherited: dict[str, str] = field(default_factory=_inherited, repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """All of its environment."""
        return {**self.inherited, **self.settings}

    @property
    def fingerprint(self) -> str:
        """A text that is another one for other arguments or settings, and tells nothing of them."""
        parts = [*self.arguments, *(f"{name}={value}" for name, value in sorted(self.settings.items()))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def stack_environment(state: StackState) -> dict[str, str]:
    """Return the environment variables under which a child process works with the local stack."""
    return {
        "LABELLINE_HOME": str(state.home),
        "PREFECT_HOME": str(state.home / "prefect"),
        "PREFECT_API_URL": state.urls.prefect_api,
        "PREFECT_API_AUTH_STRING": state.credentials.prefect_login,
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
    who = (credentials.email, credentials.password.get_secret_value(), state.label_studio_token)
    home, port = label_studio_home(state), state.ports[ServiceName.LABEL_STUDIO]
    arguments, _whole = label_studio_command(find_label_studio(), home, port, *who)
    settings = {**label_studio_settings(home, *who), **label_studio_doors(state.public_hosts)}
    # Without a key of its own Label Studio draws one at each start, and everybody is logged out.
    settings["SECRET_KEY"] = credentials.label_studio_key.get_secret_value()
    health = f"{state.urls.label_studio}/health"
    return Service(ServiceName.LABEL_STUDIO, arguments, settings, health, 300, inherited_by_label_studio())


def _prefect(state: StackState) -> Service:
    port = str(state.ports[ServiceName.PREFECT])
    arguments = [sys.executable, "-m", "infra.stack.doors.prefect_server", *_listen(port, state)]
    settings = {
        **stack_environment(state),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(allowed_origins(state.public_hosts, int(port))),
        "PREFECT_UI_API_URL": "/api",  # under whatever name the page was opened
        "PREFECT_SERVER_API_AUTH_STRING": state.credentials.prefect_login,
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "20",
        "PREFECT_UI_URL": state.urls.prefect_ui,
    }
    return Service(ServiceName.PREFECT, arguments, settings, f"{state.urls.prefect_api}/health", 120)


def _mlflow(state: StackState) -> Service:
    port = str(state.ports[ServiceName.MLFLOW])
    store = ["--backend-store-uri", tracking_uri(state.home), "--default-artifact-root", artifact_root(state.home)]
    arguments = [sys.executable, "-m", "infra.stack.doors.mlflow_server", *store, *_listen(port, state)]
    # It has nothing to say to Prefect: it asks people for the same name and password, and that is all.
    ours = {name: value for name, value in stack_environment(state).items() if not name.startswith("PREFECT_")}
    login = {LOGIN_VARIABLE: state.credentials.prefect_login}
    settings = {**ours, **login, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Service(ServiceName.MLFLOW, arguments, settings, f"{state.urls.mlflow}/health", 120)


def _gateway(state: StackState) -> Service:
    port = str(state.ports[ServiceName.GATEWAY])
    arguments = [sys.executable, "-m", "infra.gateway", "--plugs", PLUGS, *_listen(port, state)]
    # The gateway reads its secrets from a block: this alone makes it start anew when they have changed.
    settings = {
        **stack_environment(state),
        "LABELLINE_SECRETS_OF": state.credentials.gateway_fingerprint,
        LOGIN_VARIABLE: state.credentials.prefect_login,
        SCORE_VARIABLE: state.credentials.score_bearer,
        # Suggestions solve small systems: two threads take 30 times as long as one where something else runs.
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
    }
    return Service(ServiceName.GATEWAY, arguments, settings, f"{state.urls.gateway}/health", 60)


def _worker(state: StackState) -> Service:
    pool = ["--pool", WORK_POOL, "--type", "process", "--name", WORKER_NAME]
    arguments = [sys.executable, "-m", "prefect", "worker", "start", *pool]
    settings = {
        **stack_environment(state),
        # How long a woken run waits for its process: the defaults are made for far-away servers.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
        # torch's threads wait for each other after every layer. Spinning, they take the cores from each other wherever
        # something else runs, as the servers do: an epoch of small pictures took 24 to 45 s so, and asleep 5 to 6 s.
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
    }
    return Service(ServiceName.WORKER, arguments, settings, None, 60)


def _listen(port: str, state: StackState) -> list[str]:
    names = [argument for name in state.public_hosts for argument in ("--public-host", name)]
    return ["--host", HOST, "--port", port, *names]


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
