"""Each thing that is odd in a dataset is counted under its own kind, whichever format it comes in."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.dataset.formats.published import read_truth
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.problems import KindTally, added_up, tally_lines
from tests.dataset.formats.test_field_cases import picture, text

BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}


def yolo(*rows: str) -> Callable[[Path], None]:
    def written(folder: Path) -> None:
        picture(folder / "a.png")
        text(folder / "classes.txt", "car")
        text(folder / "a.txt", "\n".join(rows))

    return written


def coco(*rows: dict[str, object], **image: object) -> Callable[[Path], None]:
    def written(folder: Path) -> None:
        picture(folder / "a.png")
        images = [{"id": 1, "file_name": "a.png", "width": 400, "height": 200, **image}]
        categories = [{"id": 1, "name": "car"}]
        text(folder / "a.json", json.dumps({"images": images, "annotations": rows, "categories": categories}))

    return written


def cvat(inside: str) -> Callable[[Path], None]:
    def written(folder: Path) -> None:
        picture(folder / "a.png")
        text(folder / "a.xml", f"<annotations>{inside}</annotations>")

    return written


def in_picture(shape: str) -> Callable[[Path], None]:
    return cvat(f'<image id="0" name="a.png" width="400" height="200">{shape}</image>')


GOOD = "0 .5 .5 .1 .2"


@pytest.mark.parametrize(
    ("write", "fault"),
    [
        (yolo(GOOD, "0 1 .5 .1 .2"), Oddity.BEYOND_FRAME),
        (yolo(GOOD, "7 .5 .5 .1 .2"), Oddity.UNKNOWN_CLASS),
        (yolo(GOOD, GOOD), Oddity.DOUBLED),
        (yolo(GOOD, "0 .5 .5 0 .2"), Oddity.WITHOUT_AREA),
        (yolo(GOOD, "0 .5 .5"), Oddity.BROKEN_LABEL),
        (yolo(GOOD, "0 .5 .5 .1 .2 .9 1"), Oddity.AMBIGUOUS_LABEL),
        (coco(BOX, {**BOX, "category_id": 9}), Oddity.UNKNOWN_CLASS),
        (coco(BOX, {**BOX, "iscrowd": 1}), Oddity.CROWD),
        (coco(BOX, {**BOX, "image_id": 9}), Oddity.MISSING_PICTURE),
        (coco({**BOX, "segmentation": [[1, 1, 2, 2, 3, 1]]}), Oddity.OUTLINE_AS_BOX),
        (coco(BOX, width=200, height=400), Oddity.OTHER_SIZE),
        (in_picture('<polyline label="car" points="1,1;2,2"/>'), Oddity.UNREAD_SHAPE),
        (cvat('<track id="3" label="car"><box frame="0"/><box frame="1" outside="1"/></track>'), Oddity.TRACK),
    ],
    ids=lambda value: value if isinstance(value, Oddity) else "",
)
def test_a_fault_is_counted_under_its_kind_with_its_first_case(
    tmp_path: Path, write: Callable[[Path], None], fault: Oddity
) -> None:
    write(tmp_path)
    problems = read_truth(tmp_path).problems
    assert problems.tallies[fault].count == 1
    assert problems.tallies[fault].first in {each.told() for each in problems}
    assert sum(each.count for each in problems.tallies.values()) == len(problems)


def test_pictures_that_are_lost_broken_or_unlabelled_have_kinds_of_their_own(tmp_path: Path) -> None:
    coco(BOX, file_name="lost.png")(tmp_path)
    text(tmp_path / "b.png", "no picture")
    tallies = read_truth(tmp_path).problems.tallies
    assert {fault: each.count for fault, each in tallies.items()} == {
        Oddity.MISSING_PICTURE: 1,
        Oddity.PICTURE_WITHOUT_LABELS: 1,
        Oddity.UNREADABLE_PICTURE: 1,
    }


def test_counts_of_parts_add_up_and_the_first_case_stands() -> None:
    one, other = KindTally(count=1, first="here"), KindTally(count=2_000, first="there")
    both = added_up({"track": one}, {"track": other, "crowd": one})
    assert both == {"track": KindTally(count=2_001, first="here"), "crowd": one}
    assert tally_lines(both) == [
        "  kind   count  the first one",
        "  track  2,001  here",
        "  crowd      1  here",
    ]
    assert tally_lines({}) == []


def test_every_kind_is_explained_on_the_page_of_formats() -> None:
    page = Path(__file__).parents[3].joinpath("docs", "formats.md").read_text(encoding="utf-8")
    assert [fault for fault in Oddity if f"`{fault}`" not in page] == []
