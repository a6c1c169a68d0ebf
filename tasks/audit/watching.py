"""After a batch has settled: do its blind audits agree with the bands that triage used? If not, a band ends by itself.

The audited items are a random part of the same batch whose boxes were not drawn for the proof, so they are evidence of
their own. The test has a stated chance of a false alarm, over all looks together (`withdrawal.py`).
"""

from collections.abc import Mapping

from sqlalchemy import Engine

from tasks.audit.bands import ClassBand
from tasks.audit.blind import BlindClass, by_class, read_blind
from tasks.audit.options import ProofOptions
from tasks.audit.proving import Proof, prove_bands, read_bands, withdraw
from tasks.audit.scope import Stream
from tasks.audit.withdrawal import Contradiction, check_later_audits, keep_or_withdraw
from tasks.triage.boxes import Scope
from tasks.triage.options import TriageOptions


def watch_bands(
    engine: Engine, scope: Scope, classes: tuple[str, ...], triage: TriageOptions, proof: ProofOptions
) -> Proof:
    """Look at the bands of a settled batch again: end those that answers or blind audits contradict by now.

    Raises:
        BadOption: There is no such batch.
    """
    prove_bands(engine, scope, classes, triage, proof)
    bands = read_bands(engine, scope)
    blind = by_class(read_blind(engine, [scope.batch_id]), classes)
    for name, contradiction in contradictions(bands, blind).items():
        ended = keep_or_withdraw(bands[name], contradiction)
        if ended.accept_from is None:
            told = ended.reason.partition("withdrawn: ")[2]
            withdraw(engine, scope, name, told)
    return prove_bands(engine, scope, classes, triage, proof)


def contradictions(bands: Mapping[str, ClassBand], blind: Mapping[str, BlindClass]) -> dict[str, Contradiction]:
    """Test every band in force against the boxes of audited items that it would have accepted.

    Args:
        bands: By class.
        blind: By class; a class that nobody audited contradicts nothing.
    """
    found = {}
    for name, band in bands.items():
        audited = blind.get(name)
        if band.accept_from is None or audited is None or not audited.accepted.units:
            continue
        scope = Stream(largest_draw=max(1, audited.accepted.largest_draw))
        found[name] = check_later_audits(band, audited.accepted, scope)
    return found
