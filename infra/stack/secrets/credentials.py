"""The local stack's generated secrets: one file that only its owner can read."""

import base64
import hashlib
import json
import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from blocks.errors import StackError
from blocks.frozen import Frozen
from blocks.storage.outside_files import read_bounded

MAX_BYTES = 1_000_000

ADMINISTRATOR = "admin@labelline.local"
"""Who logs in to the local Label Studio; the password is in the secrets file."""

PREFECT_USER = "labelline"
"""What stands before the colon where Prefect asks for a password."""

ADDED_LATER = ("prefect_password", "score_token")
"""Secrets that files of older versions lack."""


class Credentials(Frozen):
    """What the services of one stack know each other by."""

    email: str
    password: SecretStr
    label_studio_token: SecretStr
    label_studio_key: SecretStr
    link_secret: SecretStr
    doorbell_secret: SecretStr
    # Files of older versions lack these until the next `up`.
    prefect_password: SecretStr | None = None
    score_token: SecretStr | None = None

    @property
    def prefect_login(self) -> str:
        """What Prefect's page asks for, and its settings name AUTH_STRING; empty before the next `up`."""
        return f"{PREFECT_USER}:{self.prefect_password.get_secret_value()}" if self.prefect_password else ""

    @property
    def score_bearer(self) -> str:
        """What callers of `POST /score` show; empty before the next `up`."""
        return self.score_token.get_secret_value() if self.score_token else ""

    @property
    def prefect_headers(self) -> dict[str, str]:
        """The header by which a plain request is let in to Prefect."""
        encoded = base64.b64encode(self.prefect_login.encode()).decode()
        return {"Authorization": f"Basic {encoded}"} if encoded else {}

    @property
    def account_fingerprint(self) -> str:
        """A text that is another one for another administrator's account in Label Studio, and tells nothing of it."""
        return _fingerprint(self.email, self.password, self.label_studio_token)

    @property
    def gateway_fingerprint(self) -> str:
        """A text that is another one where the gateway must learn of new secrets, and tells nothing of them."""
        return _fingerprint(self.link_secret, self.doorbell_secret, self.label_studio_token)

    def redact(self, text: str) -> str:
        """Return a text with every secret value replaced, for what is shown of logs."""
        for value in self._values():
            text = text.replace(value, "***")
        return text

    def _values(self) -> list[str]:
        values = [getattr(self, name) for name in type(self).model_fields]
        encoded = [header.removeprefix("Basic ") for header in self.prefect_headers.values()]
        return [*(value.get_secret_value() for value in values if isinstance(value, SecretStr)), *encoded]


def _fingerprint(*parts: str | SecretStr) -> str:
    plain = [part.get_secret_value() if isinstance(part, SecretStr) else part for part in parts]
    return hashlib.sha256("\0".join(plain).encode()).hexdigest()


def secrets_path(home: Path) -> Path:
    """Return where the secrets of a state folder lie."""
    return home / "secrets.json"


def read_credentials(home: Path) -> Credentials:
    """Return the secrets of a state folder.

    Raises:
        StackError: There are none, or the file is damaged.
    """
    path = secrets_path(home)
    if not path.exists():
        raise StackError(f"no secrets in {path}: run `labelline up` first")
    try:
        return Credentials.model_validate_json(read_bounded(path, StackError, MAX_BYTES))
    except ValueError as error:
        raise StackError(
            f"{path} is damaged: restore it from a copy, or remove it and run `labelline up` (links to pictures in "
            "questions already posted will then be dead)"
        ) from error


def ensure_credentials(home: Path) -> Credentials:
    """Return the secrets of a state folder, made at the first call; what an older version did not know is added."""
    path = secrets_path(home)
    if not path.exists():
        made = _new_secrets()
        write_private(path, json.dumps(made, indent=1))
        return Credentials.model_validate(made)
    credentials = read_credentials(home)
    lacking = [name for name in ADDED_LATER if getattr(credentials, name) is None]
    if lacking:
        made = _new_secrets()
        added = {**json.loads(path.read_text()), **{name: made[name] for name in lacking}}
        write_private(path, json.dumps(added, indent=1))
        return Credentials.model_validate(added)
    return credentials


def renew_credentials(home: Path) -> Credentials:
    """Write new secrets over those of a state folder; the servers learn of them when the stack is started.

    Raises:
        StackError: There are none, or the file is damaged.
    """
    made = {**_new_secrets(), "email": read_credentials(home).email}
    write_private(secrets_path(home), json.dumps(made, indent=1))
    return Credentials.model_validate(made)


def _new_secrets() -> dict[str, str]:
    return {
        "email": ADMINISTRATOR,
        "password": secrets.token_urlsafe(15),
        "label_studio_token": secrets.token_hex(20),
        "label_studio_key": secrets.token_urlsafe(48),
        "link_secret": secrets.token_urlsafe(32),
        "doorbell_secret": secrets.token_urlsafe(32),
        "prefect_password": secrets.token_urlsafe(24),
        "score_token": secrets.token_urlsafe(32),
    }


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
