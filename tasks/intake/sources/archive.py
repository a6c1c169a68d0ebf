"""An archive of pictures: zip, tar, or tar packed by gzip."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.intake.reports import IntakeReport
from tasks.intake.sources.archives.members import is_archive
from tasks.intake.sources.archives.take_in import ArchiveShard, list_archive, look_into_archive, take_in_archive
from tasks.intake.sources.protocol import AskedOfSource, SourceLook


class Archive:
    """A file whose members are taken in as if they lay in a folder of its name."""

    shard: type[Frozen] = ArchiveShard

    def holds(self, place: Path, asked: AskedOfSource) -> bool:
        """A file that is called as archives are, and that nobody calls texts."""
        return asked.texts is None and is_archive(place)

    def look_into(self, place: Path, asked: AskedOfSource) -> SourceLook:
        """See `look_into_archive`."""
        return look_into_archive(place, asked.sequence_pattern)

    def list_shards(self, store: Store, place: Path, asked: AskedOfSource, size: int) -> Sequence[Frozen]:  # noqa: ARG002
        """See `list_archive`."""
        return list_archive(place, size)

    def take_in(self, engine: Engine, store: Store, collection: str, shard: Any, asked: AskedOfSource) -> IntakeReport:
        """See `take_in_archive`."""
        return take_in_archive(engine, store, collection, shard, asked.sequence_pattern)
