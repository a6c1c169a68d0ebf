"""What plain code needs to talk to Label Studio, without Prefect; secrets stay out of its repr."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from blocks.links import Box, image_link

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio as Client

DOORBELL_HEADER = "X-Labelline-Doorbell"
"""The header in which Label Studio's webhooks carry the doorbell secret."""


@dataclass(frozen=True)
class AnnotationServer:
    """Addresses and secrets of one Label Studio and of the gateway beside it."""

    url: str
    api_token: str = field(repr=False)
    gateway_url: str
    link_secret: str = field(repr=False)
    doorbell_secret: str = field(repr=False)

    @cached_property
    def client(self) -> "Client":
        """The SDK's client, made once; it refreshes personal access tokens by itself."""
        from label_studio_sdk import LabelStudio as Client

        return Client(base_url=self.url, api_key=self.api_token)

    @property
    def doorbell_url(self) -> str:
        """Where Label Studio's webhooks go."""
        return f"{self.gateway_url}/webhooks/label-studio"

    def image_link(self, item_id: str, crop: Box | None = None) -> str:
        """Return the address under which an annotator's browser sees an item, or a part of it."""
        return image_link(self.gateway_url, self.link_secret, item_id, crop)
