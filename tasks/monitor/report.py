"""What a look at a line found: model against people, and what has changed."""

from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import Engine

from blocks.frozen import Frozen
from tasks.monitor.drift import Difference, agreement_drift, drift_of_inputs
from tasks.monitor.judged import JudgedItem, read_judged
from tasks.monitor.options import MonitorOptions
from tasks.monitor.quality import Quality, Reliability, qualities, reliabilities


class MonitorReport(Frozen):
    """Model and people of one collection compared."""

    collection: str
    items_blind: int = Field(description="judged items that people saw without proposals: the holdout")
    items_shown: int = Field(description="judged items that people saw with proposals")
    qualities: tuple[Quality, ...]
    reliabilities: tuple[Reliability, ...]
    inputs: Difference
    agreement: Difference

    @property
    def alarms(self) -> tuple[str, ...]:
        """What has drifted, in words."""
        return tuple(f"{drift.what}: {drift.words}" for drift in (self.inputs, self.agreement) if drift.alarm)


def watch_line(
    engine: Engine, collection: str, options: MonitorOptions | None = None
) -> tuple[MonitorReport, list[JudgedItem]]:
    """Compare model and people on all that people have answered about.

    Args:
        engine: The catalogue.
        collection: Any; of one that has nothing, the report says "not enough evidence" throughout.
        options: Scores, evidence, permutations.

    Returns:
        The report, and the judged items that it is of, in the order in which people answered.

    Raises:
        OtherModelVersion: One detector version has given embeddings of different lengths.
    """
    options = options or MonitorOptions()
    judged = read_judged(engine, collection)
    report = MonitorReport(
        collection=collection,
        items_blind=sum(item.blind for item in judged),
        items_shown=sum(not item.blind for item in judged),
        qualities=tuple(qualities(judged, options)),
        reliabilities=tuple(reliabilities(judged)),
        inputs=drift_of_inputs(engine, collection, options),
        agreement=agreement_drift(_of_newest_detector(judged), options),
    )
    return report, judged


def _of_newest_detector(judged: Sequence[JudgedItem]) -> list[JudgedItem]:
    """Return the items of the detector that people judged last: another one would agree differently by itself."""
    return [item for item in judged if item.detector == judged[-1].detector]
