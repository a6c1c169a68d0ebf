"""Bands end by themselves where the pictures have changed: before anybody judges a box, and once all has settled."""

import logging

from sqlalchemy import Engine

from blocks.errors import OtherModelVersion
from tasks.audit.inputs import input_drift
from tasks.audit.options import ProofOptions
from tasks.audit.proving import withdraw_all
from tasks.audit.withdrawal import Drift
from tasks.triage.boxes import Scope

log = logging.getLogger(__name__)


def end_if_changed(engine: Engine, scope: Scope, classes: tuple[str, ...], proof: ProofOptions) -> Drift | None:
    """Compare the pictures of a batch with earlier ones, and let it have no bands where they have changed.

    Once ended stays ended. Before triage no class gets a band then, and no box is drawn for one; after it the bands in
    force end.

    Args:
        engine: The catalogue.
        scope: Whose embeddings, in which batch; scanned.
        classes: The classes of the line.
        proof: Whether a change ends bands, or is only told.

    Returns:
        The comparison; None where there is nothing to compare with.

    Raises:
        BadOption: There is no such batch.
    """
    try:
        drift = input_drift(engine, scope)
    except OtherModelVersion as error:
        log.warning("pictures of %s are not compared with earlier ones: %s", scope.batch_id, error)
        return None  # a comparison that cannot be made is no reason to fail a batch
    if drift is not None and drift.ends_bands and proof.end_on_drift:
        compared = f"{drift.items_now} against {drift.items_before} before, p = {drift.p_value:.3g}"
        told = f"its {drift.what} have changed against earlier batches ({compared}): people look at all of it"
        ended = withdraw_all(engine, scope, classes, proof.promise, told)
        log.warning("%s: no bands for %s: %s", scope.batch_id, ", ".join(ended) or "any further class", told)
    return drift
