"""How pictures look, without any network: enough to tell a first batch that is varied from one that is all alike.

Where there is no model yet there are no embeddings either. Colours, where they lie, and which way edges run put
pictures of another place, light or distance far apart; what they show, such numbers do not know.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.tiling.read_ahead import StoredImage, Unseen, read_ahead, stored_images
from tasks.suggest.embedders.looks import MODEL, NUMBERS, look_at
from tasks.triage.active_learning.diversity import Embeddings


def looks_of(store: Store, items: Sequence[StoredImage], options: TilingOptions | None = None) -> Embeddings:
    """Look at pictures, each once.

    Args:
        store: Where they are.
        items: n pictures; one that cannot be read is not usable.
        options: How many are read ahead.

    Returns:
        In the order of the items, n vectors.
    """
    options = options or TilingOptions()
    rows = np.zeros((len(items), NUMBERS), dtype=np.float32)
    with ThreadPoolExecutor(options.decode_threads, thread_name_prefix="look") as readers:
        for place, (_, seen) in enumerate(read_ahead(stored_images(store, items), readers, options)):
            if not isinstance(seen, Unseen):
                rows[place] = look_at(seen)
    return Embeddings.of(rows, [MODEL] * len(items), MODEL)
