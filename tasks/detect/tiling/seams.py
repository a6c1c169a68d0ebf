"""Make one box per object out of what overlapping views of one image saw of it.

General non-maximum suppression knows boxes and scores. The tiler knows more: which boxes were cut by a tile's edge, and
what every other view must have seen of the same place. So (in this order):

1. Boxes of tiles that no seam cut are complete. They compete by IoU within their class, and so do boxes of one view.
2. A cut box is a fragment. Where a complete box of another tile, cut to the place that both tiles see, looks like the
   fragment cut to that place, the fragment is part of it.
3. Fragments left over are joined with their partners across the seam: again, both must look the same where both see,
   and each must be the other's best partner in that tile. The join is the smallest box around its parts.
4. Boxes of the whole-image pass take over the fragments that agree with them: they are larger than a tile, or a tile
   missed a part. A join that no edge cuts any more is no such case: where it scores better, a whole-image box that only
   looks alike inside the tiles, and is of another size, leaves it alone.
5. What is left competes once more by IoU, also between classes where two boxes all but coincide.

A neighbour that is half covered is never swallowed, because nothing is compared by containment alone, and no box grows
unless an edge proves that it was cut.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tasks.detect.options import TilingOptions
from tasks.detect.tiling.overlaps import Pairs, overlapping_pairs, suppress
from tasks.detect.tiling.tiles import Flags, Floats, Ints, Regions
from tasks.kinds.geometry import areas, intersections, paired_iou

TOUCH_PX = 4.0
"""A box this near to a seam was cut by it: networks end a cut box up to some pixels short of the edge."""

TOUCH_SHARE = 0.05
"""The same as a share of the box's side, for large boxes, whose edges are less exact."""

TOUCH_MOST_PX = 16.0

LEAST_COVER = 0.6
"""Share of the smaller of two boxes, where both views see, that must lie in the other for them to be one object."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What all views of one image reported, in pixels of the image.

    Attributes:
        boxes_xyxy_px: Shape (n, 4), float64, inside the image and of its view. n may be 0.
        scores: Shape (n,), 0 to 1.
        class_ids: Shape (n,), not negative.
        views: Shape (n,): the row of `Regions` that saw it.
    """

    boxes_xyxy_px: Floats
    scores: Floats
    class_ids: Ints
    views: Ints

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Ints) -> "Seen":
        return Seen(self.boxes_xyxy_px[index], self.scores[index], self.class_ids[index], self.views[index])


@dataclass(frozen=True, slots=True)
class Merged:
    """One box per object, best score first.

    Attributes:
        boxes_xyxy_px: Shape (m, 4), float64.
        scores: Shape (m,): the best score among its detections.
        class_ids: Shape (m,).
        best: Shape (m,): index of the detection that saw the object best.
        seam: Shape (m,): the box was cut by a seam before merging (its own edges are joined, or still cut).
        merged_into: Shape (n,): for each detection, the row of the box that it became part of.
    """

    boxes_xyxy_px: Floats
    scores: Floats
    class_ids: Ints
    best: Ints
    seam: Flags
    merged_into: Ints

    def __len__(self) -> int:
        return len(self.scores)

    def parts(self) -> list[Ints]:
        """Return for each box the indices of the detections that it was made of, ascending; at least one each."""
        ends = np.cumsum(np.bincount(self.merged_into, minlength=len(self)))
        return np.split(np.argsort(self.merged_into, kind="stable"), ends)[: len(self)]


def merge_views(seen: Seen, regions: Regions, options: TilingOptions) -> Merged:
    """Merge the detections of all views of one image into one box per object.

    The order of the detections, and so of the tiles, changes nothing: ranks come from score, place and class alone.

    Args:
        seen: All detections of the image, each with its view.
        regions: What the views see of it.
        options: The thresholds; see the module's text.

    Source:
        The principle of cut and joined detections is our own; compare Akyon et al., "Slicing Aided Hyper Inference",
        2022, section 3, whose merge does not know where the seams are.
    """
    boxes = seen.boxes_xyxy_px
    order = np.lexsort((seen.views, seen.class_ids, *boxes.T[::-1], -seen.scores)).astype(np.int64)
    work = _Merge(seen[order], regions, options)
    work.compete_within_views()
    work.absorb_into_complete()
    work.join_fragments()
    work.absorb_into_whole()
    work.compete()
    return work.result(order)


class _Merge:
    """The state of one merge: index is rank, `parent` points from each detection to the one it became part of."""

    def __init__(self, seen: Seen, regions: Regions, options: TilingOptions) -> None:
        self.seen, self.regions, self.options = seen, regions, options
        self.boxes = seen.boxes_xyxy_px.copy()
        self.parent: Ints = np.arange(len(seen), dtype=np.int64)
        self.whole = regions.whole[seen.views]
        self.reach, self.outlook, self.cut = _reach_past_seams(seen, regions)
        self.fragment: Flags = np.asarray(self.cut.any(axis=1))
        self.clipped: Flags = self.fragment.copy()

    def _alive(self) -> Flags:
        alive: Flags = self.parent == np.arange(len(self.parent))
        return alive

    def compete_within_views(self) -> None:
        """Step 1: suppress by IoU among complete boxes of tiles, and among all boxes of one view."""
        i, j = overlapping_pairs(self.boxes, self.seen.class_ids, 1 / self.options.merge_iou)
        other = self.fragment | self.whole
        rivals = (self.seen.views[i] == self.seen.views[j]) | ~(other[i] | other[j])
        i, j = i[rivals], j[rivals]
        rivals = paired_iou(self.boxes[i], self.boxes[j]) >= self.options.merge_iou
        self.parent = suppress(len(self.parent), i[rivals], j[rivals])

    def absorb_into_complete(self) -> None:
        """Step 2: give each fragment to the complete tile box that agrees with it best."""
        i, j, agreement = self._agreeing(self.fragment & self._alive(), ~self.fragment & ~self.whole & self._alive())
        best = _first_of_each(i, agreement, j)
        self.parent[i[best]] = j[best]

    def join_fragments(self) -> None:
        """Step 3: join fragments with their best partners in other tiles; the best-scored stands for the join."""
        loose = self.fragment & self._alive()
        i, j, agreement = self._agreeing(loose, loose)
        views = self.seen.views
        mine = np.zeros(len(i), dtype=np.bool_)
        mine[_first_of_each(i * len(self.regions.whole) + views[j], agreement, j)] = True
        # Pairs come in both directions, so a pair is mutual if its mirror image is somebody's best as well.
        count = len(self.parent)
        mutual = mine & np.isin(i * count + j, (j * count + i)[mine])
        links = coo_matrix((np.ones(int(mutual.sum())), (i[mutual], j[mutual])), shape=(count, count))
        _, component = connected_components(links, directed=False)
        _, first = np.unique(component, return_index=True)
        stands_for = first[component].astype(np.int64)
        members = np.flatnonzero(loose)
        np.minimum.at(self.boxes[:, :2], stands_for[members], self.seen.boxes_xyxy_px[members, :2])
        np.maximum.at(self.boxes[:, 2:], stands_for[members], self.seen.boxes_xyxy_px[members, 2:])
        self.parent[members] = stands_for[members]
        # A join is whole unless a part that was cut is also its outermost part on that side.
        outermost = np.abs(self.seen.boxes_xyxy_px[members] - self.boxes[stands_for[members]]) <= TOUCH_PX
        still_cut = np.zeros(count, dtype=np.bool_)
        np.logical_or.at(still_cut, stands_for[members], (self.cut[members] & outermost).any(axis=1))
        self.clipped[stands_for[members]] = still_cut[stands_for[members]]

    def absorb_into_whole(self) -> None:
        """Step 4: give joins and lone fragments to the whole-image box that agrees with at least half their parts.

        A complete join is given away only to a box that it coincides with, or that scores better.
        """
        root = self.parent
        alive = self._alive()
        parts = self.fragment & (self.fragment & alive)[root]
        i, j, agreement = self._agreeing(parts, self.whole & alive)
        same = paired_iou(self.boxes[root[i]], self.boxes[j]) >= self.options.merge_iou
        may_take = self.clipped[root[i]] | same | (j < root[i])  # the index is the rank
        i, j, agreement = i[may_take], j[may_take], agreement[may_take]
        if not len(i):
            return
        count = len(self.parent)
        links, of_link = np.unique(root[i] * count + j, return_inverse=True)
        agreeing, parts_of = np.bincount(of_link), np.bincount(root[parts], minlength=count)
        total = np.bincount(of_link, weights=agreement)
        owner, taker = links // count, links % count
        enough = agreeing * 2 >= parts_of[owner]
        owner, taker, total = owner[enough], taker[enough], total[enough]
        best = _first_of_each(owner, total, taker)
        self.parent[owner[best]] = taker[best]

    def compete(self) -> None:
        """Step 5: suppress by IoU among all boxes that stand, within classes and (at a higher IoU) between them."""
        alive = np.flatnonzero(self._alive())
        boxes, classes = self.boxes[alive], self.seen.class_ids[alive]
        least = min(self.options.merge_iou, self.options.rival_iou)
        i, j = overlapping_pairs(boxes, np.zeros_like(classes), 1 / least)
        needed = np.where(classes[i] == classes[j], self.options.merge_iou, self.options.rival_iou)
        rivals = paired_iou(boxes[i], boxes[j]) >= needed
        self.parent[alive] = alive[suppress(len(alive), i[rivals], j[rivals])]

    def _agreeing(self, these: Flags, those: Flags) -> tuple[Ints, Ints, Floats]:
        """Return pairs (i of these, j of those) that look the same where both their views see, and how much so."""
        chosen = np.flatnonzero(these | those)
        i, j = (chosen[side] for side in overlapping_pairs(self.reach[chosen], self.seen.class_ids[chosen]))
        i, j = _directed((i, j), these, those)
        other = self.seen.views[i] != self.seen.views[j]
        i, j = i[other], j[other]
        both_see = intersections(self.outlook[self.seen.views[i]], self.outlook[self.seen.views[j]])
        a, b = intersections(self.reach[i], both_see), intersections(self.reach[j], both_see)
        agreement = paired_iou(a, b)
        smaller = np.maximum(np.minimum(areas(a), areas(b)), 1e-9)
        same = (agreement >= self.options.seam_iou) & (areas(intersections(a, b)) >= LEAST_COVER * smaller)
        return i[same], j[same], agreement[same]

    def result(self, order: Ints) -> Merged:
        """Collect every detection at the box it ended in; boxes by score, then by rank."""
        root: Ints = self.parent
        while not np.array_equal(root, root[root]):
            root = root[root]
        stands, row = np.unique(root, return_inverse=True)
        scores = np.zeros(len(stands))
        np.maximum.at(scores, row, self.seen.scores)
        best = self._seen_best(stands, root)
        by_score = np.lexsort((stands, -scores))
        rank = np.empty_like(by_score)
        rank[by_score] = np.arange(len(by_score))
        merged_into = np.empty(len(order), dtype=np.int64)
        merged_into[order] = rank[row]
        stands, best = stands[by_score], best[by_score]
        return Merged(
            boxes_xyxy_px=self.boxes[best],
            scores=scores[by_score],
            class_ids=self.seen.class_ids[stands],
            best=order[best],
            seam=self.fragment[best],
            merged_into=merged_into,
        )

    def _seen_best(self, stands: Ints, root: Ints) -> Ints:
        """Choose whose edges each object takes: a tile's, which sees more detail, unless it is larger than a tile."""
        tile_px = self.options.tile_px
        best = np.arange(len(root), dtype=np.int64)
        small = (self.boxes[:, 2:] - self.boxes[:, :2]).max(axis=1, initial=0.0) <= tile_px
        detailed = np.flatnonzero(~self.clipped & ~self.whole & (self.whole & small)[root])
        detailed = detailed[paired_iou(self.boxes[detailed], self.boxes[root[detailed]]) >= self.options.merge_iou]
        best[root[detailed[::-1]]] = detailed[::-1]  # assigned last: the one of best rank
        return best[stands]


def _reach_past_seams(seen: Seen, regions: Regions) -> tuple[Floats, Floats, Flags]:
    """Return boxes drawn out past the seams that cut them, views drawn out likewise, and which sides (n, 4) were cut.

    Drawn out by the tolerance, two fragments of one object overlap even where their tiles only meet, and where both
    views see they end at the same line, however many pixels short of it the network stopped.
    """
    outward = np.array([-1.0, -1.0, 1.0, 1.0])
    sides = np.tile(seen.boxes_xyxy_px[:, 2:] - seen.boxes_xyxy_px[:, :2], 2)
    near = np.clip(TOUCH_SHARE * sides, TOUCH_PX, TOUCH_MOST_PX)
    edges = regions.xyxy_px[seen.views]
    cut: Flags = regions.seams[seen.views] & (np.abs(edges - seen.boxes_xyxy_px) <= near)
    reach = np.where(cut, edges + outward * TOUCH_PX, seen.boxes_xyxy_px)
    outlook = regions.xyxy_px + outward * TOUCH_PX * regions.seams
    return reach, outlook, cut


def _directed(pairs: Pairs, these: Flags, those: Flags) -> Pairs:
    """Turn unordered pairs into all ordered ones from these to those."""
    i, j = np.concatenate(pairs), np.concatenate(pairs[::-1])
    wanted = these[i] & those[j]
    return i[wanted], j[wanted]


def _first_of_each(keys: Ints, values: Floats, ties: Ints) -> Ints:
    """Return for each distinct key the place of its highest value; among equals, that of the lowest tie-breaker."""
    order = np.lexsort((ties, -values, keys))
    _, first = np.unique(keys[order], return_index=True)
    chosen: Ints = order[first]
    return chosen
