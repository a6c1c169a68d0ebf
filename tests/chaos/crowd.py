"""People who answer, edit, delete, skip and draft through Label Studio's real API, and write down what they did."""

import itertools
import time
from dataclasses import dataclass

from blocks.database.tables import Question
from blocks.errors import LabellingError, LabelStudioUnavailable
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.boxes.regions import ShownBox, to_regions
from tests.chaos.ground import HEIGHT, WIDTH

PATIENCE_S = 180.0
"""How long somebody goes on pressing "submit" while Label Studio is away."""


@dataclass(frozen=True, slots=True)
class Given:
    """An annotation that somebody has submitted, and the mark of its present version."""

    question: Question
    annotation_id: int
    mark: str


class Crowd:
    """People at their browsers. Each attempt at an act has a mark of its own, so that none is mistaken for another.

    Args:
        server: Label Studio.
        name: Begins every mark.
    """

    def __init__(self, server: AnnotationServer, name: str) -> None:
        self._server = server
        self._marks = (f"{name}-{number}" for number in itertools.count())
        self.acts = 0
        self.acknowledged: set[str] = set()
        self.drafts: set[str] = set()

    def answer(
        self, question: Question, skip: bool = False, draft_id: int | None = None, by: int | None = None
    ) -> Given:
        """Submit an annotation, or skip the question; as somebody else where a user's number is given."""
        extra = {"draft_id": draft_id} if draft_id is not None else {}
        extra |= {"completed_by": by} if by is not None else {}
        more = {"was_cancelled": skip, "lead_time": 2.5, **extra}
        created, mark = self._insist("POST", f"api/tasks/{question.task_id}/annotations/", **more)
        self._confirm(mark)
        return Given(question, created["id"], mark)

    def skip(self, question: Question) -> Given:
        """Skip a question."""
        return self.answer(question, skip=True)

    def edit(self, given: Given) -> Given:
        """Change a submitted annotation."""
        self.acknowledged.discard(given.mark)
        _changed, mark = self._insist("PATCH", f"api/annotations/{given.annotation_id}/", lead_time=4.0)
        self._confirm(mark)
        return Given(given.question, given.annotation_id, mark)

    def delete(self, given: Given) -> None:
        """Delete a submitted annotation."""
        self.acknowledged.discard(given.mark)
        self._server.call("DELETE", f"api/annotations/{given.annotation_id}/")
        self.acts += 1

    def draft(self, question: Question) -> int:
        """Begin an annotation and leave it; return the draft's number."""
        created, mark = self._insist("POST", f"api/tasks/{question.task_id}/drafts", lead_time=1.0)
        self.drafts.add(mark)
        self.acts += 1
        return int(created["id"])

    def _confirm(self, mark: str) -> None:
        self.acts += 1
        self.acknowledged.add(mark)

    def _insist(self, method: str, path: str, **more: object) -> tuple[dict[str, int], str]:
        """Try until Label Studio has confirmed; what became of the attempts before, nobody knows."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            mark = next(self._marks)
            try:
                return self._server.call(method, path, body={"result": _drawn(mark), **more}), mark
            except LabelStudioUnavailable as error:
                if time.monotonic() > deadline:
                    raise LabellingError(f"Label Studio did not come back within {PATIENCE_S:.0f} s") from error
                time.sleep(0.3)


def _drawn(mark: str) -> list[dict[str, object]]:
    box = ShownBox(id=mark, class_name="car", score=1.0, x_min=10, y_min=10, x_max=90, y_max=60)
    return to_regions([box], WIDTH, HEIGHT)
