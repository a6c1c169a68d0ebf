"""How the gateway's processes log."""

import logging


def log_to_stderr() -> None:
    """Write what happens to standard error, which the stack keeps in the gateway's log."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
