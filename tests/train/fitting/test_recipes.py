"""What a training does where its options leave it open: enough steps for few pictures, more of them from nothing."""

import pytest

from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.registry import TRAINERS, recipe_for
from tasks.train.options import TrainOptions

NOBODY = DetectorRef.nobody("lot")
KNOWN = DetectorRef(version="1" * 12, weights_key="weights/1.pt", name="lot")


@pytest.mark.parametrize("kind", ["boxes", "classes"])
def test_few_pictures_are_passed_over_until_the_network_has_taken_enough_steps(kind: str) -> None:
    further, options = recipe_for(kind, KNOWN), TrainOptions()
    assert [further.epochs(options, count) for count in (0, 1, 20, 160, 208, 100_000)] == [50, 50, 50, 10, 8, 8]
    anew = recipe_for(kind, NOBODY)
    assert [anew.epochs(options, count) for count in (0, 20, 160, 1600, 100_000)] == [300, 300, 60, 8, 8]


def test_passes_and_steps_that_are_asked_for_are_those_that_are_made() -> None:
    recipe = recipe_for("boxes", NOBODY)
    assert recipe.epochs(TrainOptions(epochs=3), 1) == 3
    assert [recipe.epochs(TrainOptions(steps=40), pictures) for pictures in (0, 16, 17, 320, 10_000)] == [
        *(40, 40, 20, 2, 1)
    ]
    assert recipe.epochs(TrainOptions(steps=40, epochs=7), 16) == 7


def test_what_is_asked_for_counts_before_the_recipe() -> None:
    recipe = recipe_for("boxes", NOBODY)
    asked = TrainOptions(lr0=0.01, min_val_boxes=7, min_train_boxes=3)
    assert (recipe.learning_rate(asked), recipe.val_labels(asked), recipe.train_labels(asked)) == (0.01, 7, 3)
    left = TrainOptions()
    assert recipe.learning_rate(left) == 0.002
    assert recipe.train_labels(left) > recipe_for("boxes", KNOWN).train_labels(left)


def test_each_kind_of_label_has_its_own_number_from_which_val_chooses() -> None:
    wanted = {name: trainer.further.val_labels(TrainOptions()) for name, trainer in TRAINERS.items()}
    assert (wanted["detector"], wanted["classifier"]) == (200, 100)
    assert wanted["tagger"] > 10**6  # there is no epoch to choose


def test_a_training_that_was_done_before_options_could_be_left_open_is_the_same_job() -> None:
    assert TrainOptions().job("s" * 64, KNOWN.version, TilingOptions()) == "f98fe771b4b7"
    asked = TrainOptions(lr0=0.001, min_val_boxes=200, min_train_boxes=20)
    assert asked.job("s", "b", TilingOptions()) == TrainOptions().job("s", "b", TilingOptions())
    jobs = {TrainOptions(steps=steps).job("s", "b", TilingOptions()) for steps in (None, 5, 6)}
    assert len(jobs) == 3


def test_another_recipe_from_nothing_is_another_job() -> None:
    one, other = Recipe(1, 1, 1, 0.1, 1, 1), Recipe(2, 1, 1, 0.1, 1, 1)
    assert len({TrainOptions().job("s", NOBODY.version, TilingOptions(), str(each)) for each in (one, other)}) == 2
