"""A classifier of texts, as a file: what makes vectors of texts, and what labelled ones have taught.

Numbers and names alone, no code: a file from elsewhere can be wrong, and can run nothing. It holds no text that it was
trained on, only pieces of three to five characters.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput, BadWeights
from tasks.suggest.class_sets import parted
from tasks.suggest.embedders.texts import UNREADABLE, TextEmbedder
from tasks.suggest.learners.protocol import Floats
from tasks.suggest.learners.registry import DEFAULT
from tasks.suggest.space import Space
from tasks.suggest.suggester import Suggester
from tasks.suggest.taught import Taught, version_of_bytes

ENDING = ".npz"
OWN_VECTORS = "texts of this model"
"""The name under which its vectors are known: nobody else's are taken."""


@dataclass(slots=True)
class TextModel:
    """A classifier of texts.

    Attributes:
        embedder: What makes vectors.
        taught: Labelled vectors.
    """

    embedder: TextEmbedder
    taught: Taught
    _suggester: Suggester = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._suggester = self.taught.suggester()
        _ = self._suggester.trust  # measured once, here

    @classmethod
    def of(
        cls, texts: Mapping[str, str], classes: Mapping[str, str], pool: Sequence[str] = (), *, several: bool = False
    ) -> "TextModel":
        """Learn from labelled texts.

        Args:
            texts: By item.
            classes: By the same items; where a text may have several, joined (`class_sets.py`).
            pool: Other texts, by which it is found out what tells texts apart.
            several: Whether a text may have several classes.

        Raises:
            BadInput: Fewer than two classes, or nothing that tells the texts apart.
        """
        named = {name for names in classes.values() for name in (parted(names) if several else (names,))}
        if len(named) < 2:
            raise BadInput(f"{len(named)} classes have a text: expected two or more to tell apart")
        embedder = TextEmbedder.of([*texts.values(), *pool])
        vectors = embedder.embed(list(texts.values())).astype(np.float16)
        space = Space.of(OWN_VECTORS, vectors)
        said = tuple(classes[item] for item in texts)
        return cls(embedder, Taught(DEFAULT, "", space, tuple(texts), said, vectors, several=several))

    @property
    def classes(self) -> tuple[str, ...]:
        """What it tells apart, in the order of the alphabet."""
        return self._suggester.classes

    @property
    def several(self) -> bool:
        """Whether each class is judged on its own, since a text may show several."""
        return self.taught.several

    def say(self, texts: Sequence[str]) -> tuple[Floats, NDArray[np.float16]]:
        """Say of texts which classes they show.

        Returns:
            Chances (n, classes), 0 to 1, and vectors (n, d).
        """
        vectors = self.embedder.embed(texts).astype(np.float16)
        return self._suggester.suggest(vectors, OWN_VECTORS).probabilities, vectors

    def to_bytes(self) -> bytes:
        """Return it as an .npz file: the same bytes whenever it is written."""
        file = io.BytesIO()
        embedder, taught = (np.frombuffer(part.to_bytes(), dtype=np.uint8) for part in (self.embedder, self.taught))
        np.savez(file, embedder=embedder, taught=taught)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "TextModel":
        """Read it.

        Raises:
            BadWeights: It is no such file.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as given:
                embedder, taught = (given[name].tobytes() for name in ("embedder", "taught"))
        except UNREADABLE as error:
            raise BadWeights(f"it is no model of texts that Labelline has written ({error})") from error
        model = cls(TextEmbedder.from_bytes(embedder), Taught.from_bytes(taught, version_of_bytes(taught)))
        if len(model.classes) < 2:
            raise BadWeights(f"the model of texts knows {len(model.classes)} classes: expected two or more")
        return model
