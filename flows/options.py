"""The options of a line. Each field's description is the text of the Prefect run form."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from blocks.naming.names import ClassNames, CollectionName, KindsByClass
from blocks.naming.renamed import Renamed
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.detect.options import TilingOptions
from tasks.kinds.registry import LabelKindName
from tasks.review.decide.until import Until
from tasks.review.drafts import stops
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.line_queue import LineQueue
from tasks.review.questions.kinds.page import PageOptions
from tasks.review.questions.staffing import AnnotatorPool
from tasks.suggest.paging.plan import RoundOptions
from tasks.train.options import TrainOptions
from tasks.triage.active_learning.order import Mix, known_strategies
from tasks.triage.options import TriageOptions


class LineOptions(Renamed):
    """What one line labels, with which detector, and when people are asked."""

    former_names: ClassVar = {"finders": "annotator_pool", "experts": "expert_pool", "proof": "risk_control"}

    collection: CollectionName = Field(
        description="Whose images are labelled: the name that they were taken in under, such as `lots`."
    )
    classes: ClassNames = Field(
        min_length=1, max_length=2000, description="What a label may be called, such as `car`; in the order of keys."
    )
    label_kind: LabelKindName = Field(
        default="boxes",
        description="What a label is: `boxes` around objects, `polygons`, `masks`, `classes`, one for a whole item, "
        "`multilabel`: any number of classes for it, `spans` of a text, or `tracks`: boxes that keep their identity "
        "over the frames of a video.",
    )
    detector: str = Field(
        default="champion",
        description="`champion` (nobody, while there is none), a path to weights (.pt, .onnx), a version, `nobody`, "
        "`suggest`: classes of whole items by what the collection's labels teach (`suggest:FILE.pt`: as its network "
        "sees them; `suggest:timm:NAME`, `suggest:torch:NAME`, `suggest:sentence-transformers:NAME`: as that model "
        "does); or `propagate`: boxes of key frames followed through the frames between (`propagate:FILE.pt`: "
        "corrected by this detector).",
    )
    live_suggestions: bool = Field(
        default=True,
        description="Open each question with what the answers before it teach. No: with what its batch began with.",
    )
    missing_classes: bool = Field(
        default=False, description="Let people write down a class that is missing; `labelline classes` decides on it."
    )
    kinds: KindsByClass = Field(
        default_factory=dict, description="Per class, the exact kinds that a second queue of other people names."
    )
    batch_size: int = Field(default=1000, ge=1, le=100_000, description="Items in one run, at most.")
    tiling: TilingOptions = Field(default=TilingOptions(), description="How images are cut for the detector.")
    triage: TriageOptions = Field(default=TriageOptions(), description="What is accepted, asked and dropped.")
    annotator_pool: AnnotatorPool = Field(
        default=AnnotatorPool(), description="Who marks what is missed, how many see each image, and hidden gold."
    )
    expert_pool: AnnotatorPool = Field(
        default=AnnotatorPool(), description="Who names exact kinds, how many see each box, and hidden gold."
    )
    confirm: PageOptions | None = Field(
        default=None, description="Let people confirm very sure boxes or classes on pages; empty: nobody looks."
    )
    rounds: RoundOptions | None = Field(
        default=None,
        description="With `suggest` and `propagate`: ask in rounds that learn from those before, what is sure on pages "
        "and what is not one by one, until all is labelled. Empty: batch by batch.",
    )
    stills: stops.Stills = None
    parts: stops.Parts = PartOptions()
    outlines_by: stops.OutlinesBy = ""
    risk_control: RiskControlOptions | None = Field(
        default=None,
        description="Certify from which score boxes are accepted unseen: people judge a random sample of each "
        "batch one by one, and only scores that it proves are accepted. Empty: `triage` accepts by its own scores.",
    )
    ask_first: Mix = Field(
        default={"entropy": 1.0},
        description="What people are asked first: weights of strategies, mixed by rank. "
        f"Known: {', '.join(known_strategies())}. Empty: the item with the most doubtful box.",
    )
    until: Until = Field(default=Until(), description="When a queue has been answered enough.")
    retrain_after: int = Field(default=500, ge=1, description="New labels after which `retrain` is started.")
    retrain: TrainOptions = Field(default=TrainOptions(), description="How the challenger is trained.")

    def accepting(self, chance: float) -> Self:
        """Return the line of a round: from this chance on onto pages, and none dropped; of key frames none is blind."""
        triage = self.triage.of_round(chance, audited=not stops.of_keys(self.detector, chance))
        return self.model_copy(update={"triage": triage})

    @property
    def queues(self) -> tuple[LineQueue, ...]:
        """Where people are asked, in the order in which a batch passes: what pages remove is asked of whole items."""
        kind, classes, parts, accept = self.label_kind, self.classes, self.parts, self.triage.accept
        found = [*stops.page_stops(kind, classes, confirm=self.confirm, rounds=self.rounds, accept=accept, parts=parts)]
        how = {"live": self.live_suggestions, "missing": self.missing_classes}
        whole = stops.items_queue(kind, classes, self.annotator_pool, self.detector, stills=self.stills, **how)
        found.append(LineQueue(queue=whole, first=self.ask_first, parts=parts))
        if self.kinds:
            found.append(stops.kinds_stop(kind, self.kinds, self.expert_pool))
        return tuple(found)

    @model_validator(mode="after")
    def options_suit_each_other(self) -> Self:
        """Refuse what the kind of label has no use for, and what people could not choose between."""
        stops.check_kinds_of_classes(self.kinds, self.classes)
        given = [name for name in ("risk_control", "kinds", "missing_classes") if getattr(self, name)]
        asks = {"in_rounds": self.rounds is not None, "has_pages": self.confirm is not None}
        stops.check_suits(self.label_kind, self.classes, self.detector, **asks, given=given)
        stops.check_outlined(self.label_kind, self.annotator_pool, self.outlines_by)
        stops.check_stills(self.label_kind, self.classes, self.annotator_pool, self.stills)
        return self
