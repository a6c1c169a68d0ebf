"""How a person asks for suggestions where a detector is asked for."""

from dataclasses import dataclass
from pathlib import Path

from blocks.errors import BadOption
from blocks.shapes import SEVERAL, WHOLE
from tasks.kinds.registry import label_kind

SUGGEST = "suggest"
"""What a person calls it, who wants the collection's labels to propose."""


@dataclass(frozen=True, slots=True)
class AskedFor:
    """What is meant by `suggest`, `suggest:LEARNER`, `suggest:WEIGHTS` or `suggest:LEARNER:WEIGHTS`.

    In place of weights there may be the name of an embedder, or a model of a library as `LIBRARY:WHAT`.

    Attributes:
        learner: By name.
        weights: The path of a file whose network makes the vectors, or an embedder by name, or a model of a library;
            empty: the champion, where there is one that is better than the default.
    """

    learner: str
    weights: str

    @property
    def is_embedder(self) -> bool:
        """Whether what stands for weights is the name of an embedder that comes with the installation."""
        from tasks.suggest.embedders.registry import EMBEDDERS

        return self.weights in EMBEDDERS

    @property
    def is_named(self) -> bool:
        """Whether what stands for weights names a model of a library, such as `timm:resnet18`."""
        from tasks.suggest.embedders.named.registry import is_named

        return is_named(self.weights)

    @property
    def file(self) -> Path | None:
        """The weights that are meant; None: none are."""
        return Path(self.weights) if self.weights and not self.is_embedder and not self.is_named else None

    def __str__(self) -> str:
        return ":".join(part for part in (SUGGEST, self.learner, self.weights) if part)


def asked_of(spec: str) -> AskedFor | None:
    """Return what is meant; None: the detector that is asked for is something else.

    Raises:
        BadOption: There is no such learner.
    """
    name, _, rest = spec.partition(":")
    if name != SUGGEST:
        return None
    from tasks.suggest.embedders.named.registry import is_named
    from tasks.suggest.embedders.registry import EMBEDDERS
    from tasks.suggest.learners.registry import DEFAULT, learner_named

    learner, _, weights = rest.partition(":")
    if "/" in learner or Path(learner).suffix or learner in EMBEDDERS or is_named(rest):
        learner, weights = DEFAULT, rest
    learner_named(learner or DEFAULT)
    return AskedFor(learner or DEFAULT, weights)


def check_suggested(spec: str, kind: str) -> None:
    """Refuse suggestions for labels that have a place in their item: only whole items have vectors.

    Raises:
        BadOption: It is so, or there is no such learner.
    """
    if asked_of(spec) and not label_kind(kind).shapes <= {WHOLE, SEVERAL}:
        raise BadOption(f"`{spec}` suggests classes of whole items, and not {kind}: name weights, or leave it away")
