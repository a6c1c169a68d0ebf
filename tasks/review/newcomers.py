"""Who is behind a user's number: looked up in Label Studio when an answer comes from somebody we do not know yet.

A webhook carries only a number. Without this a new person is "user 7" in every report until the next sweep, and a rule
about who may answer cannot be applied to what they say.
"""

import logging
import time
from collections.abc import Collection

from sqlalchemy import Engine

from blocks.annotation_server import AnnotationServer
from blocks.database import reading
from blocks.errors import LabelStudioRefused, LabelStudioUnavailable
from tasks.review.bookmarks import learn_people, read_bookmarks, user_name

LET_BE_S = 60.0
"""How long nobody is looked up after Label Studio did not answer: the sweep does it, and rings are not held up."""

log = logging.getLogger(__name__)


class Newcomers:
    """Learns names as they are needed, one request for all who are new.

    Args:
        engine: The catalogue, which keeps the names.
        server: Label Studio, which knows them.
    """

    def __init__(self, engine: Engine, server: AnnotationServer) -> None:
        self._engine = engine
        self._server = server
        self._sought: set[int] = set()
        self._let_be_until_s = 0.0

    def learn(self, numbers: Collection[int]) -> None:
        """See to it that the names of these users are known; a number that Label Studio does not know stays one."""
        new = set(numbers) - self._sought
        if not new or time.monotonic() < self._let_be_until_s:
            return
        with reading(self._engine) as session:
            known = read_bookmarks(session, [user_name(number) for number in new])
        if len(known) < len(new):
            try:
                users = self._server.call("GET", "api/users/")
            except (LabelStudioUnavailable, LabelStudioRefused) as error:
                log.warning("who users %s are is left to the sweep: %s", sorted(new), error)
                self._let_be_until_s = time.monotonic() + LET_BE_S
                return
            learn_people(self._engine, {user["id"]: user["email"] for user in users})
        self._sought |= new
