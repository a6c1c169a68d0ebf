"""What is watched, as it is typed and as flows pass it on."""

from pydantic import Field

from blocks.frozen import Frozen
from blocks.naming.emails import Email
from blocks.naming.names import ClassNames, CollectionName
from tasks.review.questions.queue import Queue
from tasks.review.steps import QuestionsWritten


class WatchOptions(Frozen):
    """Which sequences of a collection people watch as films."""

    collection: CollectionName = Field(description="A collection of tracks.")
    sequences: tuple[str, ...] = Field(
        default=(), max_length=1000, description="Names of sequences, such as `clip.mp4`; empty: all."
    )
    classes: ClassNames = Field(default=(), description="What people may draw as well; those of its labels always.")
    annotators: tuple[Email, ...] = Field(default=(), description="E-mails of who watches; empty: everybody.")


class Watched(Frozen):
    """What a run has asked people to watch."""

    collection: str
    round: int
    queue: Queue
    asked: tuple[QuestionsWritten, ...] = Field(description="By batch, whose frames its labels came from.")


class WatchReport(Frozen):
    """What became of what people watched."""

    collection: str
    frames: int = Field(description="That could be mended")
    answered: int = Field(description="Of these, frames of films that somebody submitted")
    revisions: int = Field(description="Labels that were added, mended or retracted, each as a further revision")
