"""Names in MLflow, which forbids some characters and bounds every text: of collections, and of classes in a tag."""

import hashlib
import json
import re
from collections.abc import Sequence

MOST_CHARACTERS = 4000
"""Below MLflow's limits for a parameter (6,000), a run's tag (8,000) and what its older tables hold (5,000)."""

CLASSES_FILE = "classes.json"


def registry_name(collection: str) -> str:
    """Return the name of a collection's detectors: MLflow forbids some characters, and folders are named after it."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", collection).strip("-.")[:80]
    if safe and safe == collection:
        return safe
    return f"{safe or 'line'}-{hashlib.sha256(collection.encode()).hexdigest()[:6]}"


def list_classes(classes: Sequence[str]) -> str:
    """Return class names as JSON; of too many for MLflow the number, the first ones, and where all are."""
    text = json.dumps(list(classes))
    if len(text) <= MOST_CHARACTERS:
        return text
    shown: list[str] = []
    while sum(len(json.dumps(name)) + 2 for name in (*shown, classes[len(shown)])) < MOST_CHARACTERS - 100:
        shown.append(classes[len(shown)])
    return f"{len(classes)} classes, all in {CLASSES_FILE}; the first: {json.dumps(shown)}"
