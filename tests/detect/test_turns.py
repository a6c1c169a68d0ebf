"""Shards of one model first; but nobody waits for ever, and what fails gives its turn back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.detect.turns import Turns


def run_shards(turns, models, threads=4, seconds=0.004):
    """Start shards in the order given while a first one holds the turn; return the order in which they ran."""
    order, lock = [], threading.Lock()
    together: dict[str, int] = {}

    def shard(model):
        with turns.of(model):
            with lock:
                order.append(model)
                together[model] = together.get(model, 0) + 1
                assert sum(count > 0 for count in together.values()) == 1
            time.sleep(seconds)
            with lock:
                together[model] -= 1

    with ThreadPoolExecutor(threads) as pool, turns.of(models[0]):
        started = [pool.submit(shard, model) for model in models]
        time.sleep(0.02)
    for each in started:
        each.result()
    return order


def test_one_model_alone_never_waits():
    turns = Turns(most_in_a_row=2)
    with turns.of("a"), turns.of("a"), turns.of("a"):
        pass
    assert turns.switches == 0


def test_shards_of_one_model_come_first():
    turns = Turns()
    order = run_shards(turns, ["a", "b"] * 8, threads=16)
    assert order == ["a"] * 8 + ["b"] * 8
    assert turns.switches == 1


def test_a_model_that_waits_is_let_in_after_a_while():
    turns = Turns(most_in_a_row=3)
    order = run_shards(turns, ["a", "b"] + ["a"] * 9, threads=11)
    assert order.index("b") <= 3
    assert len(order) == 11


@pytest.mark.parametrize("threads", [2, 5, 16])
def test_everybody_gets_a_turn(threads):
    models = [f"{number % 5}" for number in range(40)]
    order = run_shards(Turns(most_in_a_row=4), models, threads, seconds=0.001)
    assert sorted(order) == sorted(models)


def test_who_fails_gives_the_turn_back():
    turns = Turns()
    with pytest.raises(RuntimeError), turns.of("a"):
        raise RuntimeError
    with turns.of("b"):
        assert turns.switches == 1
