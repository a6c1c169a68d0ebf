"""Small files that the stacks of one user share, in a folder that no other user of the machine can have prepared."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.errors import StackError
from infra.stack.secrets.private_files import OTHERS


@contextmanager
def open_own_folder(name: str) -> Iterator[tuple[Path, int]]:
    """Open a folder of this user's alone, made where it is missing: in the home folder's cache, else a temporary one.

    Anybody can make a folder in the shared temporary directory before we do, with links in it to files of ours. So what
    is opened is looked at after it is open: it is a folder, not a link to one, it belongs to this user, and nobody else
    may write there. Work in it by its number (`dir_fd`), since its name may mean another folder a moment later.

    Args:
        name: What it is for, such as `ports`.

    Yields:
        Its path, for messages, and its file descriptor.

    Raises:
        StackError: Every place is taken by somebody else, or cannot be written.
    """
    refused = []
    for path in _places(name):
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            refused.append(f"{path} ({error.strerror})")
            continue
        try:
            facts = os.fstat(folder)
            if facts.st_uid != os.geteuid():
                refused.append(f"{path} (belongs to another user)")
                continue
            if facts.st_mode & OTHERS:
                os.fchmod(folder, 0o700)
            yield path, folder
            return
        finally:
            os.close(folder)
    raise StackError(
        f"found no folder of your own for the stack's locks; tried {', '.join(refused)}. Make one of them yours with "
        "mode 700, or set XDG_CACHE_HOME to a folder that you may write"
    )


def _places(name: str) -> Iterator[Path]:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    if Path(cache).is_absolute():
        yield Path(cache) / "labelline" / name
    yield Path(tempfile.gettempdir()) / f"labelline-{name}-{os.geteuid()}"
