"""Which detectors a line has, and which one is its champion: MLflow's model registry, spoken to in one place.

A registered model is named after the collection. A version of it is a weights file, known by the hash that is also its
name in the object store, so registering the same weights twice gives one version. Aliases say what a version is for:
`champion` (the line uses it) and `challenger` (the last one that was not better). Stages are not used.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.database.tables import utc_now
from blocks.errors import BadOption, BadWeights, ObjectMissing, TrackingRefused
from blocks.naming.run_names import run_name
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import KINDS, files_of, version_of
from tasks.detect.models import keys_of
from tasks.detect.proposers.class_models.registry import ANEW
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.refs import BY_HAND, NOBODY, DetectorRef
from tasks.detect.tagging.crf import SUFFIX as TAGGER
from tasks.suggest.text_model import ENDING as TEXT_MODEL
from tasks.train.naming import CLASSES_FILE, list_classes, registry_name

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"

KEPT = (*KINDS, TAGGER, TEXT_MODEL, *ANEW)
"""Endings of the files that models are kept as."""

NOT_YET = "not_yet"
"""Tag of a version that was compared with nobody and learnt too little: why."""

WHAT_IT_IS = (
    "Detectors of the collection {0}. The alias `champion` is the one that the line uses; `challenger` is the last one "
    "that was trained and not better. Each version says by which numbers it was compared."
)
"""A registered model's description, which MLflow shows on its page."""

VERSION = re.compile(r"[0-9a-f]{12}")
"""A weights version: see `version_of`."""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A version in the registry."""

    number: str
    ref: DetectorRef
    run_id: str
    tags: Mapping[str, str]


def resolve_detector(experiments: Experiments, store: Store, name: str, spec: str, kind: str = "boxes") -> DetectorRef:
    """Return the detector that a person means.

    Args:
        experiments: Whose registry is asked.
        store: Where weights are kept.
        name: The collection.
        spec: "champion"; "nobody", who proposes nothing; the path of a weights file (.pt, .onnx, or Darknet and Caffe
            with their plan and names beside them), which is then stored and registered, as champion if there is none
            yet; a version (12 hex digits); or a version's number in the registry.
        kind: Of the labels of the collection. Nobody is the champion of a collection that has no model yet.

    Raises:
        BadWeights: The file is missing or unusable, or nobody knows which of several models is the champion.
        BadOption: There is no such version.
    """
    name = registry_name(name)
    if spec in (NOBODY, BY_HAND):
        return DetectorRef.nobody(name)
    if spec == CHAMPION:
        champion = champion_of(experiments, name)
        if champion is None:
            require_never_one(name, versions_of(experiments, name))
            return DetectorRef.nobody(name)
        restore_weights(experiments, store, champion)
        return champion.ref
    if spec.endswith(KEPT) or Path(spec).is_file():
        return _adopt(experiments, store, name, Path(spec), kind)
    for found in versions_of(experiments, name):
        if spec in (found.ref.version, found.number):
            restore_weights(experiments, store, found)
            return found.ref
    kept = [key for key in (f"weights/{spec}{ending}" for ending in KEPT) if VERSION.fullmatch(spec) and store.has(key)]
    if kept:  # somebody deleted it in MLflow; the store has its weights
        weights, *_ = [store.local_path(key) for key in keys_of(kept[0])]
        return _adopt(experiments, store, name, weights, kind)
    known = ", ".join(found.ref.version for found in versions_of(experiments, name)) or "none"
    raise BadOption(
        f"{name!r} has no detector {spec!r} (known: {known}): expected 'champion', a version of 12 hex digits, a "
        f"number in the registry, or the path of a weights file ({', '.join(KEPT)})"
    )


def require_never_one(name: str, versions: Sequence[RegisteredModel]) -> None:
    """Refuse to begin anew where the models of a collection have lost their champion; `versions` are all of them.

    Raises:
        BadWeights: One of them was good enough to propose, so it may have been the champion.
    """
    if all(NOT_YET in one.tags for one in versions):
        return
    known = ", ".join(found.ref.version for found in versions)
    raise BadWeights(
        f"{name!r} has detectors (the newest first: {known}) and none of them is champion: the alias was taken away. "
        f"Give one of them the alias `{CHAMPION}` in MLflow, under Models, or name a version instead of the champion"
    )


def champion_of(experiments: Experiments, name: str) -> RegisteredModel | None:
    """Return the detector that has the alias `champion`, or None."""
    return aliased(experiments, name, CHAMPION)


def aliased(experiments: Experiments, name: str, alias: str) -> RegisteredModel | None:
    """Return the detector that has an alias, or None."""
    with experiments.speaking():
        models = experiments.client.search_registered_models(f"name = '{name}'")
        number = models[0].aliases.get(alias) if models else None
        return _registered(experiments.client.get_model_version(name, str(number))) if number else None


def versions_of(experiments: Experiments, name: str, version: str | None = None) -> list[RegisteredModel]:
    """Return a line's detectors, the newest first; only those with a weights version where one is given."""
    only = f" and tag.weights_version = '{version}'" if version else ""
    with experiments.speaking():
        found = experiments.client.search_model_versions(f"name = '{name}'{only}")
    return sorted((_registered(each) for each in found), key=lambda each: -int(each.number))


def register(
    experiments: Experiments, name: str, ref: DetectorRef, run_id: str, tags: Mapping[str, str]
) -> RegisteredModel:
    """Make a version of weights that a run keeps; the same weights again only get the new tags.

    Raises:
        TrackingUnavailable: MLflow cannot be reached.
    """
    for known in versions_of(experiments, name, ref.version):
        with experiments.speaking():
            for key, value in tags.items():
                experiments.client.set_model_version_tag(name, known.number, key, value)
        return RegisteredModel(known.number, known.ref, known.run_id, {**known.tags, **tags})
    _ensure_model(experiments, name)
    identity = {"weights_version": ref.version, "weights_key": ref.weights_key}
    source = f"runs:/{run_id}/{ref.weights_key}"
    with experiments.speaking():
        made = experiments.client.create_model_version(name, source, run_id, tags={**tags, **identity})
    return _registered(made)


def note_not_yet(experiments: Experiments, registered: RegisteredModel, reason: str) -> None:
    """Write down that a model was not good enough to begin proposing, where nothing proposed before."""
    with experiments.speaking():
        experiments.client.set_model_version_tag(registered.ref.name, registered.number, NOT_YET, reason)


def set_alias(experiments: Experiments, name: str, alias: str, number: str) -> None:
    """Point an alias at a version."""
    with experiments.speaking():
        experiments.client.set_registered_model_alias(name, alias, number)


def drop_alias(experiments: Experiments, name: str, alias: str) -> None:
    """Take an alias away, wherever it points."""
    if aliased(experiments, name, alias) is not None:
        with experiments.speaking():
            experiments.client.delete_registered_model_alias(name, alias)


def _adopt(experiments: Experiments, store: Store, name: str, weights: Path, kind: str) -> DetectorRef:
    """Store and register weights that a person gives."""
    version = version_of(weights)
    ref = DetectorRef(version=version, weights_key=f"weights/{version}{weights.suffix}", name=name)
    known = versions_of(experiments, name, version)
    kept = dict(zip(keys_of(ref.weights_key), files_of(weights), strict=True))
    if not known or not all(store.has(key) for key in kept):
        classes = proposer_of(kind, weights.name).check(weights, version)
        for key, part in kept.items():
            store.put(key, part)
    if not known:
        tags = {"labelline.version": version, "labelline.weights_key": ref.weights_key}
        with experiments.run(name, run_name(name, f"given {weights.name}", utc_now()), tags) as run:
            for key in kept:
                run.log_file(store.local_path(key), "weights")
            run.log_text(json.dumps(classes, indent=0), CLASSES_FILE)
        facts = {"origin": f"given: {weights.name}", "classes": list_classes(classes)}
        known = [register(experiments, name, ref, run.id, facts)]
    if champion_of(experiments, name) is None:
        set_alias(experiments, name, CHAMPION, known[0].number)
    return ref


def restore_weights(experiments: Experiments, store: Store, registered: RegisteredModel) -> None:
    """Bring weights back into the object store from the run that keeps them, where the store has lost them.

    Raises:
        ObjectMissing: The run has lost them too, or keeps others.
    """
    keys = keys_of(registered.ref.weights_key)
    if all(store.has(key) for key in keys):
        return
    with tempfile.TemporaryDirectory(prefix="labelline-weights-") as folder:
        with experiments.speaking():
            copies = [experiments.client.download_artifacts(registered.run_id, key, folder) for key in keys]
        if version_of(Path(copies[0])) != registered.ref.version:
            raise ObjectMissing(
                f"{registered.ref.weights_key} is not in the object store, and run {registered.run_id} keeps other "
                "weights: give the path of the weights file again"
            )
        for key, copy in zip(keys, copies, strict=True):
            store.put(key, Path(copy))


def _ensure_model(experiments: Experiments, name: str) -> None:
    with experiments.speaking():
        found = experiments.client.search_registered_models(f"name = '{name}'")
        if found and not found[0].description:
            experiments.client.update_registered_model(name, WHAT_IT_IS.format(name))  # made by an earlier version
    if found:
        return
    try:
        with experiments.speaking():
            experiments.client.create_registered_model(name, description=WHAT_IT_IS.format(name))
    except TrackingRefused as error:
        if getattr(error.__cause__, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise  # otherwise somebody else made it meanwhile, which is as good


def _registered(found: "ModelVersion") -> RegisteredModel:
    tags = dict(found.tags)
    ref = DetectorRef(version=tags["weights_version"], weights_key=tags["weights_key"], name=found.name)
    return RegisteredModel(str(found.version), ref, str(found.run_id), tags)
