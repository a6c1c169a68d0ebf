"""Under which keys Prefect shows what steps leave for people. One key keeps the history of one thing."""

from blocks.naming.names import key_of

MOST_CHARACTERS = 160
"""Of a key: Prefect sets no limit, and addresses and lists stay readable."""


def artifact_key(kind: str, name: str) -> str:
    """Return a key under which Prefect shows an artifact: lower-case letters, digits and dashes.

    Args:
        kind: What is shown, such as "triage": of the characters that a key takes.
        name: Of what it is shown, such as a batch; any text. Two names have two keys.
    """
    return f"{kind}-{key_of(name, 'a-z0-9-', MOST_CHARACTERS - len(kind) - 1)}"
