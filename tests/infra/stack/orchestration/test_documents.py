"""The saved documents say where everything is: `up` follows the stack in them, and leaves alone what a person wrote."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from blocks.catalog import Catalog
from blocks.errors import StackError
from blocks.label_studio import LabelStudio
from blocks.object_store import ObjectStore
from infra.stack.orchestration.documents import (
    fingerprint_of,
    fingerprint_path,
    open_saved_catalog,
    save_blocks,
    saved_server,
    stays_as_it_is,
)
from infra.stack.orchestration.restored import RestoredPlugs, restored_path, write_restored
from infra.stack.report import report_stack
from infra.stack.secrets.credentials import ensure_credentials, secrets_path
from infra.stack.servers.services import PLUGS
from infra.stack.state import ServiceName, StackState

PORTS = {name: 23000 + place for place, name in enumerate(ServiceName)}
SLUGS = ("object-store", "catalog", "tracking", "label-studio")


MOVED = {"ports": {**PORTS, ServiceName.LABEL_STUDIO: 23100}}


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    """A stack that was set up and does not run; its Label Studio document was written."""
    home = tmp_path / "home"
    (home / "prefect").mkdir(parents=True)
    ensure_credentials(home)
    state = StackState(home=home, ports=PORTS)
    state.save()
    fingerprint_path(state).write_text(fingerprint_of(state.server))
    return state


@pytest.fixture
def saved(state: StackState, prefect_api: str) -> Iterator[StackState]:
    """The same, with its documents in the session's Prefect."""
    fingerprint_path(state).unlink()
    assert len(save_blocks(state)) == len(SLUGS)
    yield state
    with get_client(sync_client=True) as client:
        for slug in SLUGS:
            with suppress(ObjectNotFound):
                client.delete_block_document(client.read_block_document_by_name(PLUGS, f"labelline-{slug}").id)


def test_an_unchanged_document_stays(state: StackState) -> None:
    assert stays_as_it_is(state.server, state)


@pytest.mark.parametrize("fingerprinted", [True, False])
def test_label_studios_document_follows_the_stacks_ports(state: StackState, fingerprinted: bool) -> None:
    if not fingerprinted:
        fingerprint_path(state).unlink()
    assert not stays_as_it_is(state.server, state.model_copy(update=MOVED))


def test_label_studios_document_follows_new_secrets(state: StackState) -> None:
    before = state.server
    secrets_path(state.home).unlink()
    ensure_credentials(state.home)
    assert not stays_as_it_is(before, StackState(home=state.home, ports=PORTS))


@pytest.mark.parametrize("fingerprinted", [True, False])
@pytest.mark.parametrize(
    "edited",
    [
        {"url": "https://labels.example.org", "gateway_url": "https://pictures.example.org"},
        {"url": "http://127.0.0.1:8080", "api_token": "f" * 40},
        {"gateway_url": "http://192.0.2.7:8090"},
    ],
)
def test_what_a_person_edited_stays_when_the_stack_moves(
    state: StackState, edited: dict[str, str], fingerprinted: bool
) -> None:
    if not fingerprinted:
        fingerprint_path(state).unlink()
    assert stays_as_it_is(replace(state.server, **edited), state.model_copy(update=MOVED))


def test_a_teams_own_servers_outlive_the_next_start(saved: StackState, tmp_path: Path) -> None:
    assert save_blocks(saved) == []
    moved = saved.model_copy(update=MOVED)
    assert save_blocks(moved) == ["labelline-label-studio/local"]
    assert saved_server() == moved.server

    document = cast(LabelStudio, LabelStudio.load(PLUGS))
    document.model_copy(update={"url": "https://labels.example.org"}).save(PLUGS, overwrite=True)
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    Catalog(url=url).save(PLUGS, overwrite=True)
    assert save_blocks(saved) == []
    server, engine = saved_server(), open_saved_catalog()
    assert (server and server.url, engine and str(engine.url)) == ("https://labels.example.org", url)

    with get_client(sync_client=True) as client:
        client.delete_block_document(client.read_block_document_by_name(PLUGS, "labelline-label-studio").id)
    assert saved_server() is None
    assert save_blocks(saved) == ["labelline-label-studio/local"]


def test_a_restored_folder_never_works_with_the_originals_catalogue_and_objects(
    saved: StackState, tmp_path: Path
) -> None:
    Catalog(url=f"sqlite:///{tmp_path / 'of-the-original.sqlite'}").save(PLUGS, overwrite=True)
    keys = {"endpoint": "s3.example.org", "access_key": "a", "secret_key": "b", "cache_folder": str(tmp_path)}
    ObjectStore(bucket="original", **keys).save(PLUGS, overwrite=True)
    write_restored(saved.home, RestoredPlugs())
    assert save_blocks(saved) == ["labelline-object-store/local", "labelline-catalog/local"]
    engine, store = open_saved_catalog(), cast(ObjectStore, ObjectStore.load(PLUGS))
    assert engine and str(engine.url) == f"sqlite:///{saved.home / 'catalog.sqlite'}"
    assert (store.folder, store.endpoint) == (str(saved.home / "objects"), None)
    assert save_blocks(saved) == [], "said once: what a person edits afterwards stays"

    write_restored(saved.home, RestoredPlugs(catalog="sqlite:///elsewhere", bucket={"bucket": "copy", **keys}))
    assert restored_path(saved.home).stat().st_mode & 0o077 == 0
    save_blocks(saved)
    store = cast(ObjectStore, ObjectStore.load(PLUGS))
    assert (store.folder, store.bucket) == (None, "copy")
    assert cast(Catalog, Catalog.load(PLUGS)).url.get_secret_value() == "sqlite:///elsewhere"
    restored_path(saved.home).write_text("{")
    with pytest.raises(StackError, match="is damaged"):
        save_blocks(saved)
    restored_path(saved.home).unlink()


def test_a_teams_own_catalogue_outlives_a_move_of_the_state_folder(saved: StackState, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    Catalog(url=url).save(PLUGS, overwrite=True)
    moved = saved.model_copy(update={"home": saved.home.rename(tmp_path / "moved")})
    assert save_blocks(moved) == ["labelline-object-store/local", "labelline-tracking/local"]
    engine = open_saved_catalog()
    assert engine and str(engine.url) == url
    assert save_blocks(moved) == []


def test_while_prefect_is_down_status_reads_the_homes_own_catalogue_and_says_so(state: StackState) -> None:
    report = report_stack(state.home)
    assert report.catalog == f"sqlite:///{state.home / 'catalog.sqlite'}"
    assert report.queues == []
