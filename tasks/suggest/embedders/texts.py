"""Texts as vectors without any weights: which pieces of words they have, rare ones counting more, along 128 axes.

Pieces of three to five characters within words need no list of words, and know nothing of a language; they bear
misspellings and scripts that write no spaces. The axes are those of a pool of texts, which need no label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from blocks.errors import BadInput

AXES = 128
PIECES = (3, 5)
"""Characters of a piece."""

MANY = 1_000
"""Texts from which on pieces that most have, and that few have, are left out."""

IN_MOST = 0.1
IN_FEW = 3

POOL_AT_MOST = 20_000
"""Texts of which axes are found."""

CHARACTERS_AT_MOST = 20_000
"""Of a text that are read: the beginning says what it is about."""


@dataclass(frozen=True, slots=True)
class TextEmbedder:
    """TF-IDF, and the principal axes of a pool of texts (latent semantic analysis).

    Source:
        Deerwester et al., "Indexing by latent semantic analysis", JASIS 41, 1990.
    """

    pieces: Any
    axes: Any

    @classmethod
    def of(cls, pool: Sequence[str]) -> Self:
        """Find pieces and axes of a pool.

        Args:
            pool: Texts; at least two that differ.

        Raises:
            BadInput: There is nothing in them to tell apart.
        """
        texts = [text[:CHARACTERS_AT_MOST] for text in pool[:POOL_AT_MOST]]
        many = len(texts) >= MANY
        pieces = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=PIECES,
            sublinear_tf=True,
            max_df=IN_MOST if many else 1.0,
            min_df=IN_FEW if many else 1,
            dtype=np.float32,
        )
        if len({text for text in texts if text.strip()}) < 2:
            raise BadInput(f"{len(texts)} texts make no space: expected two or more that differ and are not empty")
        table = pieces.fit_transform(texts)
        axes = TruncatedSVD(min(AXES, table.shape[1] - 1, len(texts)), random_state=0).fit(table)
        return cls(pieces, axes)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, axes), float32; an empty text, and one without a known piece, is all zero."""
        if not texts:
            return np.zeros((0, self.axes.n_components), dtype=np.float32)
        table = self.pieces.transform([text[:CHARACTERS_AT_MOST] for text in texts])
        return np.asarray(self.axes.transform(table), dtype=np.float32)
