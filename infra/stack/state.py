"""What is known of a stack between two commands: ports, process ids, addresses. Kept as `stack.json` in its home."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import StackError
from blocks.frozen import Frozen
from blocks.servers.annotation_server import AnnotationServer
from infra.stack.secrets.credentials import Credentials, read_credentials, write_private

HOST = "127.0.0.1"


class ServiceName(StrEnum):
    """The processes of a stack."""

    LABEL_STUDIO = "label-studio"
    PREFECT = "prefect"
    MLFLOW = "mlflow"
    GATEWAY = "gateway"
    WORKER = "worker"


class ProcessRecord(Frozen):
    """One started process; its creation time tells it from a later one with the same id."""

    pid: int
    created: float = Field(description="seconds since the epoch, as the kernel reports it")
    settings: str = Field(default="", description="fingerprint of arguments and settings; older versions kept none")


@dataclass(frozen=True, slots=True)
class StackUrls:
    """Where the user interfaces and services of a stack are."""

    prefect_api: str
    prefect_ui: str
    label_studio: str
    mlflow: str
    gateway: str


class StackState(BaseModel):
    """One stack: its home, its ports and its processes. Addresses and tokens are properties."""

    model_config = ConfigDict(extra="forbid", ignored_types=(cached_property,))

    home: Path
    ports: dict[ServiceName, int] = Field(default_factory=dict)
    processes: dict[ServiceName, ProcessRecord] = Field(default_factory=dict)
    public_hosts: list[str] = Field(default_factory=list, description="names of the servers beside this machine's own")
    deployed: str = Field(default="", description="fingerprint of what was last deployed to Prefect")
    account: str = Field(default="", description="fingerprint of what Label Studio's administrator last got")
    posted_with: str = Field(default="", description="fingerprint of the secrets that links and webhooks carry")

    @property
    def urls(self) -> StackUrls:
        """The addresses of the services."""
        base = {name: f"http://{HOST}:{port}" for name, port in self.ports.items()}
        return StackUrls(
            prefect_api=f"{base[ServiceName.PREFECT]}/api",
            prefect_ui=base[ServiceName.PREFECT],
            label_studio=base[ServiceName.LABEL_STUDIO],
            mlflow=base[ServiceName.MLFLOW],
            gateway=base[ServiceName.GATEWAY],
        )

    @cached_property
    def credentials(self) -> Credentials:
        """The secrets of this stack, read from its home."""
        return read_credentials(self.home)

    @property
    def label_studio_token(self) -> str:
        """The administrator's legacy token for Label Studio."""
        return self.credentials.label_studio_token.get_secret_value()

    @property
    def link_secret(self) -> str:
        """Signs links to images."""
        return self.credentials.link_secret.get_secret_value()

    @property
    def doorbell_secret(self) -> str:
        """By which the gateway knows Label Studio's webhooks."""
        return self.credentials.doorbell_secret.get_secret_value()

    @property
    def server(self) -> AnnotationServer:
        """The local Label Studio and its gateway; a saved block may name a team's own instead."""
        return AnnotationServer(
            url=self.urls.label_studio,
            api_token=self.label_studio_token,
            gateway_url=self.urls.gateway,
            link_secret=self.link_secret,
            doorbell_secret=self.doorbell_secret,
        )

    def log_path(self, name: str) -> Path:
        """Return where a service writes its log."""
        return self.home / "logs" / f"{name}.log"

    def save(self) -> None:
        """Write `stack.json`, whole or not at all."""
        write_private(self.home / "stack.json", self.model_dump_json(indent=1))


def read_state(home: Path) -> StackState | None:
    """Return what is known of the stack in a state folder; None where none was ever started.

    Raises:
        StackError: The file is damaged.
    """
    path = home / "stack.json"
    if not path.exists():
        return None
    try:
        state = StackState.model_validate_json(path.read_text())
    except ValueError as error:
        raise StackError(f"{path} is damaged: remove it and run `labelline up`; no labels are in it") from error
    # A home that was moved or copied keeps its ports; the processes are those of the place where it was started.
    return state if state.home == home else state.model_copy(update={"home": home, "processes": {}, "deployed": ""})


def open_stack(home: Path) -> StackState:
    """Return the stack of a state folder.

    Raises:
        StackError: None was ever started there.
    """
    state = read_state(home)
    if state is None or set(state.ports) < set(ServiceName) - {ServiceName.WORKER}:
        raise StackError(f"no stack was started in {home}: run `labelline up` first (or set LABELLINE_HOME)")
    return state
