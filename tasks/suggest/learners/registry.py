"""Which learners there are. A new one is a file beside these and a line here."""

from blocks.errors import BadOption
from tasks.suggest.learners.arow import Arow
from tasks.suggest.learners.kernel_ridge import KernelRidge
from tasks.suggest.learners.nearest_mean import NearestMean
from tasks.suggest.learners.protocol import NewLearner
from tasks.suggest.learners.ridge_lda import RidgeLda

LEARNERS: dict[str, NewLearner] = {
    "ridge-lda": RidgeLda,
    "arow": Arow,
    "nearest-mean": NearestMean,
    "kernel-ridge": KernelRidge,
}

DEFAULT = "ridge-lda"

AT_ONCE = ("ridge-lda", "nearest-mean")
"""Those that know an answer in milliseconds, so that the next question can be opened with it."""


def learner_named(name: str) -> NewLearner:
    """Return what makes a learner.

    Raises:
        BadOption: There is none of that name.
    """
    if name not in LEARNERS:
        raise BadOption(f"there is no learner {name!r}; expected one of {', '.join(LEARNERS)}")
    return LEARNERS[name]
