"""A project with five tasks in a real Label Studio."""

from uuid import uuid4

import pytest

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.withdraw import is_absent
from tasks.review.questions.task import label_config
from tests.review.builders import QUEUE

TASKS = 5


@pytest.fixture
def project(label_studio: AnnotationServer) -> int:
    settings = {
        "title": f"back {uuid4().hex[:8]}",
        "label_config": label_config(QUEUE),
        "skip_queue": "REQUEUE_FOR_OTHERS",
    }
    return int(label_studio.call("POST", "api/projects/", body=settings)["id"])


@pytest.fixture
def tasks(label_studio: AnnotationServer, project: int) -> list[int]:
    """Five tasks, the first asked first."""
    body = [{"data": {"image": "x", "question_id": str(number)}} for number in range(TASKS)]
    path, params = f"api/projects/{project}/import", {"return_task_ids": True}
    return list(label_studio.call("POST", path, params=params, body=body)["task_ids"])


def there(server: AnnotationServer, tasks: list[int]) -> list[int]:
    return [id_ for id_ in tasks if not is_absent(server, id_)]
