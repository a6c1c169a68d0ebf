"""Every error that Labelline raises on purpose, in one tree, so a caller can catch as much as it means to.

    LabellingError
    ├── BadInput                 what came from outside cannot be used
    │   ├── UnreadableImage      an image file that does not decode, or not whole
    │   ├── UnreadableText       a text that cannot be read, or that nobody could label
    │   ├── UnreadableVideo      a video of which no frame can be read
    │   ├── UnfaithfulFilm       a film for browsers that does not show the frames that it was made of
    │   ├── ImageTooLarge        more pixels than this machine is allowed to decode
    │   ├── UnknownClass         a class name that the label config or the detector does not have
    │   ├── UnknownQuestionKind  a kind of question that this version does not know
    │   ├── BadWeights           a weights file that is missing, corrupt or for another task
    │   ├── BadTruth             a truth folder (YOLO, COCO, VOC) that cannot be read
    │   ├── BadRegion            a region in an answer that is no box of the question
    │   ├── BadShape             a shape that is none, that its item cannot have, or that its line has no use for
    │   ├── OtherModelVersion    vectors of different models, which cannot be compared
    │   └── BadOption            an option that contradicts another one or the data
    │       ├── NoImages         a folder that holds none
    │       └── NoTexts          a place that holds none
    ├── PlugError                an outside system does not do what was asked
    │   ├── StoreUnavailable     the object store cannot be reached, or refuses
    │   ├── ObjectMissing        the object store has no such key
    │   ├── CatalogUnavailable   the database cannot be opened, is locked for good, or is of another version
    │   ├── LabelStudioUnavailable   Label Studio does not answer
    │   │   └── LabelStudioFailed    it answers that it failed inside: what was asked is over, done or not
    │   ├── LabelStudioRefused   Label Studio answers, and says no (wrong config)
    │   │   ├── TokenRefused     it does not take the token: the same for all that is asked of it
    │   │   └── LabelStudioLacks it has no such project or task (any more)
    │   ├── PrefectRefused       Prefect answers, and says no
    │   │   └── PrefectLacks     it has no such run, artifact or deployment (any more)
    │   ├── TrackingUnavailable  MLflow cannot be reached
    │   └── TrackingRefused      MLflow answers, and says no: waiting does not help
    ├── TrainingFailed           a training ended without a detector
    ├── NotEnoughData            too few items, labels or groups for what was asked
    ├── PartlyFailed             some of several independent things failed, and the others are done
    └── StackError               the local stack cannot start, or is not there
        └── PortTaken            a port that was asked for by name is in use

A message says what, which value, what was expected and what to do.
"""

import difflib
from collections.abc import Iterable


class LabellingError(Exception):
    """Root of all errors that Labelline raises on purpose."""


class BadInput(LabellingError):
    """What came from outside cannot be used."""


class UnreadableImage(BadInput):
    """An image file that does not decode, or not whole."""


class UnreadableText(BadInput):
    """A text that cannot be read, or that nobody could label."""


class UnreadableVideo(BadInput):
    """A video of which no frame can be read."""


class UnfaithfulFilm(BadInput):
    """A film for browsers that does not show the frames that it was made of, each in its place."""


class ImageTooLarge(BadInput):
    """An image with more pixels than this machine is allowed to decode."""


NAMES_SHOWN = 20
"""Known names in a message; COCO has 80, and the hint behind them is what helps."""


class UnknownClass(BadInput):
    """A class name that is not among the known ones."""

    @classmethod
    def named(cls, name: str, known: Iterable[str], where: str) -> "UnknownClass":
        """Build the error for one unknown name, with the closest known name as a hint."""
        names = list(known)
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        told = ", ".join(names[:NAMES_SHOWN]) or "none"
        return cls(f"class {name!r} is not in {where} (known: {told}{more}).{hint}")


class UnknownQuestionKind(BadInput):
    """A kind of question that this version does not know."""


class BadWeights(BadInput):
    """A weights file that is missing, corrupt or for another task."""


class BadTruth(BadInput):
    """A truth folder that cannot be read."""


class BadRegion(BadInput):
    """A region in an answer that is no box of the question."""


class BadShape(BadInput):
    """A shape that is none, that its item cannot have, or that its line has no use for."""


class OtherModelVersion(BadInput):
    """Vectors of different models, which cannot be compared."""


class BadOption(BadInput):
    """An option that contradicts another option or the data."""


class NoImages(BadOption):
    """A folder that holds no images."""


class NoTexts(BadOption):
    """A file or a folder that holds no texts."""


class PlugError(LabellingError):
    """An outside system does not do what was asked."""


class StoreUnavailable(PlugError):
    """The object store cannot be reached, or refuses."""


class ObjectMissing(PlugError):
    """The object store has no such key."""


class CatalogUnavailable(PlugError):
    """The catalogue's database cannot be opened or used."""


class LabelStudioUnavailable(PlugError):
    """Label Studio does not answer."""


class LabelStudioFailed(LabelStudioUnavailable):
    """Label Studio answers that it failed inside: what was asked is not going on any more, and may have been done."""


class LabelStudioRefused(PlugError):
    """Label Studio answers and says no."""


class TokenRefused(LabelStudioRefused):
    """Label Studio does not take the token."""


class LabelStudioLacks(LabelStudioRefused):
    """Label Studio has no such project or task (any more)."""


class PrefectRefused(PlugError):
    """Prefect answers and says no."""


class PrefectLacks(PrefectRefused):
    """Prefect has no such thing (any more)."""


class TrackingUnavailable(PlugError):
    """MLflow cannot be reached."""


class TrackingRefused(PlugError):
    """MLflow answers and says no."""


class TrainingFailed(LabellingError):
    """A training ended without a detector."""


class NotEnoughData(LabellingError):
    """Too few items, labels or groups for what was asked."""


class PartlyFailed(LabellingError):
    """Some of several independent things failed; the others are done."""


class StackError(LabellingError):
    """The local stack cannot start, or is not there."""


class PortTaken(StackError):
    """A port that was asked for by name is in use."""
