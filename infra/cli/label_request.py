"""What `labelline label` and `labelline loop` are asked for, as a flow takes it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.cli.typed.line_file import merged
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.texts.columns import TextOptions
from tasks.intake.video.options import VideoOptions
from tasks.track.asked_for import propagate_asked


@dataclass(frozen=True, slots=True)
class RoundsRequest:
    """How somebody wants the rounds; what is None is chosen by how many images there are.

    Attributes:
        first: Images of the first round, beside those to test on.
        per_round: Of the second; each later one has twice as many.
        quality: Of the champion on the test images, at which it is enough.
        hours: That people may spend.
        most: Rounds.
        rest: Whether all that is left is labelled after the last round.
    """

    first: int | None = None
    per_round: int | None = None
    quality: float | None = None
    hours: float | None = None
    most: int | None = None
    rest: bool = True

    def goal(self) -> dict[str, Any]:
        """Return when the rounds end, as the flow takes it."""
        given = {"quality": self.quality, "human_hours": self.hours, "most_rounds": self.most}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """What `labelline label` or `labelline loop` was asked for.

    Attributes:
        folder: What is taken in, a folder, a list of addresses or a file of texts; None: only what is there already.
        texts: Where in a file the texts are, or that a folder holds texts; None: it holds pictures.
        urls: How a list of addresses is read and fetched; None: it is no list of addresses.
        frames: Which frames of videos are taken in, as `VideoOptions` has it.
        begin_with: Weights that a training begins with where there is no model, as `TrainOptions.base`.
        in_rounds: Whether a model shall be trained in rounds also where there is a detector.
        on_pages: Whether labels that suggest are asked in rounds, of which what is certified comes onto pages.
        file: All options of the line as its file has them, which hold where the others say nothing; empty: no file.
    """

    folder: Path | None
    collection: str
    classes: tuple[str, ...]
    detector: str
    kinds: dict[str, tuple[str, ...]]
    accept: float
    tile_px: int
    sequence_pattern: str | None
    batch_size: int
    frames: str = "1"
    new_classes: tuple[str, ...] = ()
    label_kind: str = "boxes"
    texts: TextOptions | None = None
    urls: UrlOptions | None = None
    begin_with: str = ""
    in_rounds: bool = False
    on_pages: bool = False
    rounds: RoundsRequest = field(default_factory=RoundsRequest)
    file: dict[str, Any] = field(default_factory=dict)

    def asked(self) -> AskedOfSource:
        """Return how things are taken in, as the sources take it."""
        videos = VideoOptions(frames=self.frames)
        return AskedOfSource(sequence_pattern=self.sequence_pattern, texts=self.texts, videos=videos, urls=self.urls)

    def line(self) -> dict[str, Any]:
        """Return the options of the line, as the flow takes them."""
        typed: dict[str, Any] = {
            "collection": self.collection,
            "classes": list(self.classes),
            "label_kind": self.label_kind,
            "detector": self.detector,
            "kinds": {name: list(kinds) for name, kinds in self.kinds.items()},
            "batch_size": self.batch_size,
            "tiling": {"tile_px": self.tile_px},
            "triage": {"accept": self.accept},
        }
        in_rounds = self.on_pages or propagate_asked(self.detector) is not None
        typed["rounds"] = (self.file.get("rounds") or {}) if in_rounds else None
        if self.begin_with:
            typed["retrain"] = {"base": self.begin_with}
        return merged(self.file, typed)
