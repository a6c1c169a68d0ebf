import hashlib
from collections import Counter

from infra.demo.scenes.portraits import AT_ONE_PLACE, draw_portraits
from infra.demo.scenes.vehicles import CLASSES
from tasks.intake.images import upright_size
from tasks.intake.sequences import sequence_of


def test_each_picture_shows_one_vehicle_whose_class_is_known(tmp_path):
    world = draw_portraits(tmp_path, range(60), seed=1)
    paths = sorted(tmp_path.iterdir())
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths} == set(world.pictures)
    assert len(paths) == 60
    assert set(Counter(picture.class_name for picture in world.pictures.values())) == set(CLASSES)
    assert {upright_size(path) for path in paths} == {picture.size_wh for picture in world.pictures.values()}


def test_pictures_of_one_place_are_one_sequence(tmp_path):
    draw_portraits(tmp_path, range(12))
    sequences = Counter(sequence_of(path.relative_to(tmp_path)) for path in tmp_path.iterdir())
    assert sorted(sequences.values()) == [2, AT_ONE_PLACE, AT_ONE_PLACE]


def test_the_same_seed_draws_the_same_pictures(tmp_path):
    assert draw_portraits(tmp_path / "a", range(6), 3) == draw_portraits(tmp_path / "b", range(6), 3)
    assert draw_portraits(tmp_path / "c", range(6), 4) != draw_portraits(tmp_path / "a", range(6), 3)
