"""What every kind of place is to intake: it knows its own, lists it in shards, looks into it, and takes a shard in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine

from blocks.errors import BadOption
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.intake.reports import IntakeReport
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.texts.columns import TextOptions
from tasks.intake.video.options import VideoOptions


class AskedOfSource(Frozen):
    """How somebody wants things taken in; each source reads what is meant for it.

    Attributes:
        sequence_pattern: By which part of their paths items of one sequence are told.
        texts: Where in a table texts are; None: nobody says that there are texts.
        videos: Which frames of videos become items.
        urls: How a list of addresses is read and fetched; None: nobody says that there is one.
    """

    sequence_pattern: str | None = None
    texts: TextOptions | None = None
    videos: VideoOptions | None = None
    urls: UrlOptions | None = None


class SourceLook(Protocol):
    """What a quick look into a place shows, in words."""

    def about_one_sequence(self) -> str:
        """Say that none could be held out for testing; empty: some could be."""

    def about_sequences(self) -> str:
        """Say what was found."""


def refuse_one_sequence(look: SourceLook) -> None:
    """Refuse items of which none could be held out for testing.

    Raises:
        BadOption: All are one sequence.
    """
    if told := look.about_one_sequence():
        raise BadOption(f"{told} Without any model: --detector nobody.")


class SourceKind(Protocol):
    """One kind of place. Whatever it offers ends as one source row, with its reason."""

    shard: type[Frozen]
    """Of what one step works on; no two kinds share one."""

    def holds(self, place: Path, asked: AskedOfSource) -> bool:
        """Whether a place is of this kind."""

    def look_into(self, place: Path, asked: AskedOfSource) -> SourceLook:
        """Look into a place before anything is taken in."""

    def list_shards(self, store: Store, place: Path, asked: AskedOfSource, size: int) -> Sequence[Frozen]:
        """List what a place offers in shards of about that size."""

    def take_in(self, engine: Engine, store: Store, collection: str, shard: Any, asked: AskedOfSource) -> IntakeReport:
        """Take in what a shard lists."""
