"""Which embedders of pictures need nothing that is not here. A new one is a file beside these and a line here.

A network is one as well, where a collection has one: see `tasks/detect/proposers/suggested.py`, which can open it.
"""

from tasks.suggest.embedders.looks import Looks
from tasks.suggest.embedders.protocol import Embedder

EMBEDDERS: dict[str, Embedder] = {each.name: each for each in (Looks(),)}

DEFAULT: Embedder = Looks()
