"""What is told of a key is what its space means."""

import hashlib

from sqlalchemy import Engine

from blocks.storage.stores import FolderStore
from tasks.keeping.check import check_objects


def test_a_manifest_that_training_keeps_beside_snapshots_is_told_as_what_it_is(
    engine: Engine, store: FolderStore
) -> None:
    store.put(f"snapshots/{hashlib.sha256(b'{}').hexdigest()}.json", b"{}")
    (fault,) = check_objects(engine, [store]).faults
    assert (fault.what, "training between two rounds" in fault.means) == ("orphan", True)
