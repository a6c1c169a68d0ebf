"""What a training begins with: whether the first weights can be trained further, and how much of them is taken over.

Weights that were saved after `fuse()` (by predicting, validating, exporting) have their batch normalisation folded into
the convolutions. Nothing of that fits a network for training, which would begin anew without a word.
"""

import copy
from dataclasses import dataclass
from pathlib import Path

from blocks.errors import BadOption, BadWeights
from tasks.detect.backends.safe_weights import Task
from tasks.detect.proposers.class_models.registry import ANEW
from tasks.detect.refs import DetectorRef

LEAST_SHARE = 0.6
"""Of the tensors that must fit. New classes replace parts of the head: at most a quarter of the tensors, with two heads
(YOLOv10); of fused weights a sixth fits."""

TRAINABLE = ".pt"


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the first weights bring.

    Attributes:
        taken_over: Tensors of theirs that fit the network to be trained.
        tensors: How many it has.
        stride: Sides of its pictures are multiples of this, in pixels.
    """

    taken_over: int
    tensors: int
    stride: int

    @property
    def share(self) -> float:
        """Of the tensors that are taken over, 0 to 1."""
        return self.taken_over / self.tensors


NOTHING = Beginning(taken_over=0, tensors=1, stride=32)
"""What nobody brings: random numbers, in a network whose pictures grow in steps of 32 pixels."""


def check_trainable(base: DetectorRef) -> None:
    """Refuse a detector that can be used but not trained.

    Raises:
        BadWeights: It is an ONNX, Darknet or Caffe model.
    """
    if not is_trainable(base) and not base.weights_key.endswith(ANEW):
        kind = Path(base.weights_key).suffix
        raise BadWeights(
            f"detector {base.version} of {base.name!r} is a {kind} file, which labels images but cannot be trained "
            "here: only ultralytics weights (.pt) can. Train it with the tools that made it on the exported labels and "
            "give the new file as detector, or name weights to train in its place (`base` of the training options, "
            "`--begin-with`)."
        )


def refuse_base(base: str, kind: str) -> None:
    """Refuse weights to begin with where a training always begins anew.

    Raises:
        BadOption: Some are given.
    """
    if base:
        raise BadOption(
            f"models of {kind} are learnt anew from all labels each time, so weights to begin with ({base!r}) say "
            "nothing: leave `base` of the training options (`--begin-with`) empty"
        )


def is_trainable(base: DetectorRef) -> bool:
    """Say whether a model can be trained further; nobody cannot."""
    return base.weights_key.endswith(TRAINABLE)


def begin_with(weights: Path, classes: tuple[str, ...], task: Task = "detection") -> Beginning:
    """Open first weights, and say how much of them a network for some classes takes over.

    Raises:
        BadWeights: They cannot be opened, or fewer than `LEAST_SHARE` of their tensors fit.
    """
    from tasks.detect.backends.safe_weights import open_network, stride_of

    base = open_network(weights, task)
    ours = type(base)(copy.deepcopy(base.yaml), ch=3, nc=len(classes), verbose=False).state_dict()
    theirs = base.state_dict()
    fitting = sum(name in theirs and theirs[name].shape == tensor.shape for name, tensor in ours.items())
    begins = Beginning(fitting, len(ours), stride_of(base))
    if begins.share < LEAST_SHARE:
        raise BadWeights(
            f"of weights {weights.name} only {fitting} of {len(ours)} tensors fit a network for training, and "
            f"{LEAST_SHARE:.0%} are needed: they were probably saved after fuse(), which predicting and exporting do. "
            "Begin with the file that training wrote (best.pt or last.pt)."
        )
    return begins
