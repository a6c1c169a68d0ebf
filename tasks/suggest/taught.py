"""What a collection's labels teach, as a file: space, vectors and classes, from which a learner is made anew.

It stands in a detector's place, known by its hash as weights are, so a batch that is looked at twice is looked at by
the same.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadWeights
from tasks.suggest.class_sets import parted
from tasks.suggest.learners.self_trained import Pool
from tasks.suggest.space import Space
from tasks.suggest.suggester import Suggester


@dataclass(frozen=True, slots=True)
class Taught:
    """Labels with their vectors.

    Attributes:
        learner: By name.
        network_key: Where in the object store the weights of the embedder are; empty: it has none.
        space: Of the collection, with the embedder's name.
        item_ids: Of n labelled items.
        classes: Of each its class; where an item may have several, these joined (`class_sets.py`).
        vectors: Shape (n, d), float16, as the embedder made them.
        rest_ids: Of items without a label that teach as well; empty: none do.
        rest: Shape (rest_ids, d), float16, their vectors, finite.
        several: Whether an item may have several classes.
    """

    learner: str
    network_key: str
    space: Space
    item_ids: tuple[str, ...]
    classes: tuple[str, ...]
    vectors: NDArray[np.float16]
    rest_ids: tuple[str, ...] = ()
    rest: NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float16))
    several: bool = False

    @property
    def named(self) -> frozenset[str]:
        """The classes that an item has."""
        return (
            frozenset(self.classes)
            if not self.several
            else frozenset(one for all_ in self.classes for one in parted(all_))
        )

    def suggester(self) -> Suggester:
        """Return a learner that has learnt them."""
        pool = Pool(self.rest_ids, self.space.place(self.rest, self.space.embedder)) if self.rest_ids else None
        suggester = Suggester(self.space, self.learner, self.several, pool)
        labels = {item_id: parted(names) for item_id, names in zip(self.item_ids, self.classes, strict=True)}
        suggester.learn(labels, self.vectors, self.space.embedder)
        return suggester

    def to_bytes(self) -> bytes:
        """Return it as an .npz file: the same bytes whenever it is written."""
        arrays: dict[str, NDArray[Any]] = {
            "names": np.array([self.learner, self.network_key, self.space.embedder]),
            "mean": self.space.mean,
            "axes": self.space.axes,
            "shift": self.space.shift,
            "item_ids": np.array(self.item_ids, dtype=str),
            "classes": np.array(self.classes, dtype=str),
            "vectors": self.vectors,
        }
        if self.rest_ids:  # what labels alone teach stays the file that it was
            arrays |= {"rest_ids": np.array(self.rest_ids, dtype=str), "rest": self.rest}
        if self.several:
            arrays["several"] = np.array(True)
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, version: str) -> "Taught":
        """Read it, and see that it is what was written.

        Raises:
            BadWeights: It is another file, or none of these.
        """
        found = version_of_bytes(data)
        if found != version:
            raise BadWeights(f"what was learnt as {version} is now {found}: it was overwritten. Begin a new batch.")
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as given:
                learner, network_key, embedder = (str(name) for name in given["names"])
                space = Space(embedder, given["mean"], given["axes"], given["shift"])
                item_ids, classes = (tuple(map(str, given[name])) for name in ("item_ids", "classes"))
                several = "several" in given and bool(given["several"])
                taught = cls(learner, network_key, space, item_ids, classes, given["vectors"], several=several)
                if "rest" not in given:
                    return taught
                return replace(taught, rest_ids=tuple(map(str, given["rest_ids"])), rest=given["rest"])
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise BadWeights(f"what was learnt as {version} cannot be read ({error})") from error


def version_of_bytes(data: bytes) -> str:
    """Return 12 hex digits that name a file by what is in it."""
    return hashlib.sha256(data).hexdigest()[:12]
