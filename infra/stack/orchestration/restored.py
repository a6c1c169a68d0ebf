"""Where the catalogue and the objects of a restored state folder are, until the next start tells Prefect.

The documents in a backup name the places of the original. A restored copy that followed them would ask, settle and
delete in the original's place.
"""

import json
from pathlib import Path

from pydantic import ValidationError

from blocks.errors import StackError
from blocks.frozen import Frozen
from blocks.storage.outside_files import read_bounded
from infra.stack.secrets.credentials import write_private

MAX_BYTES = 100_000


class RestoredPlugs(Frozen):
    """What is not in the state folder itself.

    Attributes:
        catalog: Address of the catalogue; None: the folder's own.
        bucket: Fields of the object store's document; None: the folder's own.
    """

    catalog: str | None = None
    bucket: dict[str, str | bool] | None = None


def restored_path(home: Path) -> Path:
    """Return where it is noted."""
    return home / "restored.json"


def write_restored(home: Path, plugs: RestoredPlugs) -> None:
    """Note it for the next start, closed to others: it may hold passwords."""
    write_private(restored_path(home), json.dumps(plugs.model_dump()))


def read_restored(home: Path) -> RestoredPlugs | None:
    """Return what is noted; None: the folder was not restored since its last start.

    Raises:
        StackError: The note is damaged.
    """
    path = restored_path(home)
    if not path.exists():
        return None
    try:
        return RestoredPlugs.model_validate_json(read_bounded(path, StackError, MAX_BYTES))
    except ValidationError as error:
        raise StackError(f"{path} is damaged: restore the backup again") from error
