"""Which embedders of pictures need nothing that is not here. A new one is a file beside these and a line here.

A network of the collection's is one as well: see `tasks/detect/proposers/suggested.py`, which can open it.
"""

from tasks.suggest.embedders.lite0 import Lite0
from tasks.suggest.embedders.looks import Looks
from tasks.suggest.embedders.protocol import Embedder

DEFAULT: Embedder = Lite0()

EMBEDDERS: dict[str, Embedder] = {each.name: each for each in (DEFAULT, Looks())}
