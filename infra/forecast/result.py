"""What a dry run foretells: numbers for the whole collection, each with the interval that the sample leaves open."""

from pydantic import Field

from blocks.frozen import Frozen

CONFIDENCE = 0.95
"""Of the intervals: how often they hold, over samples drawn anew."""


class Pay(Frozen):
    """What an hour of work costs; nothing is said of money where there is no wage."""

    wage: float | None = Field(default=None, ge=0, description="for an hour; None: nobody said")
    currency: str = Field(default="", description="as it is written behind a sum")


class Interval(Frozen):
    """A number and between which two it lies, going by the sample."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Interval":
        """Return the same in another unit."""
        return Interval(value=self.value * factor, low=self.low * factor, high=self.high * factor)


class QueueForecast(Frozen):
    """One queue's part of the work."""

    queue: str
    questions: Interval = Field(description="answers that people give, each person's by itself")
    seconds_median: float | None = Field(description="of a question; None: the sample had none")
    seconds_p95: float | None
    hours: Interval
    money: Interval | None = None


class Forecast(Frozen):
    """What labelling a collection would take, and how right it would come out."""

    collection: str
    pictures: int = Field(description="for which all of this is foretold")
    sample: int = Field(description="pictures that were tried")
    sample_unread: int = Field(default=0, description="pictures of the sample that could not be read")
    truth: str = Field(description="what the simulated people took for true: labels, detector or objects")
    detector: str = Field(description="in words")
    people: int
    skill: float
    pay: Pay
    queues: tuple[QueueForecast, ...]
    questions: Interval
    hours: Interval
    money: Interval | None = None
    hours_by_hand: Interval = Field(description="every label made as most do, every picture looked over")
    hours_by_hand_fastest: Interval = Field(description="the same by the fastest published way to draw")
    share_of_by_hand: Interval | None = Field(description="None: by hand it takes no time")
    share_of_fastest: Interval | None = Field(description="The same, of the fastest published way to draw")
    labels: Interval = Field(description="objects labelled in the end")
    precision: Interval | None = Field(description="of these, the share that the truth has; None: none came out")
    recall: Interval | None = Field(description="share of the true objects that are labelled; None: there is none")
    notes: tuple[str, ...] = Field(default=(), description="what these numbers leave out")
