"""Formats that others write: LabelMe, KITTI, OpenImages; and tables and tasks as other tools write them."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from blocks.errors import BadTruth
from blocks.shapes import Polygon
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.formats.published import read_truth
from tests.dataset.formats.test_field_cases import edges, picture, text, told

CAR = [[10, 20, 30, 40]]


def labelme(path: Path, shapes: list[dict[str, object]], said: str = "a.png") -> None:
    text(
        path,
        json.dumps({"shapes": shapes, "imagePath": said, "imageData": None, "imageWidth": 400, "imageHeight": 200}),
    )


def test_labelme_is_read(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    shapes: list[dict[str, object]] = [
        {"label": "car", "shape_type": "rectangle", "points": [[30, 40], [10, 20]], "flags": {"old": True}},
        {"label": "car", "shape_type": "circle", "points": [[100, 100], [100, 110]]},
        {"label": "car", "shape_type": "polygon", "points": [[200, 50], [220, 50], [220, 70]]},
        {"label": "car", "shape_type": "line", "points": [[1, 1], [2, 2]]},
    ]
    labelme(tmp_path / "a.json", shapes, "C:\\photos\\a.png")
    labelme(tmp_path / "b.json", [])
    truth = read_truth(tmp_path)
    assert edges(truth, "a.png") == [*CAR, [90, 90, 110, 110], [200, 50, 220, 70]]
    assert truth.boxes["b.png"] == ()
    assert told(truth) == "a.json, shape 4: a line of 2 points, which is not read; it is left out"
    with open_dataset(tmp_path) as dataset:
        found = next(iter(dataset.pictures())).labels or ()
    assert isinstance(found[2].shape, Polygon)
    assert found[0].attributes == {"old": True}


@pytest.mark.parametrize("folders", [("image_2", "label_2"), ("", "")])
def test_kitti_is_read(tmp_path: Path, folders: tuple[str, str]) -> None:
    for name in ("000001.png", "000002.png", "000003.png"):
        picture(tmp_path / folders[0] / name)
    rest = "1.5 1.6 3.7 1.0 2.0 8.4 0.01"
    rows = f"Car 0.00 2 -1.58 10 20 30 40 {rest}\nDontCare -1 -1 -10 1 1 9 9 -1 -1 -1 -1000 -1000 -1000 -10\nCar 1 2\n"
    text(tmp_path / folders[1] / "000001.txt", rows)
    text(tmp_path / folders[1] / "000002.txt", "")
    truth = read_truth(tmp_path)
    assert edges(truth, "000001.png") == CAR
    assert truth.boxes["000002.png"] == ()
    assert "000003.png" not in truth.boxes
    assert "line 3: expected 15 values, or 16 with a score, got 3" in told(truth)
    assert "1 regions where nothing was labelled (DontCare) are not kept" in told(truth)


def test_open_images_are_read(tmp_path: Path) -> None:
    picture(tmp_path / "validation" / "0a1.jpg")
    head = (
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    )
    rows = ["0a1,xclick,/m/0k4j,1,0.025,0.075,0.1,0.2,1,0,0,0,0", "0a1,xclick,/m/0k4j,1,0,1,0,1,0,0,1,0,0"]
    rows.append("0a2,xclick,/m/0k4j,1,0,1,0,1,0,0,0,0,0")
    text(tmp_path / "validation-annotations-bbox.csv", "\n".join([head, *rows]))
    text(tmp_path / "class-descriptions-boxable.csv", "/m/0k4j,Car\n")
    truth = read_truth(tmp_path)
    assert edges(truth, "0a1.jpg") == CAR
    assert [box.class_name for box in truth.boxes["0a1.jpg"]] == ["Car"]
    assert "row 3: a group, not one object" in told(truth)
    assert "row 4: its picture is not there" in told(truth)


def test_tables_of_other_tools_are_read(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    head = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
    rows = "a.png,400,200,car,10,20,30,40\na.png,400,200,car,x,20,30,40\nb.png,400,200,,,,,\n,1,1,car,1,1,2,2\n"
    text(tmp_path / "labels.csv", "\ufeff" + head + rows)
    truth = read_truth(tmp_path)
    assert (edges(truth, "a.png"), truth.boxes["b.png"]) == (CAR, ())
    assert "labels.csv, row 3: expected four numbers, got x, 20, 30, 40" in told(truth)
    assert "labels.csv, row 5: names no picture" in told(truth)


def test_tasks_as_label_studio_exports_them_are_read(tmp_path: Path) -> None:
    for name in "abcd":
        picture(tmp_path / f"{name}.png")
    size = {"original_width": 400, "original_height": 200}
    value = {"x": 2.5, "y": 10, "width": 5, "height": 10, "rotation": 0, "rectanglelabels": ["car"]}
    box = {"id": "1", "type": "rectanglelabels", "value": value, **size}
    brush = {"id": "2", "type": "brushlabels", "value": {"rle": [1], "labels": ["car"]}, **size}
    turned = {"id": "3", "value": {**value, "rotation": 90, "x": 50}, **size}
    relation = {"type": "relation", "from_id": "1", "to_id": "2"}
    tasks = [
        {
            "data": {"image": "/data/upload/3/0f1e2d3c-a.png"},
            "annotations": [{"result": [box, brush, turned, relation]}],
        },
        {"data": {"image": "s3://bucket/x/b.png"}, "annotations": [{"result": []}]},
        {"data": {"image": "http://h/c.png?sig=1"}, "annotations": [{"result": [], "was_cancelled": True}]},
        {"data": {"image": "/data/local-files/?d=x%2Fd.png"}, "annotations": [], "predictions": [{"result": [box]}]},
        {"data": {}},
    ]
    text(tmp_path / "export.json", json.dumps(tasks))
    truth = read_truth(tmp_path)
    assert edges(truth, "a.png") == [*CAR, [180, 20, 200, 40]]
    assert (truth.boxes["b.png"], edges(truth, "d.png")) == ((), CAR)
    assert "c.png" not in truth.boxes
    assert "task 1: region 2: a brush whose runs end before its last pixel" in told(truth)
    assert "task 4: has no annotation; its predictions are taken" in told(truth)
    assert "c.png: task 3 of export.json was skipped" in told(truth)
    assert "task 5: names no picture" in told(truth)


def test_what_cvat_has_beyond_boxes_is_read_or_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    shapes = (
        '<box label="car" xtl="10" ytl="20" xbr="30" ybr="40"><attribute name="kind">van</attribute></box>'
        '<box label="car" xtl="10" ytl="20" xbr="30" ybr="40" rotation="30"/>'
        '<polygon label="car" points="200,50;220,50;220,70"/><polyline label="car" points="1,1;2,2"/>'
        '<mask label="car" rle="0, 4" left="1" top="1" width="2" height="2"/>'
    )
    image = f'<image id="0" name="a.png" width="400" height="200">{shapes}</image>'
    text(tmp_path / "a.xml", f"<annotations>{image}<track id='0' label='car'><box frame='0'/></track></annotations>")
    truth = read_truth(tmp_path)
    assert edges(truth, "a.png") == [*CAR, [200, 50, 220, 70], [1, 1, 3, 3]]
    assert "shape 2: a box turned by 30 degrees, which is not read" in told(truth)
    assert "shape 4: a polyline, which is not read" in told(truth)
    assert "track 0: a car at 1 places of a video is not read" in told(truth)


def test_a_cvat_file_that_was_cut_keeps_its_whole_pictures(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    image = '<image name="{}"><box label="car" xtl="10" ytl="20" xbr="30" ybr="40"/></image>'
    whole = f"<annotations>{image.format('a.png')}{image.format('b.png')}</annotations>"
    text(tmp_path / "a.xml", whole[:-60])
    text(tmp_path / "b.xml", "<annotations></annotations>")
    truth = read_truth(tmp_path)
    assert list(truth.boxes) == ["a.png"]
    assert "is broken XML" in told(truth)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_is_refused_whatever_its_names(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"labels.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../../a.txt", "0 .5 .5 .1 .1")
    else:
        with tarfile.open(path, "w") as tar:
            tar.addfile(tarfile.TarInfo("../../a.txt"), io.BytesIO())
    with pytest.raises(BadTruth, match="is an archive, whose names may lead anywhere: unpack it"), open_dataset(path):
        pass


def test_two_formats_in_one_folder_are_named_with_a_file_of_each(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    labelme(tmp_path / "a.json", [])
    text(tmp_path / "b.xml", "<annotation/>")
    with pytest.raises(BadTruth, match=r"several formats: labelme \(a.json\) and voc \(b.xml\)"):
        read_truth(tmp_path)
    assert read_truth(tmp_path, "labelme").boxes == {"a.png": ()}


@pytest.mark.parametrize(
    "fmt", ["yolo", "coco", "voc", "cvat", "label-studio", "csv", "jsonl", "fiftyone", "kitti", "openimages"]
)
def test_a_format_that_was_guessed_wrong_says_nothing_is_empty(tmp_path: Path, fmt: str) -> None:
    picture(tmp_path / "a.png")
    labelme(tmp_path / "a.json", [{"label": "car", "shape_type": "rectangle", "points": [[30, 40], [10, 20]]}])
    try:
        truth = read_truth(tmp_path, fmt)  # type: ignore[arg-type]
    except BadTruth:
        return
    assert truth.boxes == {}
    assert len(truth.problems)
