"""Nobody is "user 7" in a report because a webhook brings only numbers; and nobody waits for a name."""

import pytest
from sqlalchemy import Engine

from blocks.annotation_server import AnnotationServer
from blocks.database import reading
from tasks.review.bookmarks import read_bookmarks, user_name
from tasks.review.doorbell import hear
from tasks.review.newcomers import Newcomers
from tests.review.builders import answers, make_batch, pretend_posted, questions, webhook, write_missed

AWAY = AnnotationServer("http://127.0.0.1:9", "f" * 40, "http://127.0.0.1:9", "x", "y")


class Directory:
    """What is looked up, and how often; nothing else of Label Studio is needed here."""

    def __init__(self, users: dict[int, str]) -> None:
        self.users = users
        self.asked = 0

    def call(self, method: str, path: str) -> list[dict[str, object]]:
        """List the users."""
        assert (method, path) == ("GET", "api/users/")
        self.asked += 1
        return [{"id": number, "email": email} for number, email in self.users.items()]


@pytest.fixture
def asked(engine: Engine) -> Engine:
    """A catalogue with two posted questions."""
    make_batch(engine, items=2)
    write_missed(engine)
    pretend_posted(engine)
    return engine


def newcomers(engine: Engine, directory: object) -> Newcomers:
    return Newcomers(engine, directory)  # type: ignore[arg-type]


def test_the_first_answer_of_a_new_person_bears_their_name(asked: Engine) -> None:
    directory = Directory({3: "ann@x.org"})
    hear(asked, webhook(questions(asked)[0], completed_by=3), newcomers(asked, directory).learn)
    assert [answer.person for answer in answers(asked)] == ["ann@x.org"]


def test_a_known_person_is_looked_up_once(asked: Engine) -> None:
    directory = Directory({3: "ann@x.org"})
    first = newcomers(asked, directory)
    for minute, question in enumerate(questions(asked)):
        hear(asked, webhook(question, 1 + minute, minute, completed_by=3), first.learn)
    newcomers(asked, directory).learn({3})  # after a restart: the catalogue knows
    assert directory.asked == 1


def test_somebody_label_studio_does_not_know_stays_a_number_and_is_not_sought_again(asked: Engine) -> None:
    directory = Directory({})
    learner = newcomers(asked, directory)
    hear(asked, webhook(questions(asked)[0], completed_by=8), learner.learn)
    learner.learn({8})
    assert ([answer.person for answer in answers(asked)], directory.asked) == (["user 8"], 1)


def test_nothing_is_asked_about_nobody(asked: Engine) -> None:
    directory = Directory({})
    newcomers(asked, directory).learn(set())
    assert directory.asked == 0


@pytest.mark.label_studio
def test_the_real_label_studio_knows_who_it_is(asked: Engine, label_studio: AnnotationServer) -> None:
    number = label_studio.call("GET", "api/current-user/whoami")["id"]
    hear(asked, webhook(questions(asked)[0], completed_by=number), Newcomers(asked, label_studio).learn)
    assert [answer.person for answer in answers(asked)] == ["admin@example.com"]


def test_an_answer_is_kept_also_when_label_studio_is_away_and_it_is_let_be_for_a_while(asked: Engine) -> None:
    learner = Newcomers(asked, AWAY)
    hear(asked, webhook(questions(asked)[0], completed_by=3), learner.learn)
    assert [answer.person for answer in answers(asked)] == ["user 3"]
    directory = Directory({3: "ann@x.org"})
    learner._server = directory  # type: ignore[assignment]
    learner.learn({3})
    assert directory.asked == 0
    learner._let_be_until_s = 0.0
    learner.learn({3})
    with reading(asked) as session:
        assert read_bookmarks(session, [user_name(3)]) == {user_name(3): "ann@x.org"}
    assert [answer.person for answer in answers(asked)] == ["ann@x.org"]
