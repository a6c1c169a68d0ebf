"""Texts as vectors without any weights: which pieces of words they have, rare ones counting more, along 128 axes.

Pieces of three to five characters within words need no list of words, and know nothing of a language; they bear
misspellings and scripts that write no spaces. The axes are those of a pool of texts, which need no label.
"""

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput, BadWeights

UNREADABLE = (ValueError, LookupError, OSError, EOFError, TypeError, AttributeError, zlib.error, zipfile.BadZipFile)
"""What numpy raises on files that are no arrays, by its sources and by trying."""

AXES = 128
PIECES = (3, 5)
"""Characters of a piece."""

MANY = 1_000
"""Texts from which on pieces that most have, and that few have, are left out."""

IN_MOST = 0.1
IN_FEW = 3

PIECES_AT_MOST = 50_000
"""The most frequent ones: axes of all that there are would take hundreds of megabytes."""

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
    axes: NDArray[np.float16]

    @classmethod
    def of(cls, pool: Sequence[str]) -> Self:
        """Find pieces and axes of a pool.

        Args:
            pool: Texts; at least two that differ.

        Raises:
            BadInput: There is nothing in them to tell apart.
        """
        from sklearn.decomposition import TruncatedSVD

        texts = [text[:CHARACTERS_AT_MOST] for text in pool[:POOL_AT_MOST]]
        many = len(texts) >= MANY
        if len({text for text in texts if text.strip()}) < 2:
            raise BadInput(f"{len(texts)} texts make no space: expected two or more that differ and are not empty")
        pieces = _counter(max_df=IN_MOST if many else 1.0, min_df=IN_FEW if many else 1, max_features=PIECES_AT_MOST)
        table = pieces.fit_transform(texts)
        axes = TruncatedSVD(min(AXES, table.shape[1] - 1, len(texts)), random_state=0).fit(table)
        return cls(pieces, axes.components_.astype(np.float16))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, axes), float32; an empty text, and one without a known piece, is all zero."""
        if not texts:
            return np.zeros((0, len(self.axes)), dtype=np.float32)
        table = self.pieces.transform([text[:CHARACTERS_AT_MOST] for text in texts])
        return np.asarray(table @ self.axes.T.astype(np.float32), dtype=np.float32)

    def to_bytes(self) -> bytes:
        """Return it as an .npz file: the same bytes whenever it is written."""
        names = sorted(self.pieces.vocabulary_, key=self.pieces.vocabulary_.get)
        joined = np.frombuffer("".join(names).encode(), dtype=np.uint8)
        ends = np.cumsum([len(name.encode()) for name in names], dtype=np.int64)
        file = io.BytesIO()
        np.savez_compressed(file, pieces=joined, ends=ends, rarity=self.pieces.idf_, axes=self.axes)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read it.

        Raises:
            BadWeights: It is no such file.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as given:
                joined, ends = given["pieces"].tobytes(), [0, *(int(end) for end in given["ends"])]
                names = [joined[a:b].decode() for a, b in pairwise(ends)]
                pieces = _counter(vocabulary={name: place for place, name in enumerate(names)})
                pieces.idf_ = given["rarity"]
                axes = given["axes"].astype(np.float16)
        except UNREADABLE as error:
            raise BadWeights(f"what makes vectors of texts cannot be read ({error})") from error
        if axes.ndim != 2 or axes.shape[1] != len(names):
            raise BadWeights(f"what makes vectors of texts has {len(names)} pieces and axes of shape {axes.shape}")
        return cls(pieces, axes)


def _counter(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=PIECES, sublinear_tf=True, dtype=np.float32, **options)
