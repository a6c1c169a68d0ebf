"""A linear head on the vectors of the embedder that comes with the installation: learnt in one go, from all labels.

It is what fine-tuned networks must beat: from few labels a head on what the world has taught is hard to beat.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from blocks.errors import BadInput, TrainingFailed, UnreadableImage
from blocks.storage.stores import Store
from tasks.detect.proposers.class_models.linear_head import LINEAR, SIDE_PX, LinearHead
from tasks.detect.refs import DetectorRef
from tasks.intake.images import Pixels
from tasks.suggest.embedders.registry import DEFAULT
from tasks.suggest.learners.registry import DEFAULT as LEARNER
from tasks.suggest.space import Space
from tasks.suggest.taught import Taught
from tasks.train.fitting.beginnings import NOTHING, Beginning
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.classifier import ClassifierTraining
from tasks.train.fitting.trainers.protocol import Cut, TrainingJob
from tasks.train.fitting.trainers.simple_loop import SimpleLoop, read_folders

AT_ONCE = 32


class LinearTraining(ClassifierTraining):
    """Linear discriminants over the default embedder's vectors."""

    name = "linear"
    begins_anew = True
    further = from_nothing = Recipe(1, 1, 1, lr0=0.001, least_train=20, least_val=100)

    def begin(self, store: Store, base: DetectorRef, classes: tuple[str, ...]) -> Beginning:  # noqa: ARG002  (protocol)
        """Return what an earlier model brings: nothing."""
        return NOTHING

    def side_of(self, job: TrainingJob) -> int:  # noqa: ARG002  (whatever tiles are)
        """Return the side that the embedder sees."""
        return SIDE_PX

    def loop(self, job: TrainingJob, cut: Cut) -> SimpleLoop:
        """Return the training."""
        return LinearLoop(cut, job.manifest.classes, job.scratch / f"head{LINEAR}", measures=job.chooses_epoch)


class LinearLoop(SimpleLoop):
    """One training, of a single epoch."""

    several = False
    """Whether a picture may show several classes, each judged on its own."""

    def __init__(self, cut: Cut, classes: tuple[str, ...], best: Path, *, measures: bool) -> None:
        super().__init__(best, epochs=1)
        self._cut, self._classes, self._measures = cut, classes, measures

    def train(self) -> None:
        """Learn, measure, and write the head.

        Raises:
            TrainingFailed: The pictures teach nothing.
        """
        self.tell("on_train_start")
        pictures = self.read(self._cut.train)
        paths = [path for path, _ in pictures]
        vectors = np.concatenate([embed_squares(paths[at : at + AT_ONCE]) for at in range(0, len(paths), AT_ONCE)])
        names, stems = tuple(name for _, name in pictures), tuple(path.stem for path in paths)
        try:
            taught = Taught(LEARNER, "", Space.of(DEFAULT.name, vectors), stems, names, vectors, several=self.several)
            if len(taught.named) < 2:
                raise BadInput(f"{len(taught.named)} class has a picture: expected two or more to tell apart")
        except BadInput as error:
            raise TrainingFailed(f"{len(pictures)} pictures teach nothing: {error}") from error
        if self._measures:
            self.measured(self.fitness_of(taught))
        self.best.write_bytes(taught.to_bytes())
        self.tell("on_fit_epoch_end")

    def read(self, folder: Path) -> list[tuple[Path, str]]:
        """Return the pictures that were cut into a folder, each with its class as the learner reads it."""
        return [(path, self._classes[number]) for path, number in read_folders(folder)]

    def fitness_of(self, taught: Taught) -> float:
        """Return the accuracy on the val pictures."""
        head, right = LinearHead(DEFAULT, taught.suggester()), 0
        pictures = self.read(self._cut.val)
        for at in range(0, len(pictures), AT_ONCE):
            some = pictures[at : at + AT_ONCE]
            said, _ = head.say([read_square(path) for path, _ in some])
            right += sum(
                head.classes[place] == name for place, (_, name) in zip(said.argmax(axis=1), some, strict=True)
            )
        return right / max(1, len(pictures))


def embed_squares(paths: Sequence[Path]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float16]]":
    """Return the default embedder's vectors of pictures that were cut for training, shape (paths, d).

    Raises:
        UnreadableImage: One is gone.
    """
    return DEFAULT.embed([DEFAULT.fit(read_square(path)) for path in paths]).astype(np.float16)


def read_square(path: Path) -> Pixels:
    """Return a picture that was cut for training.

    Raises:
        UnreadableImage: It is gone.
    """
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise UnreadableImage(f"{path.name} was cut for training and cannot be read: train again")
    return np.asarray(pixels, dtype=np.uint8)
