"""How many examples hypothesis tries: some in `make test`, twenty times as many in `make test-long`."""

import os

from hypothesis import settings

IS_LONG = os.environ.get("LABELLINE_LONG") == "1"
USUAL = 50
"""They are drawn alike each time: as many again would repeat what the long run looks at more closely."""


def examples(quick: int, long: int | None = None) -> int:
    """Return how many to try: so many in the quick run, and twenty times as many, or what is said, in the long one."""
    return (long or 20 * quick) if IS_LONG else quick


def set_examples() -> None:
    """Let tests that say nothing of it try the usual number; how long one takes is the machine's doing."""
    settings.register_profile("labelline", deadline=None, max_examples=examples(USUAL, 2_000))
    settings.load_profile("labelline")
