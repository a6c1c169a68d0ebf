"""Accounts in Label Studio for the people that a line names, each with a password that only the operator can read.

Label Studio's API makes accounts that nobody can log in to, so people are signed up through the invite link, as they
would do themselves. A password is written down before the account is made: a crash in between leaves an entry that the
next call uses, never an account without a known password.
"""

import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import httpx

from blocks.errors import BadOption, LabelStudioRefused, LabelStudioUnavailable, StackError
from blocks.naming.emails import normal_email
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.outside_files import parse_json, read_bounded
from infra.stack.secrets.credentials import write_private

SIGN_UP_S = 60

MAX_BYTES = 10_000_000


def people_path(home: Path) -> Path:
    """Return where the first passwords of people lie."""
    return home / "people.json"


def ensure_people(server: AnnotationServer, home: Path, emails: Sequence[str]) -> list[str]:
    """Make the accounts that are missing.

    Args:
        server: Label Studio; its token is an administrator's.
        home: The state folder; `people.json` there gets the passwords (mode 0600).
        emails: Who shall have one; who has one keeps it, and their password.

    Returns:
        The e-mails of the accounts made now, in small letters, as Label Studio keeps them.

    Raises:
        BadOption: Something is no e-mail.
        LabelStudioRefused: Label Studio does not take somebody.
        LabelStudioUnavailable: It does not answer.
    """
    wrong = [email for email in emails if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email)]
    if wrong:
        raise BadOption(f"{wrong[0]!r} is no e-mail (expected such as ada@example.org)")
    missing = sorted({normal_email(email) for email in emails} - _present(server))
    passwords = _read(home)
    passwords.update({email: secrets.token_urlsafe(12) for email in missing if email not in passwords})
    if missing:
        write_private(people_path(home), json.dumps(passwords, indent=1))
    for email in missing:
        _sign_up(server, email, passwords[email])
    refused = sorted(set(missing) - _present(server))
    if refused:
        raise LabelStudioRefused(
            f"Label Studio made no account for {', '.join(refused)}: sign them up by hand (Organization → Add People)"
        )
    return missing


def _read(home: Path) -> dict[str, str]:
    path = people_path(home)
    if not path.exists():
        return {}
    known = parse_json(read_bounded(path, StackError, MAX_BYTES), str(path), StackError)
    if not isinstance(known, dict) or not all(isinstance(each, str) for each in known.values()):
        raise StackError(f"{path} is no table of e-mails and first passwords: restore it from a copy, or move it away")
    return {normal_email(email): password for email, password in known.items()}


def _present(server: AnnotationServer) -> set[str]:
    return {normal_email(user["email"]) for user in server.call("GET", "api/users/")}


def _sign_up(server: AnnotationServer, email: str, password: str) -> None:
    link = server.call("GET", "api/invite")["invite_url"]
    try:
        with httpx.Client(base_url=server.url, follow_redirects=True, timeout=SIGN_UP_S) as visitor:
            form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', visitor.get(link).text)
            if form is None:
                raise LabelStudioRefused("Label Studio's sign-up page has no form (is sign-up by link switched off?)")
            entries = {"email": email, "password": password, "csrfmiddlewaretoken": form[1]}
            visitor.post(link, data=entries, headers={"Referer": server.url})
    except httpx.HTTPError as error:
        kind = type(error).__name__  # its text may hold the link, which lets anybody in
        raise LabelStudioUnavailable(f"Label Studio at {server.url} did not answer the sign-up: {kind}") from None
