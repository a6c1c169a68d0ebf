"""Risk control: the part of the line in which people prove from which score boxes are accepted without a look."""

from flows.options import LineOptions
from tasks.audit.risk_control.options import RiskControlOptions, RiskControlRef
from tasks.audit.risk_control.report import RiskControlReport
from tasks.audit.steps import certify_classes, recheck_thresholds, sample_boxes, sample_more_boxes
from tasks.detect.refs import ScanRef
from tasks.kinds.registry import label_kind
from tasks.review.ask import ask
from tasks.review.drafts.box_checks import confirm_again_queue, confirm_box_queue
from tasks.review.steps import write_confirm_again_questions, write_confirm_questions
from tasks.triage.options import CertifiedThresholds


def certify_thresholds(scan: ScanRef, line: LineOptions) -> CertifiedThresholds | None:
    """Let people judge a random sample of boxes, and certify what these prove; None: the line promises nothing."""
    if not line.risk_control:
        return None
    risk_control = _ref_of(scan, line, line.risk_control)
    sample_boxes(risk_control, scan.plugs)
    _judge(scan, line, 0)
    sample_more_boxes(risk_control, scan.plugs)  # only where they may still change something
    _judge(scan, line, 1)
    return certify_classes(risk_control, scan.plugs).in_force


def watch_thresholds(scan: ScanRef, line: LineOptions) -> RiskControlReport | None:
    """Withdraw the thresholds that blind audits contradict, now that these have settled; None: there was no promise."""
    return recheck_thresholds(_ref_of(scan, line, line.risk_control), scan.plugs) if line.risk_control else None


def _ref_of(scan: ScanRef, line: LineOptions, promised: RiskControlOptions) -> RiskControlRef:
    return RiskControlRef(
        batch_id=scan.batch.id,
        detector=scan.detector.version,
        recipe=scan.recipe,
        classes=line.classes,
        triage=line.triage,
        risk_control=promised,
    )


def _judge(scan: ScanRef, line: LineOptions, round_: int) -> None:
    """Ask about the boxes drawn, and ask others about what was not called right: slips are as frequent as errors."""
    shapes = label_kind(line.label_kind).shapes
    first, second = confirm_box_queue(line.classes, shapes=shapes), confirm_again_queue(line.classes, shapes=shapes)
    batch_id, plugs = scan.batch.id, scan.plugs
    ask(first, write_confirm_questions(batch_id, first, plugs, round_=round_), line.until, plugs)
    ask(second, write_confirm_again_questions(batch_id, second, plugs, round_=round_), line.until, plugs)
