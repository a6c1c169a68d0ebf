"""Which kinds of models of whole pictures there are, by the ending of their files. A new one is a file and a line."""

from pathlib import Path

from tasks.detect.proposers.class_models.backbone import BACKBONE, open_backbone
from tasks.detect.proposers.class_models.linear_head import LINEAR, open_linear_head
from tasks.detect.proposers.class_models.protocol import ClassModel

ANEW = (LINEAR, BACKBONE)
"""Endings of models that are learnt anew from all labels each time, never further."""


def open_class_model(weights: Path) -> ClassModel:
    """Open a model with the distrust of its kind, and see that it runs.

    Raises:
        BadWeights: It cannot be used, or is for another task.
    """
    if weights.suffix == LINEAR:
        return open_linear_head(weights)
    if weights.suffix == BACKBONE:
        return open_backbone(weights)
    from tasks.detect.proposers.class_network import open_class_network

    return open_class_network(weights)
