"""How flows name a detector: a reference small enough for a run parameter, no model and no path of this machine."""

from pydantic import BaseModel, ConfigDict, Field


class DetectorRef(BaseModel):
    """A detector as flows pass it on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(pattern=r"^[0-9a-f]{12}$", description="First 12 hex digits of the weights' SHA-256")
    weights_key: str = Field(description="Where the weights are in the object store: weights/<version>.pt")
    name: str = Field(description="Name people know it by, as in the model registry")
