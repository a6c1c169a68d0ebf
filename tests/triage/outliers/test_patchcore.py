"""A memory of good patches: what is far from it, what may not be compared with it."""

import numpy as np
import pytest

from blocks.errors import BadInput, BadOption, NotEnoughData, OtherModelVersion
from tasks.triage.outliers.patchcore import MIN_IMAGES, PatchMemory

MODEL = "detector-1/patches"
Grids = np.ndarray


def surfaces(images: int, seed: int = 0) -> Grids:
    return np.random.default_rng(seed).normal(5, 1, (images, 4, 4, 8)).astype(np.float32)


@pytest.fixture
def memory() -> PatchMemory:
    return PatchMemory.of(surfaces(40), MODEL, share=0.5)


def test_a_flawed_patch_makes_its_image_the_oddest_and_is_where_the_heat_is(memory: PatchMemory) -> None:
    grids = surfaces(6, seed=1)
    grids[3, 1, 2] += 20
    flaws = memory.compare(grids, MODEL)
    assert flaws.scores.argmax() == 3
    assert np.unravel_index(flaws.distances[3].argmax(), (4, 4)) == (1, 2)
    assert memory.usual.z(np.log(flaws.scores))[3] > 3.5


def test_unseen_good_images_are_not_odd(memory: PatchMemory) -> None:
    z = memory.usual.z(np.log(memory.compare(surfaces(200, seed=2), MODEL).scores))
    assert (z >= 3.5).mean() < 0.05


def test_a_thinned_memory_keeps_what_is_rare() -> None:
    grids = surfaces(20)
    grids[7, 0, 0] += 50
    memory = PatchMemory.of(grids, MODEL, share=0.05)
    assert len(memory.vectors) == 16
    assert memory.vectors.max() > 40


def test_length_matters_and_not_only_direction() -> None:
    grids = np.ones((10, 2, 2, 3), dtype=np.float32)
    flaws = PatchMemory.of(grids, MODEL, share=1).compare(3 * grids[:1], MODEL)
    assert flaws.distances == pytest.approx(np.full((1, 2, 2), 2 * np.sqrt(3)), rel=1e-5)


def test_a_patch_beside_a_lonely_one_counts_more_than_one_beside_a_crowd() -> None:
    grids = np.zeros((5, 2, 3, 2), dtype=np.float32)
    grids[0, 0, 0] = 100
    memory = PatchMemory.of(grids, MODEL, share=1)
    beside = np.zeros((2, 1, 1, 2), dtype=np.float32)
    beside[0] += [0, 1]
    beside[1] = [100, 101]
    crowded, lonely = memory.compare(beside, MODEL).scores
    assert crowded < lonely


def test_no_image_has_no_score(memory: PatchMemory) -> None:
    flaws = memory.compare(np.zeros((0, 4, 4, 8)), MODEL)
    assert flaws.scores.shape == (0,)


def test_the_same_seed_gives_the_same_memory() -> None:
    first, second = (PatchMemory.of(surfaces(10), MODEL, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert first.usual == second.usual


def test_too_few_good_images_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="4 good images"):
        PatchMemory.of(surfaces(MIN_IMAGES - 1), MODEL)


def test_features_that_are_no_numbers_are_refused(memory: PatchMemory) -> None:
    grids = surfaces(8)
    grids[2, 0, 0, 0] = np.nan
    with pytest.raises(BadInput, match="image 2"):
        PatchMemory.of(grids, MODEL)
    with pytest.raises(BadInput, match="image 2"):
        memory.compare(grids, MODEL)


@pytest.mark.parametrize(("grids", "model"), [(surfaces(1), "detector-2"), (surfaces(1)[..., :5], MODEL)])
def test_features_of_another_model_are_refused(memory: PatchMemory, grids: Grids, model: str) -> None:
    with pytest.raises(OtherModelVersion, match="learn a new memory"):
        memory.compare(grids, model)


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_a_share_that_keeps_nothing_is_refused(share: float) -> None:
    with pytest.raises(BadOption, match="share"):
        PatchMemory.of(surfaces(8), MODEL, share=share)
