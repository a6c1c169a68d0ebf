"""What a likely error in a label is, and the options of those who look for them."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from blocks.naming.renamed import Renamed
from blocks.shapes import Bounds
from tasks.audit.label_errors.scores import Fault


class LabelErrorOptions(Renamed):
    """Which labels are looked at again."""

    former_names: ClassVar = {"fault_share": "expected_error_rate", "odd_z": "outlier_z"}
    retired: ClassVar = {"odd_colours": "colours told next to nothing; sizes and places are judged"}

    budget: float = Field(default=0.15, gt=0, le=1, description="Share of the settled items that people look at again")
    expected_error_rate: float = Field(
        default=0.05, gt=0, lt=1, description="Share of labels expected to be wrong, before any is looked at"
    )
    least_suspicion: float = Field(
        default=0.5, ge=0, le=1, description="Findings below this suspicion (0 to 1) are reported and not asked about"
    )
    min_score: float = Field(default=0.2, ge=0, le=1, description="Boxes of a lower score contradict no label")
    outlier_z: float = Field(
        default=3.5, ge=1, le=100, description="From how many robust standard deviations on it is an outlier"
    )
    scores: Literal["plain", "cleanlab"] = Field(
        default="plain",
        description="plain: how rarely labels and detector disagree so; cleanlab: its scores where it has one",
    )


@dataclass(frozen=True, slots=True)
class LabelFinding:
    """One label, or one missing label, that looks wrong."""

    item_id: str
    fault: Fault
    subject: str
    """Id of the label; of the detector's box where a label is missing."""
    class_name: str
    """What it is labelled, or what the detector sees where no label is."""
    box_px: Bounds
    suspicion: float
    """0 to 1: how likely it is wrong, by how rare such a disagreement is; see `suspicion_of`."""
    reason: str
