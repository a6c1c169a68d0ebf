"""The part of the labelling line in which people prove from which score boxes are accepted without a look."""

from flows.options import LineOptions
from tasks.audit.options import ProofOptions, ProofRef
from tasks.audit.report import ProofReport
from tasks.audit.steps import certify_bands, draw_boxes, draw_more_boxes, watch_bands
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef
from tasks.review.ask import ask
from tasks.review.confirm import confirm_again_queue, confirm_box_queue
from tasks.review.steps import write_confirm_questions, write_second_looks
from tasks.triage.options import CertifiedBands


def prove_bands(
    batch: BatchRef, detector: DetectorRef, recipe: str, line: LineOptions, plugs: str
) -> CertifiedBands | None:
    """Let people judge boxes drawn by lot, and certify what these prove; None: the line promises nothing."""
    if not line.proof:
        return None
    proof = _proof_of(batch, detector, recipe, line, line.proof)
    draw_boxes(proof, plugs)
    _judge(batch, line, 0, plugs)
    draw_more_boxes(proof, plugs)  # only where they may still change something
    _judge(batch, line, 1, plugs)
    return certify_bands(proof, plugs).in_force


def watch_proof(
    batch: BatchRef, detector: DetectorRef, recipe: str, line: LineOptions, plugs: str
) -> ProofReport | None:
    """Withdraw the bands that blind audits contradict, now that these have settled; None: there was no promise."""
    if not line.proof:
        return None
    return watch_bands(_proof_of(batch, detector, recipe, line, line.proof), plugs)


def _proof_of(
    batch: BatchRef, detector: DetectorRef, recipe: str, line: LineOptions, promised: ProofOptions
) -> ProofRef:
    return ProofRef(
        batch_id=batch.id,
        detector=detector.version,
        recipe=recipe,
        classes=line.classes,
        triage=line.triage,
        proof=promised,
    )


def _judge(batch: BatchRef, line: LineOptions, round_: int, plugs: str) -> None:
    """Ask about the boxes drawn, and ask others about what was not called right: slips are as frequent as errors."""
    first, second = confirm_box_queue(line.classes), confirm_again_queue(line.classes)
    ask(first, write_confirm_questions(batch.id, first, plugs, round_=round_), line.until, plugs)
    ask(second, write_second_looks(batch.id, second, plugs, round_=round_), line.until, plugs)
