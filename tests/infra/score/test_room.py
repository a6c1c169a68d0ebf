"""The score room is a process of its own: it scores, comes back when it was ended, and a batch that hangs ends it."""

import asyncio
from collections.abc import Iterator

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
from tests.infra.score.conftest import World, picture
from tests.infra.test_back_room import children_at_work

PICTURES = AskedOf("lot", "images")


@pytest.fixture
def room(world: World) -> Iterator[ScoreRoom]:
    opened = ScoreRoom(
        Catalog(url=SecretStr(world.catalog_url)),
        ObjectStore(folder=str(world.folder / "objects")),
        Tracking(uri=SecretStr(world.experiments.uri)),
        ScoreLimits(),
    )
    yield opened
    opened.close()


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
