"""The boxes that a detector finds, through tiles, as a line finds them with its usual options."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks.storage.stores import Store
from tasks.detect.detector import Detector
from tasks.detect.models import fixed_side, open_detector
from tasks.detect.options import SHOW_SCORE, TilingOptions
from tasks.detect.plan import fit_network
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.pictures import sources_of
from tasks.detect.scoring.protocol import NotScored, OpenScorer, Takes
from tasks.detect.tiling.read_ahead import Unseen

if TYPE_CHECKING:
    from tasks.detect.stream import Found


class BoxScoring:
    """Detectors."""

    name = "tiles"

    def open(self, store: Store, ref: DetectorRef, most_pixels: int) -> OpenScorer:
        """Return a detector, its weights checked by their hash."""
        usual = TilingOptions(min_score=SHOW_SCORE)
        options = fit_network(usual, fixed_side(store, ref), ref.version)
        return BoxScorer(open_detector(store, ref, options.tile_px, options.backend), options, most_pixels)


@dataclass(frozen=True, slots=True)
class BoxScorer:
    """An open detector."""

    detector: Detector
    options: TilingOptions
    most_pixels: int
    takes: Takes = "images"
    gives: str = "boxes"

    @property
    def labels(self) -> tuple[str, ...]:
        """Its classes."""
        return self.detector.classes

    def score(self, inputs: Sequence[Any]) -> list[list[Any] | NotScored]:
        """Return for each picture its boxes, best first: label, score, and edges in pixels of the upright picture."""
        from tasks.detect.stream import find_objects

        sources, refused = sources_of(inputs, self.most_pixels)
        rows: list[list[Any] | NotScored] = [one or NotScored("not looked at") for one in refused]
        for found in find_objects(sources, self.detector, range(len(self.labels)), self.options):
            if isinstance(found, Unseen):
                rows[int(found.name)] = NotScored(found.reason)
            else:
                rows[int(found.name)] = self._boxes(found)
        return rows

    def _boxes(self, found: "Found") -> list[Any]:
        merged = found.merged
        columns = zip(merged.class_ids.tolist(), merged.scores.tolist(), merged.boxes_xyxy_px.tolist(), strict=True)
        return [
            {
                "label": self.labels[class_id],
                "score": round(score, 5),
                **{
                    name: round(edge, 2) for name, edge in zip(("x_min", "y_min", "x_max", "y_max"), edges, strict=True)
                },
            }
            for class_id, score, edges in columns
        ]
