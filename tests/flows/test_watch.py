"""A film goes to a person through a real Label Studio, and the run settles what they mend."""

import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlmodel import select

from blocks.catalog import Catalog
from blocks.database.engine import reading
from blocks.database.tables import Question, QuestionState
from blocks.object_store import ObjectStore
from blocks.servers.annotation_server import AnnotationServer
from flows.watch import watch
from tasks.audit.label_errors.record import claim_round
from tasks.audit.watching.film_round import films_of
from tasks.audit.watching.options import WatchOptions
from tasks.intake.label_kinds import change_label_kind
from tasks.kinds.geometry import edges_of
from tasks.review.posting.duplicates import list_tasks
from tasks.review.questions.queues.films import WATCH_TRACKS
from tests.label_studio import save_label_studio
from tests.monitor.active_learning.test_key_rounds import KeyRounds, clip
from tests.settle.test_identities import in_force, label_all

__all__ = ["clip"]

UP_PERCENT = 10.0


@pytest.mark.slow
@pytest.mark.label_studio
@pytest.mark.timeout(300)
# Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_makes_a_film_waits_for_its_person_and_settles_what_they_mended(
    clip: KeyRounds, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path
) -> None:
    label_all(clip)
    change_label_kind(clip.engine, "clip", "tracks")
    claim_round(clip.engine, "clip", "somebody else's")  # other tests ask in the first one, in the same Label Studio
    plugs = f"watch-{uuid4().hex[:8]}"
    Catalog(url=SecretStr(str(clip.engine.url))).save(plugs)
    ObjectStore(folder=str(tmp_path / "objects")).save(plugs)
    save_label_studio(label_studio, plugs)
    before = {(at, one.region): edges_of([one])[0] for at, one in in_force(clip)}
    mended: list[str] = []

    def mend_what_comes() -> None:
        while not mended:
            with reading(clip.engine) as session:
                mine = (Question.queue == WATCH_TRACKS, Question.state == QuestionState.POSTED.value)
                posted = session.exec(select(Question).where(*mine)).first()
            if posted is not None:
                found = list_tasks(label_studio, posted.project_id or 0, {}, ("id", "predictions", "annotations"))
                (task,) = [one for one in found if one["id"] == posted.task_id]
                result = task["predictions"][0]["result"]
                for key in result[0]["value"]["sequence"]:
                    key["y"] += UP_PERCENT
                body = {"result": result, "lead_time": 20.0}
                label_studio.call("POST", f"api/tasks/{posted.task_id}/annotations/", body=body)
                mended.append(result[0]["id"])
            time.sleep(0.2)

    person = threading.Thread(target=mend_what_comes)
    person.start()
    report = watch(WatchOptions(collection="clip"), plugs)
    person.join(60)
    assert report.answered == report.frames == report.revisions
    moved = [edges_of([one])[0] - before[at, one.region] for at, one in in_force(clip) if one.track == mended[0]]
    assert sum(bool(each[1] > 10) for each in moved) == report.frames
    (film,) = films_of(clip.engine, "clip")
    assert clip.store.has(film)
