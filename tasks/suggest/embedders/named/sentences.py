"""Models of sentence-transformers, for texts: a folder that is here, or a name that is published.

All that one consists of is kept as one archive. Only settings, words and safetensors are taken along: no pickle, no
code; and it may only be put together of layers that are known to compute and nothing else.
"""

import json
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from blocks.errors import BadWeights
from blocks.storage.outside_files import open_regular, parse_json
from tasks.intake.texts.media import Medium
from tasks.suggest.embedders.named.protocol import MAX_BYTES, RAISED, FoundModel
from tasks.suggest.embedders.protocol import Vectors
from tasks.suggest.embedders.texts import CHARACTERS_AT_MOST

TAKEN = (".json", ".txt", ".safetensors", ".model")
LAYERS = ("Transformer", "Pooling", "Normalize", "Dense", "StaticEmbedding", "LayerNorm", "Dropout")
BENDS = re.compile(r"torch\.nn\.modules\.(activation|linear)\.[A-Za-z0-9]+")
SETTINGS_AT_MOST = 100_000_000
"""Bytes of one file of settings or words."""

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""What archives say of when: always the same, so that the same model is the same file."""


class SentenceTransformers:
    """Models of sentence-transformers."""

    name = "sentence-transformers"
    medium: Medium = "texts"
    needs = ("sentence_transformers",)

    def find(self, given: str, scratch: Path) -> FoundModel:
        """Find a folder, or fetch what is published under a name; both become one archive."""
        folder, is_published = Path(given), not Path(given).is_dir()
        if is_published:
            folder = self._fetched(given)
        model = re.sub(
            r"[^A-Za-z0-9_.-]",
            "_",
            Path(given).resolve().name if not is_published else given.rsplit("/", maxsplit=1)[-1],
        )
        return FoundModel(model, _archived(folder, scratch / "model.zip"), is_published)

    def open(self, model: str, file: Path, name: str) -> "SentenceEmbedder":
        """Unpack an archive, see what it is put together of, and open it."""
        from sentence_transformers import SentenceTransformer

        with tempfile.TemporaryDirectory(prefix="labelline-sentences-") as scratch:
            folder = Path(scratch)
            _unpack(file, folder)
            _check_layers(folder, model)
            try:
                network = SentenceTransformer(
                    str(folder),
                    local_files_only=True,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True},
                )
            except RAISED as error:
                why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
                raise BadWeights(
                    f"{self.name}:{model} cannot be opened ({why}): save it anew, as safetensors"
                ) from error
        return SentenceEmbedder(name, network)

    def resolved(self, given: str) -> str:
        """Return the full path of a folder; a name as it is."""
        return str(Path(given).resolve()) if Path(given).is_dir() else given

    def _fetched(self, given: str) -> Path:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError

        hub = given if "/" in given else f"{self.name}/{given}"
        try:
            return Path(snapshot_download(hub, allow_patterns=[f"*{ending}" for ending in TAKEN]))
        except (OSError, HFValidationError) as error:
            why = " ".join(str(error).split())[:160]
            raise BadWeights(
                f"{given} is no folder here, and no model could be fetched under that name ({why}): give the folder "
                "into which `SentenceTransformer.save` wrote one"
            ) from error


class SentenceEmbedder:
    """A model of sentence-transformers under its name; for one thread at a time."""

    def __init__(self, name: str, network: Any) -> None:
        self.name, self._network, self._turn = name, network, Lock()

    def fit(self, text: str) -> str:
        """Return what of a text is read."""
        return text[:CHARACTERS_AT_MOST]

    def embed(self, fitted: Sequence[str]) -> Vectors:
        """Return vectors (n, d) of texts."""
        with self._turn:
            return np.asarray(self._network.encode(list(fitted), show_progress_bar=False), dtype=np.float32)


def _archived(folder: Path, file: Path) -> Path:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in TAKEN and path.is_file())
    if not any(path.suffix == ".safetensors" for path in paths):
        raise BadWeights(
            f"{folder} has no safetensors, and no model of sentence-transformers is taken from anything else. Open it "
            "where you trust it, and save it by `SentenceTransformer.save`"
        )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path in paths:
            inside = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EARLIEST)
            most = MAX_BYTES if path.suffix == ".safetensors" else SETTINGS_AT_MOST
            with open_regular(path, BadWeights, most) as source, archive.open(inside, "w", force_zip64=True) as kept:
                while block := source.read(1 << 20):
                    kept.write(block)
    return file


def _unpack(file: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if Path(name).is_absolute() or ".." in Path(name).parts or not name.endswith(TAKEN):
                    raise BadWeights(f"{file.name} holds {name!r}: no part of a model of sentence-transformers")
            archive.extractall(folder)
    except (zipfile.BadZipFile, OSError) as error:
        raise BadWeights(f"{file.name} is no archive of a model ({error}): name the model again") from error


def _check_layers(folder: Path, model: str) -> None:
    plan = folder / "modules.json"
    layers = _settings(plan) if plan.is_file() else []
    for given in layers if isinstance(layers, list) else [None]:
        layer: dict[str, Any] = given if isinstance(given, dict) else {}
        kind = str(layer.get("type", ""))
        if (
            not re.fullmatch(r"sentence_transformers(\.[a-z_]+)*\.[A-Za-z]+", kind)
            or kind.rsplit(".", maxsplit=1)[-1] not in LAYERS
        ):
            raise BadWeights(f"{model} has a layer {kind!r:.100}: expected one of {', '.join(LAYERS)}")
        own = folder / str(layer.get("path", "")) / "config.json"
        bend = _settings(own).get("activation_function") if kind.endswith(".Dense") and own.is_file() else None
        if bend is not None and not BENDS.fullmatch(str(bend)):
            raise BadWeights(f"{model} has a layer that calls {bend!r:.100}: expected an activation of torch")


def _settings(file: Path) -> Any:
    try:
        return parse_json(file.read_bytes(), file.name, BadWeights)
    except (OSError, json.JSONDecodeError) as error:
        raise BadWeights(f"{file.name} cannot be read ({error})") from error
