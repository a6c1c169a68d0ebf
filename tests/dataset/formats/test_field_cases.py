"""Label files as people have them: each was once read wrongly, or lost without a word; the right value stands here."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from blocks.errors import BadTruth
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.formats.published import Truth, read_truth
from tasks.dataset.formats.reading.files import PICTURE_SUFFIXES
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.intake.decoding.headers import FORMATS

SIZE_WH = (400, 200)


def picture(path: Path, orientation: int = 1, size_wh: tuple[int, int] = SIZE_WH) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size_wh).save(path, exif=exif, **({"format": "JPEG"} if path.suffix == ".jfif" else {}))
    return path


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def told(truth: Truth) -> str:
    return "\n".join(problem.told() for problem in truth.problems)


def edges(truth: Truth, name: str) -> list[list[float]]:
    return [[round(edge, 3) for edge in box.box_xyxy_px] for box in truth.boxes[name]]


def yolo(folder: Path, rows: str | bytes, facts: str = "names: [car]") -> Truth:
    picture(folder / "a.png")
    text(folder / "a.txt", rows)
    text(folder / "data.yaml", facts)
    return read_truth(folder)


def coco_file(path: Path, **changes: object) -> Path:
    document: dict[str, object] = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 400, "height": 200}],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "person"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 10]}],
    }
    return text(path, json.dumps(document | changes))


def voc(size_wh: tuple[int, int] | None = SIZE_WH) -> str:
    size = f"<size><width>{size_wh[0]}</width><height>{size_wh[1]}</height></size>" if size_wh else ""
    box = "<xmin>10</xmin><ymin>10</ymin><xmax>30</xmax><ymax>20</ymax>"
    return f"<annotation>{size}<object><name>car</name><bndbox>{box}</bndbox></object></annotation>"


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_a_picture_that_exif_turns_is_turned_once(tmp_path: Path, suffix: str) -> None:
    picture(tmp_path / f"a.{suffix}", orientation=6)
    text(tmp_path / "a.txt", "0 .25 .5 .5 .2")
    text(tmp_path / "classes.txt", "car")
    assert edges(read_truth(tmp_path), f"a.{suffix}") == [[0, 160, 100, 240]]  # of 200×400


@pytest.mark.parametrize(
    ("rows", "facts", "right"),
    [
        ("0 .5 .5 .1 .2 .91 7", "names: [car]", [[180, 80, 220, 120]]),
        ("0 .5 .5 .1 .2 .91", "names: [car]", [[180, 80, 220, 120]]),
        ("0 .1 .1 .2 .1 .2 .3", "names: [car]", [[40, 20, 80, 60]]),
        ("0 .5 .5 .1 .2 .91 1", "names: [car]\ntask: detect", [[180, 80, 220, 120]]),
        ("0 .5 .5 .1 .2 .91 1", "names: [car]\ntask: segment", [[40, 40, 364, 200]]),
        ("0 .5 .5 .1 .2 .5 .5 2 .6 .6 2", "names: [car]\nkpt_shape: [2, 3]", [[180, 80, 220, 120]]),
        ("0 .1 .1 .2 .1 .2 .3 .1 .3 .8", "names: [car]\ntask: segment", [[40, 20, 80, 60]]),
    ],
)
def test_a_yolo_row_is_read_as_its_task_has_it(tmp_path: Path, rows: str, facts: str, right: list[list[float]]) -> None:
    assert edges(yolo(tmp_path, rows, facts), "a.png") == right


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0 .5 .5 .1 .2 .91 1", "may be a box with a score and an id, or an outline of three points"),
        ("0 .5 .5 .1 .2 .5 .5 2 .6 .6 2", "2 is no share of a picture"),
        ("0 .5 .5 .1 .2 .5 .5 .6 .6 .7", "'kpt_shape'"),
        ("0 .5 .5 .1 .2 9", "9 is no score"),
        ("0 100 50 20 10 30 40 5 6", "100 is no share of a picture"),
    ],
)
def test_a_yolo_row_that_may_be_several_things_is_left_out_and_said(tmp_path: Path, row: str, said: str) -> None:
    truth = yolo(tmp_path, f"0 .5 .5 .1 .2\n{row}\n")
    assert edges(truth, "a.png") == [[180, 80, 220, 120]]
    assert "a.txt, line 2: " in told(truth)
    assert said in told(truth)


def test_two_coco_files_of_one_picture_are_merged_and_doubles_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    person = {"image_id": 1, "category_id": 2, "bbox": [50, 50, 20, 40]}
    car = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 10]}
    coco_file(tmp_path / "instances.json", annotations=[car, person])
    coco_file(tmp_path / "keypoints.json", annotations=[{**person, "keypoints": [1, 2, 2]}])
    text(tmp_path / "captions.json", json.dumps({"images": [], "annotations": [{"image_id": 1, "caption": "a car"}]}))
    truth = read_truth(tmp_path)
    assert sorted(box.class_name for box in truth.boxes["a.jpg"]) == ["car", "person"]
    assert "keypoints.json, annotation 1: the same person as instances.json, annotation 2" in told(truth)
    assert "captions.json: holds captions" in told(truth)


def test_a_picture_that_a_coco_file_lists_twice_keeps_all_its_labels(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    images = [{"id": number, "file_name": "a.jpg"} for number in (1, 2)]
    found = [{"image_id": n, "category_id": n, "bbox": [10 * n, 10, 20, 10]} for n in (1, 2)]
    coco_file(tmp_path / "t.json", images=images, annotations=found)
    assert edges(read_truth(tmp_path), "a.jpg") == [[10, 10, 30, 20], [20, 10, 40, 20]]


def test_a_coco_id_may_be_text_in_one_place_and_a_number_in_the_other(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    coco_file(tmp_path / "t.json", annotations=[{"image_id": "1", "category_id": "1", "bbox": [10, 10, 20, 10]}])
    assert edges(read_truth(tmp_path), "a.jpg") == [[10, 10, 30, 20]]


def test_labels_of_a_picture_that_is_not_listed_leave_no_picture_known_to_be_empty(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    coco_file(tmp_path / "t.json", annotations=[{"image_id": 7, "category_id": 1, "bbox": [10, 10, 20, 10]}])
    truth = read_truth(tmp_path)
    assert truth.boxes == {}
    assert "of a picture 7 that is not listed" in told(truth)
    assert "a.jpg: t.json has labels of pictures that it does not list, so what it shows is not known" in told(truth)


@pytest.mark.parametrize("said", ["images\\a.jpg", "./images/a.jpg", "/home/me/photos/a.jpg", "a.jpg"])
def test_a_coco_file_name_of_another_machine_is_found(tmp_path: Path, said: str) -> None:
    picture(tmp_path / "images" / "a.jpg")
    coco_file(tmp_path / "t.json", images=[{"id": 1, "file_name": said}])
    assert edges(read_truth(tmp_path), "a.jpg") == [[10, 10, 30, 20]]


def test_namesakes_in_other_folders_never_lend_their_labels(tmp_path: Path) -> None:
    picture(tmp_path / "x" / "a.jpg")
    images = [{"id": 1, "file_name": "y/a.jpg"}, {"id": 2, "file_name": "x/a.jpg"}]
    coco_file(tmp_path / "t.json", images=images)
    truth = read_truth(tmp_path)
    assert truth.boxes == {"a.jpg": ()}, "the car is on y/a.jpg, which is not there"
    assert "'y/a.jpg' is not there, only a namesake in another folder" in told(truth)


def test_a_voc_file_that_was_cut_in_half_is_no_empty_picture(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    text(tmp_path / "a.xml", voc()[:60])
    truth = read_truth(tmp_path)
    assert truth.boxes == {}
    assert "a.xml: it is broken XML" in told(truth)


@pytest.mark.parametrize("size_wh", [(800, 400), (200, 400)])
def test_labels_of_another_size_are_not_taken_and_both_sizes_said(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    for folder in ("voc", "coco"):
        picture(tmp_path / folder / "a.jpg")
    text(tmp_path / "voc" / "a.xml", voc(size_wh))
    image = {"id": 1, "file_name": "a.jpg", "width": size_wh[0], "height": size_wh[1]}
    coco_file(tmp_path / "coco" / "t.json", images=[image])
    for folder, file in (("voc", "a.xml"), ("coco", "t.json")):
        truth = read_truth(tmp_path / folder)
        assert truth.boxes == {}
        assert f"{file}: says that a.jpg is {size_wh[0]}×{size_wh[1]}, and upright it is 400×200" in told(truth)


@pytest.mark.parametrize("size_wh", [None, (0, 0)])
def test_a_voc_file_that_says_no_size_is_believed(tmp_path: Path, size_wh: tuple[int, int] | None) -> None:
    picture(tmp_path / "a.jpg")
    text(tmp_path / "a.xml", voc(size_wh))
    assert edges(read_truth(tmp_path), "a.jpg") == [[10, 10, 30, 20]]


def test_a_coco_file_is_known_wherever_its_annotations_stand(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    images = [{"id": n, "file_name": "a.jpg" if n == 1 else f"{'x' * 400}{n}.jpg"} for n in range(4_000)]
    found = [{"image_id": 1, "category_id": 1, "bbox": [n / 1000, 10, 20, 10], "note": "x" * 400} for n in range(4_000)]
    path = coco_file(tmp_path / "t.json", images=images, annotations=found)
    content = path.read_bytes()
    assert 1 << 20 < content.index(b'"annotations"') < len(content) - (1 << 20)
    assert len(read_truth(tmp_path).boxes["a.jpg"]) == 4_000


@pytest.mark.parametrize("names", ["{'0': car}", "{0: car}", "[car]"])
def test_names_by_number_may_be_text(tmp_path: Path, names: str) -> None:
    assert edges(yolo(tmp_path, "0 .5 .5 .1 .2", f"names: {names}"), "a.png") == [[180, 80, 220, 120]]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-sig"])
def test_names_and_rows_are_read_in_the_encodings_of_editors(tmp_path: Path, codec: str) -> None:
    def written(words: str) -> bytes:
        return b"\xff\xfe" + words.encode("utf-16-le") if codec.endswith("le-sig") else words.encode(codec)

    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", written("0 .5 .5 .1 .2\n0 .1 .1 .1 .1\n"))
    text(tmp_path / "classes.txt", written("größe\n"))
    truth = read_truth(tmp_path)
    assert [box.class_name for box in truth.boxes["a.png"]] == ["größe", "größe"]


def test_names_in_an_old_encoding_are_one_named_error(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", "0 .5 .5 .1 .2")
    text(tmp_path / "classes.txt", "größe".encode("cp1252"))
    with pytest.raises(BadTruth, match=r"classes\.txt is no UTF-8 text .*save it as UTF-8"):
        read_truth(tmp_path)


def test_a_picture_that_is_too_large_never_ends_the_folder(tmp_path: Path) -> None:
    Image.new("1", (33_000, 10)).save(tmp_path / "b.png")
    text(tmp_path / "b.txt", "0 .5 .5 .1 .2")
    truth = yolo(tmp_path, "0 .5 .5 .1 .2")
    assert list(truth.boxes) == ["a.png"]
    assert "b.png: not a readable picture" in told(truth)


def test_a_broken_coco_file_beside_a_good_one_is_left_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        picture(tmp_path / name)
    coco_file(tmp_path / "a.json")
    other = coco_file(tmp_path / "b.json", images=[{"id": 1, "file_name": "b.jpg"}])
    other.write_bytes(other.read_bytes()[:-20])
    truth = read_truth(tmp_path)
    assert list(truth.boxes) == ["a.jpg"]
    assert f"b.json: {other} is broken JSON" in told(truth)
    assert "b.jpg: no labels" in told(truth)


@pytest.mark.parametrize("folder", [".idea", ".ipynb_checkpoints"])
def test_hidden_folders_are_not_looked_into(tmp_path: Path, folder: str) -> None:
    text(tmp_path / folder / "misc.xml", "<project/>")
    picture(tmp_path / folder / "a.png")
    truth = yolo(tmp_path, "0 .5 .5 .1 .2")
    assert edges(truth, "a.png") == [[180, 80, 220, 120]]
    assert not len(truth.problems)


def test_a_jfif_is_a_picture(tmp_path: Path) -> None:
    picture(tmp_path / "a.jfif")
    text(tmp_path / "a.txt", "0 .5 .5 .1 .2")
    text(tmp_path / "classes.txt", "car")
    assert edges(read_truth(tmp_path), "a.jfif") == [[180, 80, 220, 120]]


def test_truth_takes_the_suffixes_of_all_formats_that_intake_decodes() -> None:
    Image.init()
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in (*FORMATS, "MPO")}
    assert known == PICTURE_SUFFIXES


def test_all_problems_are_counted_told_and_written_down(tmp_path: Path) -> None:
    truth = yolo(tmp_path / "in", "0 .5 .5 .1 .2\n" + "9 .5 .5 .1 .2\n" * 3_000 + "0 1 .5 .1 .2\n")
    report = truth.problems.report(tmp_path / "out" / "problems.csv")
    assert report[:2] == [
        "3001 problems in the labels (3000 left out, 1 changed), by kind:",
        "  kind              count  the first one",
    ]
    unknown = "a.txt, line 2: class number 9, but there are 1 names; it is left out"
    assert report[2] == f"  unknown-class     3,000  {unknown}"
    assert report[3].startswith("  box-beyond-frame      1  a.txt, line 3002: ")
    kinds = tmp_path / "out" / "problems-by-kind.csv"
    assert report[4:] == [f"all of them are in {tmp_path / 'out' / 'problems.csv'}, their kinds in {kinds}"]
    table = list(csv.reader(kinds.read_text(encoding="utf-8").splitlines()))
    assert table[:2] == [["kind", "count", "first"], ["unknown-class", "3000", unknown]]
    rows = list(csv.reader((tmp_path / "out" / "problems.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["fault", "file", "place", "what", "severity"]
    assert len(rows) == 3_002
    assert rows[-1] == [
        "box-beyond-frame",
        "a.txt",
        "line 3002",
        "a car beyond the border of its picture is cut",
        "changed",
    ]


# --- labels without their pictures, and the reverse ---


def read(folder: Path, size_wh: tuple[int, int] | None = None) -> tuple[list[ReadPicture], str]:
    with open_dataset(folder, size_of=lambda _: size_wh) as dataset:
        pictures = list(dataset.pictures())
        return pictures, "\n".join(problem.told() for problem in dataset.problems)


def test_labels_are_read_without_their_pictures_where_a_size_is_known(tmp_path: Path) -> None:
    coco_file(tmp_path / "coco" / "t.json", images=[{"id": 1, "file_name": "x/a.jpg", "width": 400, "height": 15}])
    (found,), _ = read(tmp_path / "coco")
    assert (found.name, found.path, found.size_wh) == ("x/a.jpg", None, (400, 15))
    assert found.labels is not None
    assert found.labels[0].shape.bounds() == (10, 10, 30, 15)
    text(tmp_path / "voc" / "a.xml", voc())
    (found,), _ = read(tmp_path / "voc")
    assert (found.name, found.size_wh) == ("a", SIZE_WH)
    text(tmp_path / "yolo" / "labels" / "train" / "a.txt", "0 .5 .5 .1 .2")
    text(tmp_path / "yolo" / "data.yaml", "names: [car]")
    (found,), said = read(tmp_path / "yolo")
    assert (found.name, found.labels, found.split) == ("images/train/a", None, None)
    assert "its picture is not there, and shares say nothing without its size" in said
    (found,), _ = read(tmp_path / "yolo", SIZE_WH)
    assert found.labels is not None
    assert found.labels[0].shape.bounds() == pytest.approx((180, 80, 220, 120))
    assert (found.labels[0].file, found.labels[0].number) == ("labels/train/a.txt", 1)


def test_one_label_file_may_be_named_alone(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    coco_file(tmp_path / "good.json")
    text(tmp_path / "other.xml", voc())
    (found,), _ = read(tmp_path / "good.json")
    assert (found.name, len(found.labels or ())) == ("a.jpg", 1)


def test_a_picture_that_no_label_file_names_is_not_known(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        picture(tmp_path / name)
    coco_file(tmp_path / "t.json", annotations=[])
    found, said = read(tmp_path)
    assert {each.name: each.labels for each in found} == {"a.jpg": (), "b.jpg": None}
    assert "b.jpg: no labels" in said
