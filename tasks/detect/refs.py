"""What flows pass on of a detector and of one look at a batch: small enough for run parameters, no model, no path."""

from dataclasses import dataclass
from typing import Self

from pydantic import Field

from blocks.frozen import Frozen
from tasks.detect.options import TilingOptions
from tasks.intake.batches import BatchRef

NOBODY = "0" * 12
"""In place of a version, where there is no model."""

BY_HAND = "nobody"
"""What a person calls it, who wants no proposals."""


IMPORTED = "imports/"
"""Where in the object store is what stands in a detector's place, if its proposals came in from elsewhere."""

TAUGHT = "suggest/"
"""Where in the object store is what stands in a detector's place, if it is learnt from the collection's own labels."""


PROPAGATED = "propagate/"
"""Where in the object store is what stands in a detector's place, if labels of key frames are followed."""


class DetectorRef(Frozen):
    """A detector as flows pass it on."""

    version: str = Field(pattern=r"^[0-9a-f]{12}$", description="First 12 hex digits of the weights' SHA-256")
    weights_key: str = Field(description="Where the weights are in the object store: weights/<version>.pt")
    name: str = Field(description="Name people know it by, as in the model registry")

    @classmethod
    def nobody(cls, name: str) -> Self:
        """Return what stands for a model where there is none yet: it proposes nothing, and knows no class."""
        return cls(version=NOBODY, weights_key="", name=name)

    @property
    def is_nobody(self) -> bool:
        """Whether there is no model behind it."""
        return self.version == NOBODY and not self.weights_key

    @property
    def is_import(self) -> bool:
        """Whether its proposals came in from elsewhere: there is no model, and it knows of some items only."""
        return self.weights_key.startswith(IMPORTED)

    @property
    def is_taught(self) -> bool:
        """Whether it is what the collection's labels teach: it has no weights of its own."""
        return self.weights_key.startswith(TAUGHT)

    @property
    def is_propagated(self) -> bool:
        """Whether it is the labels of key frames, which are followed: it has no weights of its own."""
        return self.weights_key.startswith(PROPAGATED)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose proposals count: one batch, one version of the detector, one recipe of scan options."""

    batch_id: str
    detector: str
    recipe: str


class ScanRef(Frozen):
    """What every step behind the detector must know of a look at a batch; small enough for a run parameter."""

    batch: BatchRef
    detector: DetectorRef
    classes: tuple[str, ...] = Field(description="What is looked for, in the order of the line.")
    tiling: TilingOptions = Field(description="How images are cut, with what was planned for this batch.")
    recipe: str = Field(description="Under which the proposals of this look are written: classes and tiling.")
    label_kind: str = Field(default="boxes", description="What a label is: a name of `tasks/kinds/registry.py`.")
    plugs: str = Field(default="local", description="The name under which the connections of the stack are saved.")

    @property
    def scope(self) -> Scope:
        """What names the proposals of this look, and all that was said of them."""
        return Scope(self.batch.id, self.detector.version, self.recipe)
