import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from blocks.errors import BadTruth
from tasks.dataset.formats.published import Truth, TruthBox, read_truth


def picture(path: Path, size_wh: tuple[int, int] = (100, 50)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((size_wh[1], size_wh[0], 3), dtype=np.uint8))
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def voc(objects: str) -> str:
    return f"<annotation><filename>wrong.jpg</filename>{objects}</annotation>"


def voc_object(name: str, *edges: object) -> str:
    tags = "".join(f"<{tag}>{edge}</{tag}>" for tag, edge in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True))
    return f"<object><name>{name}</name><bndbox>{tags}</bndbox></object>"


def told(truth: Truth) -> list[str]:
    return [problem.told() for problem in truth.problems]


CAR = TruthBox("car", (10.0, 10.0, 30.0, 20.0))


@pytest.mark.parametrize("names", [("data.yaml", "names: [car, bus]"), ("config.yml", "names: {0: car, 1: bus}"),
                                   ("x.names", "car\nbus\n"), ("classes.txt", "car\nbus")])  # fmt: skip
def test_yolo_is_read_in_pixels_of_the_picture(tmp_path: Path, names: tuple[str, str]) -> None:
    picture(tmp_path / "images" / "train" / "a.png")
    text(tmp_path / "labels" / "train" / "a.txt", "0 0.2 0.3 0.2 0.2\n\n")
    text(tmp_path / names[0], names[1])
    truth = read_truth(tmp_path)
    assert truth.boxes["a.png"][0].class_name == "car"
    assert truth.boxes["a.png"][0].box_xyxy_px == pytest.approx(CAR.box_xyxy_px)
    assert truth.classes == ("car", "bus")
    assert told(truth) == []


def test_yolo_labels_may_lie_beside_their_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", "0 0.5 0.5 1 1")
    text(tmp_path / "obj.names", "car")
    assert read_truth(tmp_path).boxes["a.png"] == (TruthBox("car", (0.0, 0.0, 100.0, 50.0)),)


def test_an_empty_label_file_is_empty_truth_and_a_missing_one_is_reported(tmp_path: Path) -> None:
    picture(tmp_path / "empty.png")
    picture(tmp_path / "missing.png")
    text(tmp_path / "empty.txt", "")
    text(tmp_path / "classes.txt", "car")
    truth = read_truth(tmp_path)
    assert truth.boxes == {"empty.png": ()}
    assert any("missing.png: no labels" in problem for problem in told(truth))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("7 0.5 0.5 0.1 0.1", "class number 7, but there are 1 names"),
        ("0.5 0.5 0.5 0.1 0.1", "class number 0.5"),
        ("0 0.5 0.5", "expected 'class x y w h', got 3 values"),
        ("car 0.5 0.5 0.1 0.1", "could not convert"),
        ("0 0.5 0.5 0 0.1", "without area"),
        ("0 0.5 0.5 -0.1 0.1", "without area"),
        ("0 nan 0.5 0.1 0.1", "without area"),
        ("0 1.9 0.5 0.1 0.1", "without area inside"),
        ("nan 0.5 0.5 0.1 0.1", "line 2"),
        ("inf 0.5 0.5 0.1 0.1", "line 2"),
    ],
)
def test_a_bad_yolo_line_is_reported_and_the_others_count(tmp_path: Path, line: str, said: str) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", f"0 0.2 0.3 0.2 0.2\n{line}\n")
    text(tmp_path / "classes.txt", "car")
    truth = read_truth(tmp_path)
    assert len(truth.boxes["a.png"]) == 1
    assert len(truth.problems) == 1
    assert said in told(truth)[0]


def test_yolo_polygons_become_their_boxes(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", "0 0.1 0.2 0.3 0.2 0.3 0.4")
    text(tmp_path / "classes.txt", "car")
    assert read_truth(tmp_path).boxes["a.png"][0].box_xyxy_px == pytest.approx((10, 10, 30, 20))


def test_yolo_shares_are_of_the_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 50)).save(tmp_path / "a.jpg", exif=exif)
    text(tmp_path / "a.txt", "0 0.5 0.5 1 1")
    text(tmp_path / "classes.txt", "car")
    assert read_truth(tmp_path).boxes["a.jpg"][0].box_xyxy_px == (0.0, 0.0, 50.0, 100.0)


def test_yolo_without_names_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", "0 0.5 0.5 1 1")
    with pytest.raises(BadTruth, match="no list of class names"):
        read_truth(tmp_path)


def test_voc_is_read_by_the_pictures_name(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.png")
    text(tmp_path / "Annotations" / "a.xml", voc(voc_object("car", 10, 10, 30, 20)))
    truth = read_truth(tmp_path)
    assert truth.boxes == {"a.png": (CAR,)}
    assert truth.classes == ("car",)


def test_a_degenerate_voc_box_is_reported_and_one_over_the_border_is_cut(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.xml", voc(voc_object("car", 5, 5, 5, 9) + voc_object("car", 90, 40, 120, 60)))
    truth = read_truth(tmp_path)
    assert truth.boxes["a.png"] == (TruthBox("car", (90.0, 40.0, 100.0, 50.0)),)
    assert "5, 5, 5, 9" in told(truth)[0]


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("<annotation><object>", "broken XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "refused"),
        (voc("<object><name>car</name></object>"), "no bndbox"),
        (voc(voc_object("car", "x", 1, 2, 3)), "could not convert"),
        (voc(voc_object("car", "", 1, 2, 3)), "without area"),
        (voc(voc_object("", 1, 1, 2, 3)), "no name"),
    ],
)
def test_bad_voc_is_reported_and_its_picture_is_not_known_to_be_empty(tmp_path: Path, xml: str, said: str) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.xml", xml)
    truth = read_truth(tmp_path)
    assert truth.boxes == {}, "nobody knows that it shows nothing"
    assert said in told(truth)[0]


def coco(**changes: object) -> str:
    document: dict[str, object] = {
        "images": [{"id": 1, "file_name": "sub/a.png"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 5, "name": "car"}, {"id": 9, "name": "bus"}],
        "annotations": [{"image_id": 1, "category_id": 5, "bbox": [10, 10, 20, 10], "iscrowd": 0}],
    }
    return json.dumps(document | changes)


def test_coco_is_read_and_pictures_without_annotations_are_empty(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "images" / "b.png")
    picture(tmp_path / "images" / "c.png")
    text(tmp_path / "instances.json", coco())
    truth = read_truth(tmp_path)
    assert truth.boxes == {"a.png": (CAR,), "b.png": ()}
    assert truth.classes == ("car", "bus")
    assert [problem.file for problem in truth.problems] == ["images/c.png"]


def test_odd_coco_annotations_are_reported(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    odd = [
        {"image_id": 1, "category_id": 5, "bbox": [1, 1, 2]},
        {"image_id": 1, "category_id": 5, "bbox": None},
        {"image_id": 1, "category_id": 6, "bbox": [1, 1, 2, 2]},
        {"image_id": 1, "category_id": 5, "bbox": [1, 1, 2, 2], "iscrowd": 1},
    ]
    text(tmp_path / "x.json", coco(annotations=odd))
    truth = read_truth(tmp_path)
    assert truth.boxes == {}, "its labels are there, and none can be used"
    assert len(truth.problems) == 6  # b.png is listed and not there; what a.png shows is not known


def test_broken_coco_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "x.json", coco()[:-5])
    with pytest.raises(BadTruth, match="broken JSON"):
        read_truth(tmp_path)


def test_coco_without_categories_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "x.json", coco(categories=None))
    with pytest.raises(BadTruth, match="no list of categories"):
        read_truth(tmp_path)


def test_an_empty_folder_a_missing_one_and_mixed_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTruth, match="no labels of a known format"):
        read_truth(tmp_path)
    with pytest.raises(BadTruth, match="does not exist"):
        read_truth(tmp_path / "nowhere")
    text(tmp_path / "a.xml", voc(""))
    text(tmp_path / "a.json", coco())
    with pytest.raises(BadTruth, match="several formats"):
        read_truth(tmp_path)


def test_pictures_of_one_name_are_known_by_their_folders(tmp_path: Path) -> None:
    for folder in ("x", "y", "z"):
        picture(tmp_path / "JPEGImages" / folder / "a.png")
    text(tmp_path / "Annotations" / "x" / "a.xml", voc(""))
    text(tmp_path / "Annotations" / "y" / "a.xml", voc(voc_object("car", 10, 10, 30, 20)))
    truth = read_truth(tmp_path)
    assert truth.boxes == {"JPEGImages/x/a.png": (), "JPEGImages/y/a.png": (CAR,)}
    assert [problem.file for problem in truth.problems] == ["JPEGImages/z/a.png"]


def test_a_label_file_that_may_be_of_several_pictures_is_of_none(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        picture(tmp_path / folder / "a.png")
    text(tmp_path / "a.xml", voc(""))
    truth = read_truth(tmp_path)
    assert truth.boxes == {}
    assert "may be of x/a.png or y/a.png" in told(truth)[0]


def test_a_broken_picture_is_reported(tmp_path: Path) -> None:
    text(tmp_path / "a.jpg", "no picture")
    text(tmp_path / "a.txt", "0 0.5 0.5 1 1")
    text(tmp_path / "classes.txt", "car")
    truth = read_truth(tmp_path)
    assert truth.boxes == {}
    assert "not a readable picture" in told(truth)[0]


def test_a_coco_category_without_a_name_is_no_class_called_none(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    found = [{"image_id": 1, "category_id": number, "bbox": [1, 1, 5, 5]} for number in (1, 2)]
    document = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": found}
    text(tmp_path / "t.json", json.dumps({**document, "categories": [{"id": 1}, {"id": 2, "name": "car"}]}))
    truth = read_truth(tmp_path)
    assert [box.class_name for box in truth.boxes["a.png"]] == ["car"]
    assert (truth.classes, len(truth.problems)) == (("car",), 1)
    assert "unknown category 1" in told(truth)[0]


@pytest.mark.parametrize(
    ("folder", "pictures", "boxes", "problems"),
    [("aerial_cars", 103, 2332, 0), ("bccd", 364, 4886, 2), ("starwars", 277, 467, 0), ("coco_val128", 128, 898, 0)],
)
def test_real_folders_are_read_whole(shared_data: Path, folder: str, pictures: int, boxes: int, problems: int) -> None:
    truth = read_truth(shared_data / folder)
    assert len(truth.boxes) == pictures
    assert sum(len(found) for found in truth.boxes.values()) == boxes
    assert len(truth.problems) == problems
