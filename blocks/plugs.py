"""The four plugs by the one name under which they are saved: what every step opens first."""

from typing import cast

from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.label_studio import LabelStudio
from blocks.object_store import ObjectStore
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from blocks.tracking import Tracking

# `load` is typed as a coroutine too; it is one in async code only, and steps are not async.


def open_catalog(plugs: str) -> Engine:
    """Return the catalogue of the named blocks."""
    return cast(Catalog, Catalog.load(plugs)).open()


def open_store(plugs: str) -> Store:
    """Return the object store of the named blocks."""
    return cast(ObjectStore, ObjectStore.load(plugs)).open()


def open_server(plugs: str) -> AnnotationServer:
    """Return the Label Studio of the named blocks."""
    return cast(LabelStudio, LabelStudio.load(plugs)).open()


def open_experiments(plugs: str) -> Experiments:
    """Return the experiment tracking of the named blocks."""
    return cast(Tracking, Tracking.load(plugs)).open()
