"""Films of long sequences: what is in memory is that of one part, however many parts there are."""

import gc
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine

from blocks.database.tables import Item, Label
from blocks.storage.stores import Store
from tasks.audit.watching.film_round import ask_to_watch
from tasks.intake.video.playable import Film, make_film
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.films.shown import WatchPayload
from tasks.settle.in_force import labels_in_force
from tests.audit.watching.test_film_round import ALL, asked_of, labelled
from tests.monitor.active_learning.test_key_rounds import KeyRounds, clip

__all__ = ["clip", "labelled"]


def test_questions_are_written_part_by_part_and_not_kept(labelled: KeyRounds, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> int:
        gc.collect()
        return sum(issubclass(type(one), Draft | WatchPayload) for one in gc.get_objects())  # never asks a lazy proxy

    most = of_other_tests = kept()

    def counted(engine: Engine, item_ids: Sequence[str], collection: str) -> dict[str, list[Label]]:
        nonlocal most
        most = max(most, kept())
        return labels_in_force(engine, item_ids, collection)

    monkeypatch.setattr("tasks.audit.watching.film_parts.MOST_TOGETHER", 10)
    monkeypatch.setattr("tasks.audit.watching.film_parts.labels_in_force", counted)
    watched = ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    assert sum(one.count for one in watched.asked) == len(asked_of(labelled)) > 40
    assert most - of_other_tests <= 11


def test_frames_are_read_part_by_part_and_not_kept(labelled: KeyRounds, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> int:
        gc.collect()
        return sum(issubclass(type(one), Item) for one in gc.get_objects())

    of_other_tests = kept()
    while_made: list[int] = []
    while_asked: list[int] = []

    def made(store: Store, items: Sequence[Item]) -> Film:
        while_made.append(kept() - of_other_tests)
        return make_film(store, items)

    def counted(engine: Engine, item_ids: Sequence[str], collection: str) -> dict[str, list[Label]]:
        while_asked.append(kept() - of_other_tests)
        return labels_in_force(engine, item_ids, collection)

    monkeypatch.setattr("tasks.audit.watching.film_parts.MOST_TOGETHER", 10)
    monkeypatch.setattr("tasks.audit.watching.film_parts.make_film", made)
    monkeypatch.setattr("tasks.audit.watching.film_parts.labels_in_force", counted)
    ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    assert len(while_made) == 5
    assert max(while_made) <= 10
    assert max(while_asked) <= 0
