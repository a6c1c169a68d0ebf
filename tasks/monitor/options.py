"""What a person may set about monitoring: prices, and how much evidence a statement needs."""

from pydantic import Field

from blocks.frozen import Frozen


class HourlyRates(Frozen):
    """What an hour costs. The defaults are assumptions, printed with every sum: set your own."""

    person_hour: float = Field(default=25.0, ge=0, le=10_000, description="Money for an hour of a person")
    machine_hour: float = Field(default=0.1, ge=0, le=10_000, description="Money for an hour of a machine")
    currency: str = Field(
        default="EUR", pattern=r"^[A-Za-z€$£¥]{1,8}$", description="In which currency, for the tables"
    )

    def money(self, human_seconds: float, machine_seconds: float = 0.0) -> float:
        """Return what seconds of people and of machines cost together."""
        return (human_seconds * self.person_hour + machine_seconds * self.machine_hour) / 3600


class MonitorOptions(Frozen):
    """How much is looked at, and how much evidence a statement needs."""

    rates: HourlyRates = Field(default=HourlyRates(), description="What an hour of a person and of a machine costs")
    show_score: float = Field(default=0.25, ge=0, le=1, description="Precision and recall count boxes from this score")
    least_items: int = Field(
        default=10, ge=2, le=10_000, description="Items of each side below which nothing is compared"
    )
    alarm_p: float = Field(default=0.01, gt=0, le=0.5, description="A p-value of at most this is called a drift")
    most_images: int = Field(default=400, ge=10, le=5_000, description="Images of each side that drift is measured on")
    resamples: int = Field(default=999, ge=99, le=99_999, description="Permutations and bootstrap samples")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Draws the images and the resamples")
