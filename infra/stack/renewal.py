"""New secrets: what knows the old ones is restarted, told, or rewritten, until nothing of them is left in use.

The file of secrets changes first; then the stack is started, and every start compares what it finds in use with the
file. So a rotation that is interrupted goes on with the next `labelline up`, and so does a change made by hand.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from blocks.errors import StackError
from infra.stack.lock import alone
from infra.stack.orchestration.documents import fingerprint_of, open_saved_catalog, saved_server
from infra.stack.secrets.credentials import Credentials, renew_credentials
from infra.stack.servers.label_studio import label_studio_environment
from infra.stack.state import StackState, open_stack
from tasks.review.posting.renew import Renewed, renew_posted

ACCOUNT_S = 120.0
"""Loading Label Studio's own code takes 3 to 20 s."""

SET_ACCOUNT = """
import json, sys
from label_studio.server import _setup_env
_setup_env()
from organizations.models import Organization
from rest_framework.authtoken.models import Token
from users.models import User
given = json.load(sys.stdin)
user = User.objects.filter(email=given["email"]).first()
if user is not None:
    user.set_password(given["password"])
    user.save(update_fields=["password"])
    Token.objects.filter(user=user).exclude(key=given["token"]).delete()
    Token.objects.get_or_create(user=user, key=given["token"])
    for organization in Organization.objects.all():
        organization.reset_token()  # of the link by which people are invited
"""
"""Run by Label Studio's own Python, on its own database; the secrets come by standard input."""


def rotate_secrets(
    home: Path, stop: Callable[[Path], object], start: Callable[[Path], StackState], tell: Callable[[str], None]
) -> StackState:
    """Change every secret of a stack, of what it stored and of what it posted.

    Args:
        home: The state folder.
        stop: Ends the stack, `stop_stack`.
        start: Starts it, `start_stack`, which makes everything follow the new secrets.
        tell: Told of each thing that is done.

    Raises:
        StackError: No stack was started there, or one of its parts does not start again.
    """
    open_stack(home)  # says so where there is none
    stop(home)
    with alone(home, tell):
        state = open_stack(home)
        # What older versions did not note is not known, so it is done as well.
        state.account, state.posted_with = state.account or "unknown", state.posted_with or "unknown"
        state.save()
        renew_credentials(home)
        tell("new secrets are written")
    return start(home)


def follow_account(state: StackState, executable: Path, home: Path, tell: Callable[[str], None]) -> None:
    """Give Label Studio's administrator the password and token of the secrets file, where these have changed.

    Args:
        state: The stack; its Label Studio does not run.
        executable: The `label-studio` program.
        home: Its data folder.
        tell: Told what was done.
    """
    wanted = state.credentials.account_fingerprint
    if state.account == wanted:
        return
    if state.account:  # empty: a new stack, which gets its account at its start
        set_account(executable, home, state.credentials)
        tell("Label Studio's administrator has the new password and token; everybody must log in again")
    state.account = wanted
    state.save()


def set_account(executable: Path, home: Path, credentials: Credentials) -> None:
    """Give Label Studio's administrator the password and token of the secrets file, and end old invitations.

    Args:
        executable: The `label-studio` program; Python stands beside it.
        home: Its data folder. It does not run.
        credentials: What the account shall have.

    Raises:
        StackError: Label Studio's own code did not do it.
    """
    given = {
        "email": credentials.email,
        "password": credentials.password.get_secret_value(),
        "token": credentials.label_studio_token.get_secret_value(),
    }
    done = subprocess.run(
        [str(executable.with_name("python")), "-c", SET_ACCOUNT],
        env=label_studio_environment(home),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=ACCOUNT_S,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(
            f"Label Studio's administrator did not get the new password and token (exit code {done.returncode}): run "
            f"`labelline up` again. It said: {credentials.redact(done.stderr[-1000:])}"
        )


def renew_what_is_posted(state: StackState, tell: Callable[[str], None]) -> Renewed | None:
    """Let webhooks and links in Label Studio follow the saved block's secrets and addresses; inside `connected`.

    Returns:
        What was done; None where nothing has changed since the last time.
    """
    server, engine = saved_server(), open_saved_catalog()
    if server is None or engine is None:
        return None
    seen = fingerprint_of(server)
    if state.posted_with == seen:
        return None
    renewed = None
    if state.posted_with:  # empty: a new stack, or one of a version that did not note it
        renewed = renew_posted(engine, server, tell)
        for failure in renewed.failed:
            tell(f"not renewed, the next `labelline up` tries again: {failure}")
        if renewed.failed:
            return renewed
    state.posted_with = seen
    state.save()
    return renewed
