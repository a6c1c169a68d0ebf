"""Which detectors a line has, and which one is its champion: MLflow's model registry, spoken to in one place.

A registered model is named after the collection. A version of it is a weights file, known by the hash that is also its
name in the object store, so registering the same weights twice gives one version. Aliases say what a version is for:
`champion` (the line uses it) and `challenger` (the last one that was not better). Stages are not used.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import BadOption, BadWeights, ObjectMissing, TrackingUnavailable
from blocks.experiments import Experiments
from blocks.stores import Store
from tasks.detect.refs import DetectorRef
from tasks.detect.weights import version_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Registered:
    """A version in the registry."""

    number: str
    ref: DetectorRef
    run_id: str
    tags: Mapping[str, str]


def registry_name(collection: str) -> str:
    """Return the name of a collection's detectors: MLflow forbids some characters, and folders are named after it."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", collection).strip("-.")[:80]
    if safe and safe == collection:
        return safe
    return f"{safe or 'line'}-{hashlib.sha256(collection.encode()).hexdigest()[:6]}"


def resolve_detector(experiments: Experiments, store: Store, name: str, spec: str) -> DetectorRef:
    """Return the detector that a person means.

    Args:
        experiments: Whose registry is asked.
        store: Where weights are kept.
        name: The collection.
        spec: "champion"; the path of a .pt file, which is then stored and registered, as champion if there is none yet;
            a version (12 hex digits); or a version's number in the registry.

    Raises:
        BadWeights: The file is missing or unusable, or there is no champion yet.
        BadOption: There is no such version.
    """
    name = registry_name(name)
    if spec == CHAMPION:
        champion = champion_of(experiments, name)
        if champion is None:
            raise BadWeights(f"{name!r} has no champion yet: give the path of a detector's .pt file to begin with")
        restore_weights(experiments, store, champion)
        return champion.ref
    if spec.endswith(".pt") or Path(spec).is_file():
        return _adopt(experiments, store, name, Path(spec))
    for found in versions_of(experiments, name):
        if spec in (found.ref.version, found.number):
            restore_weights(experiments, store, found)
            return found.ref
    known = ", ".join(found.ref.version for found in versions_of(experiments, name)) or "none"
    raise BadOption(
        f"{name!r} has no detector {spec!r} (known: {known}): expected 'champion', a version of 12 hex digits, a "
        "number in the registry, or the path of a .pt file"
    )


def champion_of(experiments: Experiments, name: str) -> Registered | None:
    """Return the detector that has the alias `champion`, or None."""
    return aliased(experiments, name, CHAMPION)


def aliased(experiments: Experiments, name: str, alias: str) -> Registered | None:
    """Return the detector that has an alias, or None."""
    with experiments.speaking():
        models = experiments.client.search_registered_models(f"name = '{name}'")
        number = models[0].aliases.get(alias) if models else None
        return _registered(experiments.client.get_model_version(name, str(number))) if number else None


def versions_of(experiments: Experiments, name: str, version: str | None = None) -> list[Registered]:
    """Return a line's detectors, the newest first; only those with a weights version where one is given."""
    only = f" and tag.weights_version = '{version}'" if version else ""
    with experiments.speaking():
        found = experiments.client.search_model_versions(f"name = '{name}'{only}")
    return sorted((_registered(each) for each in found), key=lambda each: -int(each.number))


def register(experiments: Experiments, name: str, ref: DetectorRef, run_id: str, tags: Mapping[str, str]) -> Registered:
    """Make a version of weights that a run keeps; the same weights again only get the new tags.

    Raises:
        TrackingUnavailable: MLflow cannot be reached.
    """
    for known in versions_of(experiments, name, ref.version):
        with experiments.speaking():
            for key, value in tags.items():
                experiments.client.set_model_version_tag(name, known.number, key, value)
        return Registered(known.number, known.ref, known.run_id, {**known.tags, **tags})
    _ensure_model(experiments, name)
    identity = {"weights_version": ref.version, "weights_key": ref.weights_key}
    source = f"runs:/{run_id}/{ref.weights_key}"
    with experiments.speaking():
        made = experiments.client.create_model_version(name, source, run_id, tags={**tags, **identity})
    return _registered(made)


def set_alias(experiments: Experiments, name: str, alias: str, number: str) -> None:
    """Point an alias at a version."""
    with experiments.speaking():
        experiments.client.set_registered_model_alias(name, alias, number)


def drop_alias(experiments: Experiments, name: str, alias: str) -> None:
    """Take an alias away, wherever it points."""
    if aliased(experiments, name, alias) is not None:
        with experiments.speaking():
            experiments.client.delete_registered_model_alias(name, alias)


def _adopt(experiments: Experiments, store: Store, name: str, weights: Path) -> DetectorRef:
    """Store and register weights that a person gives."""
    version = version_of(weights)
    ref = DetectorRef(version=version, weights_key=f"weights/{version}.pt", name=name)
    known = versions_of(experiments, name, version)
    if not store.has(ref.weights_key):
        _check_weights(weights)
        store.put(ref.weights_key, weights)
    if not known:
        classes = _check_weights(weights)
        tags = {"labelline.version": version, "labelline.weights_key": ref.weights_key}
        with experiments.run(name, f"given {weights.name}", tags) as run:
            run.log_file(store.local_path(ref.weights_key), "weights")
        facts = {"origin": f"given: {weights.name}", "classes": json.dumps(classes)}
        known = [register(experiments, name, ref, run.id, facts)]
    if champion_of(experiments, name) is None:
        set_alias(experiments, name, CHAMPION, known[0].number)
    return ref


def _check_weights(weights: Path) -> tuple[str, ...]:
    from tasks.detect.weights import class_names, open_network

    return class_names(open_network(weights))


def restore_weights(experiments: Experiments, store: Store, registered: Registered) -> None:
    """Bring weights back into the object store from the run that keeps them, where the store has lost them.

    Raises:
        ObjectMissing: The run has lost them too, or keeps others.
    """
    if store.has(registered.ref.weights_key):
        return
    with tempfile.TemporaryDirectory(prefix="labelline-weights-") as folder:
        with experiments.speaking():
            copy = experiments.client.download_artifacts(registered.run_id, registered.ref.weights_key, folder)
        if version_of(Path(copy)) != registered.ref.version:
            raise ObjectMissing(
                f"{registered.ref.weights_key} is not in the object store, and run {registered.run_id} keeps other "
                "weights: give the path of the .pt file again"
            )
        store.put(registered.ref.weights_key, Path(copy))


def _ensure_model(experiments: Experiments, name: str) -> None:
    with experiments.speaking():
        if experiments.client.search_registered_models(f"name = '{name}'"):
            return
    try:
        with experiments.speaking():
            experiments.client.create_registered_model(name)
    except TrackingUnavailable as error:
        if getattr(error.__cause__, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise  # otherwise somebody else made it meanwhile, which is as good


def _registered(found: "ModelVersion") -> Registered:
    tags = dict(found.tags)
    ref = DetectorRef(version=tags["weights_version"], weights_key=tags["weights_key"], name=found.name)
    return Registered(str(found.version), ref, str(found.run_id), tags)
