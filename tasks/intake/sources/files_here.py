"""What lies on this machine: folders of pictures and videos, and texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.intake import folders
from tasks.intake.preview import look_into
from tasks.intake.reports import IntakeReport
from tasks.intake.sources.protocol import AskedOfSource, SourceLook
from tasks.intake.texts.columns import TextOptions
from tasks.intake.texts.preview import look_into_texts
from tasks.intake.texts.take_in import TextShard, list_texts, take_in_texts, texts_listed
from tasks.intake.video.containers import is_video_name
from tasks.intake.video.options import VideoOptions


class Folder:
    """A folder of pictures and videos, or one video."""

    shard: type[Frozen] = folders.FileShard

    def holds(self, place: Path, asked: AskedOfSource) -> bool:  # noqa: ARG002  (the protocol's signature)
        """Whatever nobody else claims; that it is not there is said when it is listed."""
        return True

    def look_into(self, place: Path, asked: AskedOfSource) -> SourceLook:
        """See `preview.look_into`."""
        return look_into(place, asked.sequence_pattern)

    def list_shards(self, store: Store, place: Path, asked: AskedOfSource, size: int) -> Sequence[Frozen]:  # noqa: ARG002
        """See `folders.list_files`."""
        return folders.list_files(store, place, size)

    def take_in(self, engine: Engine, store: Store, collection: str, shard: Any, asked: AskedOfSource) -> IntakeReport:
        """See `folders.take_in`."""
        paths, pattern = folders.paths_of(store, shard), asked.sequence_pattern
        folder, videos = Path(shard.folder), asked.videos or VideoOptions()
        return folders.take_in(engine, store, collection, paths, pattern, folder=folder, videos=videos)


class Texts:
    """A table of texts, one text, or a folder of them that somebody calls so."""

    shard: type[Frozen] = TextShard

    def holds(self, place: Path, asked: AskedOfSource) -> bool:
        """A file that is no video, or what somebody calls texts."""
        return asked.texts is not None or (place.is_file() and not is_video_name(place))

    def look_into(self, place: Path, asked: AskedOfSource) -> SourceLook:
        """See `look_into_texts`."""
        return look_into_texts(place, asked.texts or TextOptions(), asked.sequence_pattern)

    def list_shards(self, store: Store, place: Path, asked: AskedOfSource, size: int) -> Sequence[Frozen]:
        """See `list_texts`."""
        return list_texts(store, place, asked.texts or TextOptions(), size)

    def take_in(self, engine: Engine, store: Store, collection: str, shard: Any, asked: AskedOfSource) -> IntakeReport:
        """See `take_in_texts`."""
        offered, options = texts_listed(store, shard), asked.texts or TextOptions()
        return take_in_texts(engine, store, collection, offered, options, asked.sequence_pattern)
