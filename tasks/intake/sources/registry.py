"""All kinds of places, in the order in which they are asked whether one is theirs."""

from pathlib import Path

from blocks.frozen import Frozen
from tasks.intake.sources.archive import Archive
from tasks.intake.sources.files_here import Folder, Texts
from tasks.intake.sources.protocol import AskedOfSource, SourceKind
from tasks.intake.sources.url_list import UrlList

SOURCE_KINDS: tuple[SourceKind, ...] = (UrlList(), Archive(), Texts(), Folder())


def source_kind_of(place: Path, asked: AskedOfSource) -> SourceKind:
    """Return of which kind a place is; the last one takes all."""
    return next(kind for kind in SOURCE_KINDS if kind.holds(place, asked))


def source_kind_of_shard(shard: Frozen) -> SourceKind:
    """Return which kind of place has listed a shard."""
    return next(kind for kind in SOURCE_KINDS if isinstance(shard, kind.shard))
