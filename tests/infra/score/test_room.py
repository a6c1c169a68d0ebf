"""The score room is a process of its own: it scores, comes back when it was ended, and a batch that hangs ends it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from blocks.catalog import Catalog
from blocks.object_store import ObjectStore
from blocks.tracking import Tracking
from infra.gateway.score.limits import ScoreLimits
from infra.gateway.score.line import ScoreLine, ScoringEnded
from infra.gateway.score.room import AskedOf, ScoreRoom
from tasks.train.champions import NoChampion
from tests.detect.scoring.models import save_tagger
from tests.infra.score.conftest import World, picture
from tests.infra.test_back_room import children_at_work
from tests.kinds.spans.letters import write_letter

PICTURES = AskedOf("lot", "images")


@pytest.fixture
def room(world: World) -> Iterator[ScoreRoom]:
    opened = room_of(world, ScoreLimits())
    yield opened
    opened.close()


def room_of(world: World, limits: ScoreLimits) -> ScoreRoom:
    return ScoreRoom(
        Catalog(url=SecretStr(world.catalog_url)),
        ObjectStore(folder=str(world.folder / "objects")),
        Tracking(uri=SecretStr(world.experiments.uri)),
        limits,
    )


def test_a_process_of_its_own_scores_says_no_and_comes_back_when_it_was_ended(room: ScoreRoom) -> None:
    async def ask() -> None:
        said = await room.score(PICTURES, [picture("blue"), b"none"])
        assert said.labels == ("red", "green", "blue")
        assert isinstance(said.rows[0], list) and said.rows[0][2] == max(said.rows[0])
        with pytest.raises(NoChampion, match="no collection 'other'"):
            await room.score(AskedOf("other", "images"), [picture("blue")])
        kill_the_room()
        line = ScoreLine(room.score, ScoreLimits())
        with pytest.raises(ScoringEnded, match="send it again"):
            await line.ask(PICTURES, [picture("red")])
        assert (await line.ask(PICTURES, [picture("blue")])).rows == said.rows[:1]

    asyncio.run(ask())


def kill_the_room() -> None:
    (process,) = children_at_work(psutil.Process())
    process.kill()
    process.wait(10)


def test_a_batch_that_hangs_is_given_up_and_the_next_is_scored(bare: World, tmp_path: Path) -> None:
    bare.crown("letters", save_tagger(tmp_path), kind="spans")
    room = room_of(bare, ScoreLimits(batch_s=3))
    text, for_minutes = write_letter(200)[0], ["a " * 500_000] * 20  # more than a gateway lets in
    texts = AskedOf("letters", "text")

    async def ask() -> None:
        line = ScoreLine(room.score, ScoreLimits())
        first = (await line.ask(texts, [text])).rows
        with pytest.raises(ScoringEnded, match="if it happens twice, item by item"):
            await line.ask(texts, for_minutes)
        assert (await line.ask(texts, [text])).rows == first

    try:
        asyncio.run(ask())
    finally:
        room.close()
