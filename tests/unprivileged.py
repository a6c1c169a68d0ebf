"""What an ordinary user meets in a folder that is not theirs, also where the tests run as root, whom nothing stops."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534
CANNOT_DROP = 77

DROP = f"""
import os, sys
if os.getuid() == 0:
    try:
        os.setgroups([])
        os.setgid({NOBODY})
        os.setuid({NOBODY})
    except OSError:
        sys.exit({CANNOT_DROP})
assert not os.access(sys.argv[1], os.W_OK) and os.access(sys.argv[1], os.X_OK)
"""


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that everybody may enter and `as_nobody` may not write to; not below pytest's, which are private."""
    with tempfile.TemporaryDirectory(prefix="labelline-closed-") as name:
        folder = Path(name)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def as_nobody(folder: Path, imports: str, code: str) -> str:
    """Run code in a process without the rights of root and return what it prints; skips where rights cannot be dropped.

    Args:
        folder: Given to the code as `sys.argv[1]`.
        imports: Run before the rights are dropped: afterwards the project's own files may be out of reach.
        code: Run without them.
    """
    program = [sys.executable, "-c", f"import sys\n{imports}\n{DROP}\n{code}", str(folder)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    root = Path(__file__).parents[1]
    done = subprocess.run(program, env=environment, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode == CANNOT_DROP:
        pytest.skip("this is root without the right to become somebody else: no folder is closed to it")
    assert done.returncode == 0, done.stderr
    return done.stdout
