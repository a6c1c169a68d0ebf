"""What is trained for classes of whole pictures: as a person wants it, else as the champion was."""

from sqlalchemy import Engine

from blocks.storage.stores import Store
from tasks.detect.models import fetch_weights
from tasks.detect.proposers.class_models.backbone import BACKBONE, facts_of
from tasks.detect.proposers.class_models.linear_head import LINEAR
from tasks.detect.refs import DetectorRef
from tasks.suggest.embedders.named.registry import NAMED, is_named, keep_named
from tasks.train.options import TrainOptions

HEAD = "linear"


def keep_backbone(engine: Engine, store: Store, options: TrainOptions) -> TrainOptions:
    """Return options whose backbone, if a library's model is named, is where its weights are kept.

    Raises:
        BadOption: Its library is not installed.
        BadWeights: There is no such model, or it cannot be used.
    """
    if not is_named(options.backbone):
        return options
    _, key = keep_named(engine, store, options.backbone, "pictures")
    return options.model_copy(update={"backbone": key})


def with_backbone(store: Store, options: TrainOptions, base: DetectorRef) -> TrainOptions:
    """Return options that say what is trained where a person left it open: what the champion was trained as.

    Args:
        store: Where the champion's weights are.
        options: How a training is asked for.
        base: The champion; nobody: there is none.

    Raises:
        BadWeights: The champion's file is not what was kept.
    """
    if options.backbone or options.base:
        return options
    if base.weights_key.endswith(LINEAR):
        return options.model_copy(update={"backbone": HEAD})
    if base.weights_key.endswith(BACKBONE):
        begins = facts_of(fetch_weights(store, base)).begins
        return options.model_copy(update={"backbone": begins}) if begins.startswith(NAMED) else options
    return options
