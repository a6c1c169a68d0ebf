"""E-mails name people: one way to write them, at every door, so that `Name@Example.org` is name@example.org.

Label Studio stores an address in small letters whatever somebody typed, so addresses compare without case everywhere.
Rows that were written earlier, with capitals, are brought into this form when they are read.
"""

from typing import Annotated

from pydantic import AfterValidator


def normal_email(text: str) -> str:
    """Return an e-mail, or a name that stands for a person, in the form in which people are compared."""
    return text.strip().lower()


Email = Annotated[str, AfterValidator(normal_email)]
"""An e-mail as a field of a model."""
