"""What labels teach: with chances that hold, no trace of what was taken back, and nothing of vectors that are none."""

import numpy as np
import pytest

from blocks.errors import BadInput, OtherModelVersion
from tasks.suggest.learners.registry import LEARNERS
from tasks.suggest.space import Space
from tasks.suggest.suggester import Suggester


def said(suggester, data):
    return suggester.suggest(data.vectors, "cloud")


@pytest.mark.parametrize("learner", LEARNERS)
def test_an_answer_that_is_changed_and_one_that_is_deleted_leave_no_trace(clouds, learner):
    data = clouds(3, 20)
    changed = data.suggester(learner, range(30))
    changed.learn({data.ids[0]: ("c2",), data.ids[1]: ("quite new",)}, data.vectors[:2], "cloud")
    assert "quite new" in changed.classes
    data.teach(changed, [0])
    assert changed.unlearn([data.ids[1], "never seen", data.ids[1]]) == 1
    straight = data.suggester(learner, [at for at in reversed(range(30)) if at != 1])
    assert len(changed) == 29
    assert changed.classes == straight.classes
    np.testing.assert_allclose(said(changed, data).probabilities, said(straight, data).probabilities, atol=1e-6)


@pytest.mark.parametrize("learner", LEARNERS)
def test_chances_hold_on_items_that_were_never_labelled(clouds, learner):
    data = clouds(6, 120, spread=3.0)
    found = data.suggester(learner, range(360)).suggest(data.vectors[360:], "cloud")
    best = found.probabilities.max(axis=1)
    right = np.array(found.classes)[found.probabilities.argmax(axis=1)] == np.array(data.names[360:])
    assert 0.5 < right.mean() < 0.95
    assert -0.12 < best.mean() - right.mean() < 0.05  # rather too little is said: it was measured with fewer labels
    sure = best > 0.9
    assert sure.any()
    assert right[sure].mean() > 0.85
    assert found.probabilities.sum(axis=1).max() <= 1 + 1e-9


def test_what_cannot_be_told_apart_is_not_said_to_be(clouds):
    data = clouds(4, 40)
    drawn = np.random.default_rng(1)
    names = [(f"c{drawn.integers(4)}",) for _ in data.ids]
    suggester = Suggester(data.space)
    suggester.learn(dict(zip(data.ids[:80], names, strict=False)), data.vectors[:80], "cloud")
    assert suggester.suggest(data.vectors[80:], "cloud").probabilities.max() < 0.5


def test_classes_that_nobody_has_named_yet_are_counted(clouds):
    data = clouds(20, 5)
    early = data.suggester(places=range(12)).suggest(data.vectors, "cloud")
    assert early.unnamed == 1.0  # every label is the first of its class: the next one may well be of another
    assert early.probabilities.max() == 0
    assert data.suggester(places=range(60)).suggest(data.vectors, "cloud").unnamed == 0


def test_one_class_alone_suggests_nothing_and_says_why(clouds):
    data = clouds(2, 10)
    suggester = data.suggester(places=range(0, 20, 2))
    found = said(suggester, data)
    assert found.why_none == "only 'c0' has a label so far: with two or more there is something to tell apart"
    assert not found.probabilities.any()
    nothing = said(data.suggester(), data)
    assert (nothing.why_none, nothing.probabilities.shape) == (
        "no class has a label so far: with two or more there is something to tell apart", (20, 0)
    )  # fmt: skip


def test_a_vector_that_is_none_is_set_aside_with_its_reason_and_the_rest_is_learnt(clouds):
    data = clouds(3, 10)
    suggester = data.suggester(places=range(15))
    vectors = data.vectors[10:20].copy()
    vectors[0, 3], vectors[6, 0] = np.nan, np.inf
    aside = suggester.learn(data.labels(range(10, 20)), vectors, "cloud")
    assert [one.item_id for one in aside] == [data.ids[10], data.ids[16]]
    assert "NaN or infinite" in aside[0].reason
    assert len(suggester) == 18  # what was known of item 10 had another vector, and is forgotten
    found = suggester.suggest(vectors, "cloud").probabilities
    assert not found[[0, 6]].any()
    assert found[[1, 2, 3]].any(axis=1).all()


def test_vectors_of_another_embedder_or_length_are_refused_and_nothing_is_forgotten(clouds):
    data = clouds(3, 10)
    suggester = data.suggester(places=range(15))
    with pytest.raises(OtherModelVersion, match="vectors of other, 12 numbers each; expected those of cloud"):
        suggester.learn(data.labels(range(5)), data.vectors[:5], "other")
    with pytest.raises(OtherModelVersion, match="7 numbers each; expected those of cloud, 12"):
        suggester.suggest(data.vectors[:, :7], "cloud")
    with pytest.raises(BadInput, match="4 vectors for 5 labels"):
        suggester.learn(data.labels(range(5)), data.vectors[:4], "cloud")
    assert len(suggester) == 15


def test_two_classes_of_one_item_are_set_aside_unless_several_are_expected(clouds):
    data = clouds(3, 10)
    both = {data.ids[0]: ("c1", "c0"), data.ids[1]: ()}
    aside = data.suggester().learn(both, data.vectors[:2], "cloud")
    assert [one.reason for one in aside] == ["it has 2 classes (c0, c1), and only one is expected", "it has no class"]
    several = data.suggester(several=True)
    assert several.learn(both, data.vectors[:2], "cloud") == (), "that none holds is known as well"


@pytest.mark.parametrize("learner", LEARNERS)
def test_each_of_several_classes_is_judged_on_its_own(clouds, learner):
    data = clouds(4, 50, spread=0.6)
    marked = {item_id: (name, *(["odd"] if name in ("c1", "c3") else [])) for item_id, name in
              zip(data.ids, data.names, strict=True)}  # fmt: skip
    suggester = Suggester(data.space, learner, several=True)
    suggester.learn({item_id: marked[item_id] for item_id in data.ids[:120]}, data.vectors[:120], "cloud")
    found = suggester.suggest(data.vectors[120:], "cloud")
    likely = found.probabilities[:, found.classes.index("odd")] > 0.5
    assert np.mean(likely == ["odd" in marked[item_id] for item_id in data.ids[120:]]) > 0.8
    assert found.probabilities.sum(axis=1).max() > 1.2


def test_a_pool_without_two_different_vectors_makes_no_space():
    same = np.ones((5, 3))
    with pytest.raises(BadInput, match="5 vectors of e make no space"):
        Space.of("e", same)
    with pytest.raises(BadInput, match="1 vectors of e make no space"):
        Space.of("e", np.array([[1.0, 2.0], [np.nan, 1.0]]))


def test_classes_that_differ_by_case_alone_are_two_classes(clouds):
    data = clouds(2, 20)
    suggester = Suggester(data.space)
    names = {"c0": "Car", "c1": "car"}
    suggester.learn({i: (names[n],) for i, n in zip(data.ids, data.names, strict=True)}, data.vectors, "cloud")
    found = said(suggester, data)
    assert found.classes == ("Car", "car")
    assert np.array(found.classes)[found.probabilities.argmax(axis=1)].tolist() == [names[n] for n in data.names]
