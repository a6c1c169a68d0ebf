"""Whose proposals people have judged: those that routed the batch, whatever else has looked at its items."""

from sqlalchemy import Engine

from tasks.monitor.judged import main_recipe, read_judged
from tests.monitor.judging import judge_items, note_detector
from tests.settle.world import give_verdicts, region
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan, car


def test_a_batch_that_nobody_scanned_has_no_recipe(engine: Engine) -> None:
    add_batch(engine, 2)
    note_detector(engine, BATCH)
    assert main_recipe(engine, BATCH) is None
    assert main_recipe(engine, "nowhere") is None


def test_scans_of_a_pool_or_again_do_not_outvote_what_people_judged(engine: Engine) -> None:
    ids = judge_items(engine, 2, [car(0.9)], [region("a")])
    for item_id in ids:
        for recipe in ("zz-pool", "zz-again"):
            add_scan(engine, item_id, [car(0.3, x=600), car(0.3, x=700)], recipe=recipe)
    assert main_recipe(engine, BATCH) == (DETECTOR, RECIPE)
    assert [one.scores.tolist() for one in read_judged(engine, "lot")] == [[0.9], [0.9]]


def test_people_judged_the_detector_that_routed_also_if_the_batch_names_another(engine: Engine) -> None:
    (item_id,) = judge_items(engine, 1, [car(0.9)], [region("a")])
    add_scan(engine, item_id, [car(0.3)], detector="champion-2")
    note_detector(engine, BATCH, "champion-2")
    assert main_recipe(engine, BATCH) == (DETECTOR, RECIPE)
    assert [one.detector for one in read_judged(engine, "lot")] == [DETECTOR]


def test_of_two_recipes_that_routed_a_batch_the_one_of_most_items_stands_not_the_one_of_most_boxes(
    engine: Engine,
) -> None:
    ids = add_batch(engine, 3)
    note_detector(engine, BATCH)
    for item_id in ids[:2]:
        give_verdicts(engine, dict.fromkeys(add_scan(engine, item_id, [car()]), "ask"))
    many = add_scan(engine, ids[2], [car(0.2, x=100 * n) for n in range(5)], recipe="lower-scores")
    give_verdicts(engine, dict.fromkeys(many, "ask"))
    assert main_recipe(engine, BATCH) == (DETECTOR, RECIPE)


def test_without_a_verdict_most_scans_of_the_batchs_own_detector_decide(engine: Engine) -> None:
    ids = add_batch(engine, 3)
    note_detector(engine, BATCH)
    for item_id in ids:
        add_scan(engine, item_id)
        add_scan(engine, item_id, detector="a-stranger")
    add_scan(engine, ids[0], recipe="zz-once")
    assert main_recipe(engine, BATCH) == (DETECTOR, RECIPE)


def test_the_control_group_judges_no_detector_since_it_was_drawn_from_what_is_in_doubt(engine: Engine) -> None:
    audited = judge_items(engine, 2, [car(0.9)], [region("a")], why="random")
    judge_items(engine, 3, [car(0.9)], [], why="control", batch_id="batch-2")
    assert {one.item_id for one in read_judged(engine, "lot")} == set(audited)


def test_who_should_have_seen_the_proposals_and_did_not_judges_no_detector(engine: Engine) -> None:
    shown = judge_items(engine, 2, [car(0.9)], [region("a")], why=None)
    judge_items(engine, 3, [car(0.9)], [], why=None, batch_id="batch-2", saw_proposals=False)
    assert {one.item_id for one in read_judged(engine, "lot")} == set(shown)
