"""The proof of a line: which boxes may be accepted unseen, shown by people who judge some of them, drawn by lot.

Composition that `flows.label` calls before and after people work: no flow of its own, since it asks.
"""

from flows.options import LineOptions
from tasks.audit.report import ProofReport
from tasks.audit.steps import certify_bands, draw_boxes, watch_bands
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef
from tasks.review.ask import ask
from tasks.review.confirm import confirm_again_queue, confirm_box_queue
from tasks.review.steps import write_confirm_questions, write_second_looks
from tasks.triage.options import CertifiedBands


def prove_bands(
    batch: BatchRef, detector: DetectorRef, recipe: str, line: LineOptions, plugs: str = "local"
) -> CertifiedBands | None:
    """Ask about boxes drawn by lot and certify bands from the answers; None where the line promises nothing.

    Args:
        batch: The batch.
        detector: The detector that proposed.
        recipe: The recipe of its scans.
        line: The line's options; without `proof` nobody is asked.
        plugs: The name under which the four blocks are saved.
    """
    if line.proof is None:
        return None
    drawn = (batch.id, detector.version, recipe, line.classes, line.triage, line.proof, plugs)
    draw_boxes(*drawn)
    checkers = confirm_box_queue(line.classes)
    ask(checkers, write_confirm_questions(batch.id, checkers, plugs), line.until, plugs)  # the run sleeps meanwhile
    others = confirm_again_queue(line.classes)  # a slip of the key is as frequent as the errors looked for
    ask(others, write_second_looks(batch.id, others, plugs), line.until, plugs)
    return certify_bands(*drawn).in_force


def watch_proof(
    batch: BatchRef, detector: DetectorRef, recipe: str, line: LineOptions, plugs: str = "local"
) -> ProofReport | None:
    """Withdraw the bands that a settled batch contradicts, and report what is proven; None without a promise.

    Args:
        batch: The batch, settled.
        detector: The detector that proposed.
        recipe: The recipe of its scans.
        line: The line's options.
        plugs: The name under which the four blocks are saved.
    """
    if line.proof is None:
        return None
    return watch_bands(batch.id, detector.version, recipe, line.classes, line.triage, line.proof, plugs)
