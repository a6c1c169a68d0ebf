"""Label Studio as a Prefect block: where people answer, and how their browsers and its webhooks reach us."""

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.servers.annotation_server import AnnotationServer


class LabelStudio(Block):
    """The Label Studio that shows the questions, and the gateway that serves its pictures and hears its webhooks.

    Example:
        ```python
        server = LabelStudio.load("local").open()
        ```
    """

    _block_type_name = "Labelline Label Studio"
    _block_type_slug = "labelline-label-studio"

    url: str = Field(description="Address of Label Studio, such as http://127.0.0.1:8080")
    api_token: SecretStr = Field(description="Legacy token or personal access token of an administrator")
    gateway_url: str = Field(description="Address of the gateway as browsers and Label Studio reach it")
    link_secret: SecretStr = Field(description="Signs image links; change it and all old links are dead")
    doorbell_secret: SecretStr = Field(description="Header value by which the gateway knows Label Studio's webhooks")

    def open(self) -> AnnotationServer:
        """Return what plain code needs to talk to this Label Studio."""
        return AnnotationServer(
            url=self.url.rstrip("/"),
            api_token=self.api_token.get_secret_value(),
            gateway_url=self.gateway_url.rstrip("/"),
            link_secret=self.link_secret.get_secret_value(),
            doorbell_secret=self.doorbell_secret.get_secret_value(),
        )
