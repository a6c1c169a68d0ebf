"""Under which keys Prefect shows what steps leave for people. One key keeps the history of one thing."""

import re


def artifact_key(kind: str, name: str) -> str:
    """Return a key under which Prefect shows an artifact: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"{kind}-{name}".lower()).strip("-")
