"""Objects in pictures: a detector looks through tiles, and what several of them saw of one object is one proposal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.database.tables import Item, Proposal
from blocks.storage.stores import Store
from tasks.detect.detector import Detector
from tasks.detect.models import check_detector, fixed_side, open_detector
from tasks.detect.options import SHOW_SCORE, TilingOptions
from tasks.detect.plan import fit_network
from tasks.detect.proposers.protocol import Looked, UnreadItem
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import stored_images
from tasks.intake.texts.media import Medium

if TYPE_CHECKING:
    from tasks.detect.stream import Found


class TileProposer:
    """A detector of boxes, over tiles and the whole picture."""

    name = "tiles"
    sees: Medium = "pictures"

    def fit(self, store: Store, ref: DetectorRef, options: TilingOptions) -> TilingOptions:
        """Return tiles no larger than the network sees."""
        return fit_network(options, fixed_side(store, ref), ref.version)

    def check(self, weights: Path, version: str) -> tuple[str, ...]:
        """Open a detector's weights and return its class names; see `check_detector`."""
        return check_detector(weights, version)

    def open(self, store: Store, ref: DetectorRef, options: TilingOptions) -> "TileLooker":
        """Return the warm detector of a reference, looking as the options say."""
        return TileLooker(store, open_detector(store, ref, options.tile_px, options.backend), options)


@dataclass(frozen=True, slots=True)
class TileLooker:
    """A detector that looks through tiles."""

    store: Store
    detector: Detector
    options: TilingOptions

    @property
    def classes(self) -> tuple[str, ...]:
        """What the detector knows."""
        return self.detector.classes

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked | UnreadItem]:
        """Look at items through tiles."""
        from tasks.detect.stream import Unseen, find_objects

        class_ids = [number for number, name in enumerate(self.classes) if name in wanted]
        for each in find_objects(stored_images(self.store, items), self.detector, class_ids, self.options):
            if isinstance(each, Unseen):
                yield UnreadItem(item_id=each.name, reason=each.reason)
            else:
                yield Looked(each.name, _scan(each), list(_rows(each, self.classes)), each.dropped)


def proposals_in(found: "Found", names: Sequence[str]) -> list[Proposal]:
    """Return what was found in an image as proposals, best first, without writing them; `names` by class id."""
    return [
        Proposal.model_validate({"detector": "", "recipe": "", **row, "id": f"{found.name}/{rank}"})
        for rank, row in enumerate(_rows(found, names))
    ]


def _scan(found: "Found") -> dict[str, Any]:
    return {
        "proposals": len(found.merged),
        "whole_frame": found.seen_whole(SHOW_SCORE),
        "tiles": int((~found.regions.whole).sum()),
        "embedding": None if found.embedding is None else found.embedding.astype("float16").tobytes(),
    }


def _rows(found: "Found", names: Sequence[str]) -> Iterator[dict[str, Any]]:
    merged, seen, regions = found.merged, found.seen, found.regions
    for rank, parts in enumerate(merged.parts()):
        x_min, y_min, x_max, y_max = (round(float(edge), 2) for edge in merged.boxes_xyxy_px[rank])
        view = int(seen.views[merged.best[rank]])
        yield {
            "item_id": found.name,
            "class_name": names[merged.class_ids[rank]],
            "score": round(float(merged.scores[rank]), 5),
            "x_min": x_min,
            "y_min": y_min,
            "x_max": x_max,
            "y_max": y_max,
            "view": regions.kind(view),
            "tile": None if regions.whole[view] else regions.name(view),
            "seam": bool(merged.seam[rank]),
            "merged_from": [_part(found, int(part), names) for part in parts],
        }


def _part(found: "Found", index: int, names: Sequence[str]) -> dict[str, Any]:
    view = int(found.seen.views[index])
    return {
        "index": index,
        "view": found.regions.kind(view),
        "tile": None if found.regions.whole[view] else found.regions.name(view),
        "class_name": names[found.seen.class_ids[index]],
        "score": round(float(found.seen.scores[index]), 5),
        "box": [round(float(edge), 2) for edge in found.seen.boxes_xyxy_px[index]],
    }
