"""Fixtures that every test may use: an empty catalogue and store, the servers of the session, where real data lie."""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import certifi
import pytest
from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database.engine import open_engine
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore, Store
from infra.stack.servers.ports import FREE_RANGE, USUAL_PORTS, is_free
from tests.examples import set_examples
from tests.label_studio import colleague, label_studio, personal_token
from tests.postgres_server import PostgresServer, postgres_server
from tests.prefect_harness import client, prefect_api
from tests.s3_server import s3_server
from tests.unprivileged import closed_folder
from tests.work_units import begin_with_longest, pytest_xdist_make_scheduler

# Servers that run once per session: their fixtures are imported here and nowhere else.
__all__ = [
    "client",
    "closed_folder",
    "colleague",
    "label_studio",
    "personal_token",
    "postgres_server",
    "prefect_api",
    "pytest_xdist_make_scheduler",
    "s3_server",
]


def pytest_configure(config: pytest.Config) -> None:
    """Give a process one thread for arithmetic: two that share two cores wait for each other's. Keep our order.

    Compiled modules are kept, whatever the environment says: the tests start some hundred programs that import ours,
    and what one test process has compiled the others need not.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    config.option.loadscopereorder = False  # xdist would begin with the units of most tests
    set_examples()
    if not hasattr(config, "workerinput"):  # the processes of xdist have it from the one that starts them
        trust_one_authority(config)


def trust_one_authority(config: pytest.Config) -> None:
    """Let a test process, and all that it starts, read one certificate for each client it makes, and not 150.

    Reading all that a machine trusts takes 30 ms of a processor, in every process and for every client. No test asks a
    server of the outside. Prefect reads the variable when it is imported: here that is done already.
    """
    first, end, _rest = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
    folder = TemporaryDirectory(prefix="labelline-tests-")
    config.add_cleanup(folder.cleanup)
    authority = Path(folder.name) / "authority.pem"
    authority.write_text(first + end)
    os.environ["SSL_CERT_FILE"] = str(authority)
    os.environ.pop("SSL_CERT_DIR", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what lasts longest."""
    begin_with_longest(items)


@pytest.fixture(scope="session", autouse=True)
def ports_of_our_own() -> None:
    """Keep the stacks of this process off the usual ports.

    A stack that is started again needs the gateway's very port, and meanwhile the stack of another test process, or of
    a person, would have taken a usual one.
    """
    free = (port for port in random.sample(FREE_RANGE, 200) if is_free(port))
    USUAL_PORTS.update({service: next(free) for service in USUAL_PORTS})


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty catalogue, made once: a thousand tests copy it, and making it takes 0.1 s."""
    path = tmp_path_factory.mktemp("catalog") / "empty.sqlite"
    migrate(url := f"sqlite:///{path}")
    open_engine(url).dispose()  # the last connection to close writes all of it into the one file
    return path


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path, empty_catalog: Path) -> Engine:
    """A migrated, empty catalogue of its own: an SQLite file, or a PostgreSQL database where that is asked for."""
    if os.environ.get("LABELLINE_TEST_CATALOG") == "postgresql":
        return request.getfixturevalue("postgres_engine")
    shutil.copyfile(empty_catalog, tmp_path / "catalog.sqlite")
    return open_engine(f"sqlite:///{tmp_path / 'catalog.sqlite'}")


@pytest.fixture
def postgres_engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    """A migrated, empty catalogue in a PostgreSQL database of its own."""
    with postgres_server.database() as url:
        migrate(url)
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: that takes 4 s of a processor."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.sqlite"
    Experiments(f"sqlite:///{path}").client.search_experiments()
    return path


@pytest.fixture
def experiments(tmp_path: Path, empty_mlflow: Path) -> Experiments:
    """An MLflow without a server, in the test's folder."""
    shutil.copyfile(empty_mlflow, tmp_path / "mlflow.sqlite")
    return Experiments(f"sqlite:///{tmp_path / 'mlflow.sqlite'}", str(tmp_path / "mlartifacts"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty object store in a folder of its own."""
    return FolderStore(tmp_path / "objects")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures and weights; skips where it is absent."""
    folder = Path(os.environ.get("LABELLINE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data are not on this machine (looked in {folder}; set LABELLINE_DATA)")
    return folder
