"""The local stack's generated secrets: one file that only its owner can read."""

import json
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

from blocks.errors import StackError

ADMINISTRATOR = "admin@labelline.local"
"""Who logs in to the local Label Studio; the password is in the secrets file."""


class Credentials(BaseModel):
    """What the services of one stack know each other by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: str
    password: SecretStr
    label_studio_token: SecretStr
    label_studio_key: SecretStr
    link_secret: SecretStr
    doorbell_secret: SecretStr

    def redact(self, text: str) -> str:
        """Return a text with every secret value replaced, for what is shown of logs."""
        for value in self._values():
            text = text.replace(value, "***")
        return text

    def _values(self) -> list[str]:
        values = [getattr(self, name) for name in type(self).model_fields]
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def secrets_path(home: Path) -> Path:
    """Return where the secrets of a state folder lie."""
    return home / "secrets.json"


def read_credentials(home: Path) -> Credentials:
    """Return the secrets of a state folder.

    Raises:
        StackError: There are none, or the file is damaged.
    """
    path = secrets_path(home)
    try:
        return Credentials.model_validate_json(path.read_text())
    except OSError as error:
        raise StackError(f"no secrets in {path} ({error.strerror}): run `labelline up` first") from error
    except ValueError as error:
        raise StackError(
            f"{path} is damaged: restore it from a copy, or remove it and run `labelline up` (links to pictures in "
            "questions already posted will then be dead)"
        ) from error


def ensure_credentials(home: Path) -> Credentials:
    """Return the secrets of a state folder, made at the first call."""
    path = secrets_path(home)
    if path.exists():
        return read_credentials(home)
    plain = {
        "email": ADMINISTRATOR,
        "password": secrets.token_urlsafe(15),
        "label_studio_token": secrets.token_hex(20),
        "label_studio_key": secrets.token_urlsafe(48),
        "link_secret": secrets.token_urlsafe(32),
        "doorbell_secret": secrets.token_urlsafe(32),
    }
    write_private(path, json.dumps(plain, indent=1))
    return Credentials.model_validate(plain)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
