"""The retraining line: truth becomes a snapshot, a challenger is trained on it, and the better detector is champion."""

from prefect import flow

from blocks.naming.names import CollectionName
from blocks.naming.run_names import named
from tasks.dataset.steps import issue_certificate, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import PromotionReport
from tasks.train.steps import compare, finetune, promote, resolve_detector


@flow(flow_run_name=named("train", of="collection"))
def retrain(
    collection: CollectionName,
    options: TrainOptions = TrainOptions(),  # noqa: B008  (frozen)
    tiling: TilingOptions = TilingOptions(),  # noqa: B008
    gate: PromoteOptions = PromoteOptions(),  # noqa: B008
    plugs: str = "local",
) -> PromotionReport:
    """Train a challenger on all truth of a collection; it becomes champion only if it is better.

    Both are measured on the frozen test split, the way the line looks at images.

    Args:
        collection: Whose truth is trained on.
        options: How the challenger is trained.
        tiling: How images are cut: the same as on the line.
        gate: By how much a challenger must be better.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    snapshot = take_snapshot(collection, plugs)
    issue_certificate(snapshot.id, plugs)
    champion = resolve_detector(collection, "champion", plugs, snapshot.kind)
    challenger = finetune(snapshot.id, champion, options, tiling, plugs)
    comparison = compare(snapshot.id, champion, challenger, tiling, plugs)
    return promote(comparison, gate, plugs)
