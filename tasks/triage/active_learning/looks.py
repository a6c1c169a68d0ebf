"""How pictures look, or what texts say, without any network: enough to tell a varied batch from one that is all alike.

Where there is no model yet there are no embeddings either. Colours, where they lie, and which way edges run put
pictures of another place, light or distance far apart; what they show, such numbers do not know.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from blocks.database.tables import Item
from blocks.errors import BadInput
from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.text_classifier import stored_texts
from tasks.detect.tiling.read_ahead import Unseen, read_ahead, stored_images
from tasks.intake.texts.text_items import is_text
from tasks.suggest.embedders.looks import MODEL, NUMBERS, look_at
from tasks.suggest.embedders.texts import TextEmbedder
from tasks.triage.active_learning.diversity import Embeddings

WORDS = "words"
"""In place of a model's version, of texts."""


def looks_of(store: Store, items: Sequence[Item], options: TilingOptions | None = None) -> Embeddings:
    """Look at pictures, or texts, each once.

    Args:
        store: Where they are.
        items: n pictures, or n texts; one that cannot be read is not usable.
        options: How many are read ahead.

    Returns:
        In the order of the items, n vectors.
    """
    if items and all(map(is_text, items)):
        return _texts_by_their_words(store, items)
    options = options or TilingOptions()
    rows = np.zeros((len(items), NUMBERS), dtype=np.float32)
    with ThreadPoolExecutor(options.decode_threads, thread_name_prefix="look") as readers:
        for place, (_, seen) in enumerate(read_ahead(stored_images(store, items), readers, options)):
            if not isinstance(seen, Unseen):
                rows[place] = look_at(seen)
    return Embeddings.of(rows, [MODEL] * len(items), MODEL)


def _texts_by_their_words(store: Store, items: Sequence[Item]) -> Embeddings:
    texts = ["" if isinstance(text, Unseen) else text for _, text in stored_texts(store, items)]
    try:
        rows = TextEmbedder.of(texts).embed(texts)
    except BadInput:  # they are all alike, so one is as good as another
        rows = np.zeros((len(items), 1), dtype=np.float32)
    return Embeddings.of(rows, [WORDS] * len(items), WORDS)
