"""How questions of a sequence are asked together in one task, while each keeps an answer of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.payload import Payload

Shape = TypeVar("Shape", bound=Payload)
View = tuple[dict[str, Any], list[dict[str, Any]]]
"""What a task holds, and the regions that it begins with."""

Dealt = list[list[tuple[int, Any]]]
"""For each question its entries of a result as those of a question alone, each with its position in the result."""


@dataclass(frozen=True, slots=True)
class OneOfSeveral:
    """A question that is asked together with others.

    Attributes:
        question_id: Of the question.
        payload: Of its own.
        view: As it would be asked alone.
    """

    question_id: str
    payload: Any
    view: View


class Together(Protocol):
    """A way to ask several at once."""

    spans_batches: ClassVar[bool]
    """Whether questions of several batches of a collection stand in one task, if they are of one round."""

    def view(self, server: AnnotationServer, title: str, asked: Sequence[OneOfSeveral]) -> View:
        """Return what their task holds, and what it begins with.

        The data has a list `stills` (`boxes/strip.py`) that names the questions, in order.

        Args:
            server: Whose gateway serves what is seen.
            title: What people read.
            asked: In the order of the sequence, one or more.
        """

    def deal(self, payloads: Sequence[Any], result: Sequence[Any], classes: Sequence[str]) -> Dealt:
        """Part the result of an annotation among the questions of its task.

        Args:
            payloads: Of the questions, in order; None: it is not known, or cannot be read.
            result: As Label Studio sends it, any list.
            classes: Known class names.

        Returns:
            What is about none of them goes to the first that is known: it is kept there, and does not count.
        """
