"""Which libraries models can be named of, and how a model that was named is kept and opened again.

A model is kept in the object store under the hash of what it consists of, which is part of its embedder's name too:
whoever opens it later opens the same, whatever is published by then, and needs no network.
"""

import json
import logging
import re
import tempfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Bookmark, utc_now
from blocks.errors import BadOption, BadWeights
from blocks.storage.stores import Store
from tasks.intake.texts.media import Medium
from tasks.suggest.embedders.named.image_models import Timm
from tasks.suggest.embedders.named.protocol import Library, check_vectors, version_of_file
from tasks.suggest.embedders.named.scripted import Torch
from tasks.suggest.embedders.named.sentences import SentenceTransformers
from tasks.suggest.embedders.protocol import Embedder

logger = logging.getLogger(__name__)

_ALL: tuple[Library, ...] = (Timm(), Torch(), SentenceTransformers())

LIBRARIES: dict[str, Library] = {each.name: each for each in _ALL}

NAMED = "named/"
"""Where in the object store models are that a person named: `named/LIBRARY/MODEL/VERSION.ENDING`."""

EXTRA = "pip install 'labelline[embedders]'"

WARM_AT_MOST = 2

_KEY = re.compile(rf"{NAMED}(?P<library>[a-z-]+)/(?P<model>[A-Za-z0-9_.-]+)/(?P<version>[0-9a-f]{{12}})\.[a-z]+")

_TRIED: dict[Medium, Any] = {"pictures": np.full((48, 64, 3), 127, np.uint8), "texts": "a text"}


def is_named(weights: str) -> bool:
    """Say whether what stands for weights names a model of a library."""
    return weights.partition(":")[0] in LIBRARIES


def resolved(weights: str) -> str:
    """Return what names a model, with the full path of what is a file here."""
    library, _, given = weights.partition(":")
    return f"{library}:{LIBRARIES[library].resolved(given)}"


def keep_named(engine: Engine, store: Store, weights: str, medium: Medium) -> tuple[str, str]:
    """Find a model that a person names, see that it makes vectors, and keep it.

    What is published under a name is fetched once: the same name means the same file from then on.

    Args:
        engine: The catalogue, where is noted what a name brought.
        store: Where it is kept.
        weights: `LIBRARY:WHAT`.
        medium: What the collection's items are.

    Returns:
        Its version, and where it is kept.

    Raises:
        BadOption: Its library is not installed, or its models make vectors of other things.
        BadWeights: There is no such model, or it cannot be used.
    """
    library, _, given = weights.partition(":")
    by = LIBRARIES[library]
    if by.medium != medium:
        raise BadOption(f"`{weights}` makes vectors of {by.medium}, and the items here are {medium}")
    lacking = [package for package in by.needs if find_spec(package) is None]
    if lacking:
        raise BadOption(f"`{weights}` needs what is not installed ({', '.join(lacking)}): {EXTRA}")
    if known := _noted(engine, store, weights):
        return known
    with tempfile.TemporaryDirectory(prefix="labelline-named-") as scratch:
        found = by.find(given, Path(scratch))
        version = version_of_file(found.file)
        key = f"{NAMED}{library}/{found.model}/{version}{_ending(found.file)}"
        if not store.has(key):
            embedder = by.open(found.model, found.file, _name_of(library, found.model, version))
            check_vectors(embedder.embed([embedder.fit(_TRIED[medium])]), embedder.name, 1)
            store.put(key, found.file)
            logger.info("%s is kept as %s", weights, key)
    if found.is_published:
        row = {"name": _bookmark(weights), "value": json.dumps([version, key]), "updated_at": utc_now()}
        with writing(engine) as session:
            upsert(session, Bookmark, [row], update=("value", "updated_at"))
    return version, key


def open_named(store: Store, key: str) -> Embedder:
    """Open a model that is kept; the last ones that were opened stay warm.

    Raises:
        BadWeights: What is kept is not what its key says, or no model.
        BadOption: Its library is not installed here.
        ObjectMissing: The store does not have it.
    """
    told = _KEY.fullmatch(key)
    if told is None or told["library"] not in LIBRARIES:
        raise BadWeights(f"{key!r} is no model that was named: expected {NAMED}LIBRARY/MODEL/VERSION")
    lacking = [package for package in LIBRARIES[told["library"]].needs if find_spec(package) is None]
    if lacking:
        raise BadOption(f"{key} needs what is not installed here ({', '.join(lacking)}): {EXTRA}")
    return _opened(store.local_path(key), told["library"], told["model"], told["version"])


@lru_cache(maxsize=WARM_AT_MOST)
def _opened(file: Path, library: str, model: str, version: str) -> Embedder:
    found = version_of_file(file)
    if found != version:
        raise BadWeights(
            f"{library}:{model} was kept as {version} and is {found} now: it was overwritten. Name it again"
        )
    return LIBRARIES[library].open(model, file, _name_of(library, model, version))


def _ending(file: Path) -> str:
    return file.suffix if re.fullmatch(r"\.[a-z]+", file.suffix) else ".bin"


def _noted(engine: Engine, store: Store, weights: str) -> tuple[str, str] | None:
    with reading(engine) as session:
        noted = session.get(Bookmark, _bookmark(weights))
    if noted is None:
        return None
    version, key = json.loads(noted.value)
    return (version, key) if store.has(key) else None


def _bookmark(weights: str) -> str:
    return f"embedder {weights}"


def _name_of(library: str, model: str, version: str) -> str:
    return f"{library}-{model}-{version}"
