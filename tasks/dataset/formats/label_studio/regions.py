"""Regions of Label Studio: in percent of the picture, to and from labels in pixels."""

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

from blocks.errors import BadRegion
from blocks.shapes import Bounds, Mask, Polygon, Shape, Span, Whole
from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity, fault_of
from tasks.dataset.formats.reading.pictures import RawLabel
from tasks.dataset.formats.reading.problems import Problems
from tasks.dataset.formats.writing.target import WrittenLabel
from tasks.kinds.outlines.brush_rle import of_brush, to_brush
from tasks.kinds.outlines.raster import rasterised
from tasks.review.questions.kinds.texts.utf16 import place_said

NAMES = ("rectanglelabels", "polygonlabels", "brushlabels", "labels", "choices")
"""Where the class stands in a region's value."""


def region_of(each: WrittenLabel, size_wh: tuple[int, int], text: str | None = None) -> dict[str, Any]:
    """Return a label as a region of a task; of a text it brings its own part of it along."""
    label, box = each.label, each.box_xyxy_px
    if isinstance(label.shape, Span):
        return _span_region(each, label.shape, text or "")
    width, height = size_wh
    region: dict[str, Any] = {"id": label.region, "to_name": "image" if text is None else "text"}
    if text is None:
        region |= {"original_width": width, "original_height": height}
    meta = {"origin": label.origin, **({"kind": label.kind} if label.kind else {})}
    score = {} if each.origin.score is None else {"score": each.origin.score}
    if box is None:
        value: dict[str, Any] = {"choices": [label.class_name]}
        return {**region, "from_name": "choice", "type": "choices", "value": value, "meta": meta, **score}
    rest = {"meta": meta, **score}
    if isinstance(label.shape, Mask) or _has_rings(label.shape):
        value = {"format": "rle", "rle": to_brush(rasterised(label.shape), size_wh), "brushlabels": [label.class_name]}
        return {**region, "from_name": "brush", "type": "brushlabels", "value": value, **rest}
    if isinstance(label.shape, Polygon):
        points = [[x / width * 100, y / height * 100] for x, y in label.shape.points]
        value = {"points": points, "closed": True, "polygonlabels": [label.class_name]}
        return {**region, "from_name": "polygon", "type": "polygonlabels", "value": value, **rest}
    left, top, right, bottom = box
    value = {"x": left / width * 100, "y": top / height * 100, "rotation": 0, "rectanglelabels": [label.class_name]}
    value |= {"width": (right - left) / width * 100, "height": (bottom - top) / height * 100}
    rest = {"from_name": "label", "type": "rectanglelabels", "image_rotation": 0}
    return {**region, **rest, "value": value, "meta": meta, **score}


def ticked_region(labels: Sequence[WrittenLabel], text: str | None = None) -> dict[str, Any]:
    """Return the classes of an item that may have several as the one region that Label Studio has for them.

    It has one place for where they come from and for a score: those of the first, where all have the same origin.
    """
    region = region_of(labels[0], (0, 0), text)
    origins = {each.label.origin for each in labels}
    region["value"] = {"choices": [each.label.class_name for each in labels]}
    if len(labels) > 1:
        region = {name: value for name, value in region.items() if name != "score"}
        region["meta"] = {"origin": labels[0].label.origin} if len(origins) == 1 else {}
    return {**region, "id": "classes"}


def _has_rings(shape: Shape | None) -> TypeGuard[Polygon]:
    """Say whether a polygon has holes or parts: one of Label Studio is one ring, so it is written as a brush."""
    return isinstance(shape, Polygon) and bool(shape.holes or shape.parts)


def _span_region(each: WrittenLabel, shape: Span, text: str) -> dict[str, Any]:
    label = each.label
    value = {
        "start": shape.start,
        "end": shape.end,
        "text": text[shape.start : shape.end],
        "labels": [label.class_name],
    }
    region = {"id": label.region, "from_name": "label", "to_name": "text", "type": "labels", "value": value}
    score = {} if each.origin.score is None else {"score": each.origin.score}
    return {**region, "meta": {"origin": label.origin, **({"kind": label.kind} if label.kind else {})}, **score}


def labels_of(
    annotation: dict[str, Any], file: str, number: int, place: str, problems: Problems, text: str | None = None
) -> tuple[list[RawLabel], int, tuple[int, int] | None]:
    """Return the labels of an annotation or prediction, how many could not be made sense of, and the picture's size."""
    result = annotation.get("result")
    regions = [each for each in result if isinstance(each, dict)] if isinstance(result, list) else []
    labels, lost, size = [], 0, None
    for region in _joined(regions):
        size = size or _size(region)
        try:
            labels += [_label(each, file, number, text) for each in _ticked(region)]
        except (ValueError, TypeError, OverflowError, BadRegion) as error:
            problems.add(fault_of(error), file, place, f"region {region.get('id')}: {str(error).splitlines()[0]}")
            lost += 1
    return labels, lost, size


def _ticked(region: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a region for each choice of one that has several."""
    value = region["value"]
    names = value.get("choices")
    if not isinstance(names, list) or len(names) < 2:
        return [region]
    return [{**region, "value": {**value, "choices": [name]}} for name in names]


def _joined(regions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the shape and the name of a region, which some label configs give as two with one id; relations fall out."""
    by_id: dict[Any, dict[str, Any]] = {}
    for at, region in enumerate(regions):
        value = region.get("value")
        if not isinstance(value, dict):
            continue
        joined = by_id.setdefault(str(region.get("id", at)), {**region, "value": {}})
        joined["value"] |= value
        for name in ("meta", "score", "original_width", "original_height"):
            if region.get(name) is not None:
                joined[name] = region[name]
    return list(by_id.values())


def _size(region: dict[str, Any]) -> tuple[int, int] | None:
    sides = region.get("original_width"), region.get("original_height")
    if not all(isinstance(side, int | float) and 0 < side < 1e6 for side in sides):
        return None
    return int(sides[0]), int(sides[1])  # type: ignore[arg-type]


def _label(region: dict[str, Any], file: str, number: int, text: str | None) -> RawLabel:
    value, meta, score = region["value"], region.get("meta"), region.get("score")
    names = next((value[key] for key in NAMES if isinstance(value.get(key), list) and value[key]), None)
    if not names:
        raise FaultyLabel(Oddity.UNUSABLE_CLASS, "has no name of a class")
    if len(names) > 1:
        raise FaultyLabel(Oddity.AMBIGUOUS_LABEL, f"has {len(names)} names, and a label has one")
    known = {str(key): text for key, text in meta.items() if isinstance(text, str)} if isinstance(meta, dict) else {}
    return RawLabel(
        str(names[0]),
        _place(region, value, text),
        file,
        number,
        score=float(score) if isinstance(score, int | float) else None,
        kind=known.pop("kind", None),
        attributes=known,
    )


def _place(region: dict[str, Any], value: dict[str, Any], text: str | None) -> Bounds | Shape:
    if "choices" in value:
        return Whole()
    if type(value.get("start")) is int and type(value.get("end")) is int:
        said = value["text"] if isinstance(value.get("text"), str) else None
        start, end = place_said(value["start"], value["end"], said, text or "")
        return Span(start=start, end=end)
    if text is not None:
        raise FaultyLabel(Oddity.UNREAD_SHAPE, "is no span of the text, and no choice about it")
    if "sequence" in value:
        raise FaultyLabel(Oddity.TRACK, "an object of a video, which is not read: export its frames as pictures")
    size = _size(region)
    if size is None:
        raise ValueError("does not say how large its picture is (original_width, original_height)")
    width, height = size
    if isinstance(value.get("points"), list):
        return Polygon(points=tuple((float(x) * width / 100, float(y) * height / 100) for x, y in value["points"]))
    if "rle" in value:
        return Mask.of(of_brush(value["rle"], size))
    left, top = (
        float(value["x"]) * width / 100 if "x" in value else math.nan,
        float(value.get("y", "nan")) * height / 100,
    )
    across, down = float(value.get("width", "nan")) * width / 100, float(value.get("height", "nan")) * height / 100
    turn = float(value.get("rotation") or 0)
    if not turn:
        return left, top, left + across, top + down
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))  # about the first corner, clockwise
    corners = ((0.0, 0.0), (across, 0.0), (across, down), (0.0, down))
    return Polygon(points=tuple((left + x * cos - y * sin, top + x * sin + y * cos) for x, y in corners))


def _percent(value: dict[str, Any], name: str) -> float:
    return float(value.get(name, math.nan)) / 100
