"""What a list of tasks holds beside the good answers must cost none of them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import Engine

from blocks.errors import LabelStudioRefused
from tasks.review.receiving.poll import record_tasks
from tests.label_studio import server_at
from tests.review.builders import answers, make_batch, pretend_posted, questions, region, write_missed

NOWHERE = server_at("http://127.0.0.1:9")


@pytest.mark.parametrize("odd", [{"id": "x"}, {"updated_at": "0001-01-01T00:00:00Z"}, {"completed_by": -1}])
def test_an_annotation_that_cannot_be_read_costs_no_answer_beside_it(engine: Engine, odd: dict[str, object]) -> None:
    make_batch(engine, items=1)
    write_missed(engine)
    pretend_posted(engine)
    question = questions(engine)[0]
    good = {
        "id": 5,
        "updated_at": "2026-11-03T12:00:00Z",
        "created_at": "2026-11-03T12:00:00Z",
        "result": [region()],
        "lead_time": 3.0,
        "completed_by": 1,
        "created_username": "ada, ada@example.org, 1",
    }
    task = {
        "id": question.task_id,
        "data": {"question_id": question.id},
        "annotations": [{**good, "id": 6, **odd}, good],
    }
    record_tasks(engine, NOWHERE, 7, [task], "sweep")
    assert [answer.annotation_id for answer in answers(engine)] == [5]


@pytest.fixture
def page_of_a_proxy() -> Iterator[str]:
    """Something that answers everything with a page, as a proxy that wants a login does."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>log in first</html>")

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_page_instead_of_an_answer_is_said_in_words(page_of_a_proxy: str) -> None:
    with pytest.raises(LabelStudioRefused, match=r"text/html instead of JSON.*address"):
        server_at(page_of_a_proxy).call("GET", "api/users/")
