"""Which detector a person means and what it knows, found out before anything is taken in, stored or registered."""

import difflib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blocks.errors import BadOption, UnknownClass
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.models import keys_of
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.refs import BY_HAND, NOBODY
from tasks.train.naming import registry_name
from tasks.train.registry import (
    CHAMPION,
    RegisteredModel,
    champion_of,
    require_never_one,
    restore_weights,
    versions_of,
)

LIKE_A_SLIP = 0.75
"""From this likeness on (difflib's) an unknown class reads like a slip of a known one: "carr" has 0.86 of "car"."""


@dataclass(frozen=True, slots=True)
class MeantDetector:
    """A detector before it is used.

    Attributes:
        version: Of its weights.
        told: What it is, in words.
        classes: What it knows.
    """

    version: str
    told: str
    classes: tuple[str, ...]

    @property
    def is_nobody(self) -> bool:
        """Whether there is no model yet, so that people are asked about every item."""
        return self.version == NOBODY and not self.classes

    def lacking(self, asked: Sequence[str], new: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the asked classes that it does not know, which people will find without boxes.

        Args:
            asked: The classes of a line.
            new: Those that are meant to be unknown to it.

        Raises:
            UnknownClass: A class reads like a slip of one that it knows, or it knows none of the classes.
        """
        if self.is_nobody:
            return ()
        unknown = [name for name in asked if name not in self.classes]
        free = {name.casefold(): name for name in self.classes if name not in asked}
        for name in unknown:
            close = difflib.get_close_matches(name.casefold(), free, n=1, cutoff=LIKE_A_SLIP)
            if name not in new and close:
                raise UnknownClass(
                    f"class {name!r} is not known to {self.told}. Did you mean {free[close[0]]!r}? If people shall "
                    f"find {name!r} by themselves, without boxes to begin with, add `--new-class {shlex.quote(name)}`."
                )
        if len(unknown) == len(asked) and not set(new) >= set(unknown):
            known = ", ".join(self.classes[:40]) + (", …" if len(self.classes) > 40 else "")
            raise UnknownClass(
                f"{self.told} knows none of the classes {', '.join(asked)}, only: {known}. Ask for classes that it "
                "knows, or give another detector; if people shall find all of them without boxes, say so with "
                "`--new-class` for each."
            )
        return tuple(unknown)


def find_meant(
    experiments: Experiments, store: Store, collection: str, spec: str, kind: str = "boxes"
) -> MeantDetector:
    """Find the detector that a person means, and change nothing.

    Args:
        experiments: Whose registry is asked.
        store: Where registered weights are kept.
        collection: Whose detector.
        spec: See `resolve_detector`.
        kind: Of the labels of the collection.

    Raises:
        BadWeights: The file is missing or unusable, or nobody knows which of several models is the champion.
        BadOption: There is no such version.
        ObjectMissing: The weights of the version are lost.
    """
    if spec == BY_HAND:
        return MeantDetector(NOBODY, "nobody, as you say", ())
    path = Path(spec)
    if spec != CHAMPION and (path.suffix or path.is_file()):
        version = version_of(path)
        return MeantDetector(version, f"the detector {path.name}", proposer_of(kind, path.name).check(path, version))
    name = registry_name(collection)
    if spec == CHAMPION:
        champion = champion_of(experiments, name)
        if champion is not None:
            return _known(experiments, store, champion, f"the champion of {collection}", kind)
        require_never_one(name, versions_of(experiments, name))
        return MeantDetector(NOBODY, f"nobody: {collection} has no model yet", ())
    versions = versions_of(experiments, name)
    for found in versions:
        if spec in (found.ref.version, found.number):
            return _known(experiments, store, found, f"version {found.number} of {collection}", kind)
    known = ", ".join(f"{each.number} ({each.ref.version})" for each in versions[:10]) or "none"
    raise BadOption(
        f"the collection {collection!r} has no detector {spec!r} (known: {known}): expected the path of weights, "
        "`champion`, or the number or version of one of these"
    )


def _known(experiments: Experiments, store: Store, found: RegisteredModel, told: str, kind: str) -> MeantDetector:
    listed = found.tags.get("classes")
    if listed and listed.startswith("["):  # of thousands of classes MLflow keeps only the first ones
        return MeantDetector(found.ref.version, f"{told} ({found.ref.version})", tuple(json.loads(listed)))
    restore_weights(experiments, store, found)
    weights, *_ = (store.local_path(key) for key in keys_of(found.ref.weights_key))
    classes = proposer_of(kind, weights.name).check(weights, found.ref.version)
    return MeantDetector(found.ref.version, f"{told} ({found.ref.version})", classes)
