"""What plain code needs to talk to Label Studio, without Prefect; secrets stay out of its repr and its errors."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from blocks.errors import (
    LabelStudioFailed,
    LabelStudioLacks,
    LabelStudioRefused,
    LabelStudioUnavailable,
    PlugError,
    TokenRefused,
)
from blocks.servers.certificates import trusted_certificates
from blocks.storage.links import Box, film_link, image_link

if TYPE_CHECKING:
    from httpx import Response
    from label_studio_sdk import LabelStudio as Client

DOORBELL_HEADER = "X-Labelline-Doorbell"
"""The header in which Label Studio's webhooks carry the doorbell secret."""

CALL_TIMEOUT_S = 120.0
"""A bulk import of a thousand tasks takes 1 to 3 s on an idle machine; a busy one gets its time."""

LOOK_TIMEOUT_S = 10.0
"""Slow is not gone: a request that took too long says nothing yet of the server as a whole."""

DETAIL_CHARACTERS = 400
"""How much of Label Studio's own explanation an error quotes."""


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
        """The SDK's client, made once; it refreshes personal access tokens by itself.

        It keeps no connection open between requests: one that a restarted Label Studio has dropped would fail the next
        request, and our requests are few and large.

        Raises:
            TokenRefused: The personal access token has expired.
        """
        import httpx
        from label_studio_sdk import LabelStudio as Client
        from label_studio_sdk.core.api_error import ApiError

        limits = httpx.Limits(max_keepalive_connections=0)
        certificates = trusted_certificates()
        connection = httpx.Client(limits=limits, timeout=CALL_TIMEOUT_S, follow_redirects=True, verify=certificates)
        try:
            return Client(base_url=self.url, api_key=self.api_token, httpx_client=connection)
        except ApiError:
            raise self._token_refused("has expired") from None

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        absent_ok: bool = False,
    ) -> Any:
        """Send one request over the SDK's connection and return the JSON of the answer (None where it is empty).

        The SDK's typed methods are not used for bulk: they cost 0.4 s per thousand tasks, and they repeat a request
        whose answer was lost, which for an import means every task twice. Here only what reads is repeated.

        Args:
            method: HTTP method.
            path: Path under the server's address, such as `api/projects/3/import`.
            params: Query parameters.
            body: Anything that JSON can say, or JSON as bytes; None for no body.
            absent_ok: Whether "there is no such thing" is an answer (None) rather than an error.

        Raises:
            LabelStudioUnavailable: It does not answer, answers too late, or fails inside (`LabelStudioFailed`). Waiting
                may help.
            LabelStudioRefused: It says no, such as to a wrong config. Waiting does not help.
            TokenRefused: It does not take the token.
            LabelStudioLacks: It has no such thing (any more).
        """
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        content = body if body is None or isinstance(body, bytes) else json.dumps(body, allow_nan=False).encode()
        connection = self.client._client_wrapper.httpx_client
        try:
            response = connection.request(
                path,
                method=method,
                params=dict(params or {}),
                content=content,
                headers={"content-type": "application/json"} if content is not None else {},
                request_options={"max_retries": 2 if method == "GET" else 0, "timeout_in_seconds": CALL_TIMEOUT_S},
            )
        except httpx.HTTPError as error:
            raise LabelStudioUnavailable(
                f"Label Studio at {self.url} does not answer ({type(error).__name__} on {method} {path}). Start it "
                "(`labelline up`) or correct its address in the block; then run again: it goes on where it stopped."
            ) from None
        except ApiError as error:  # raised by the exchange of a personal access token, not by the request itself
            raise self._token_refused(f"was not exchanged (HTTP {error.status_code})") from None
        if response.status_code == 404 and absent_ok:
            return None
        if response.status_code >= 400:
            raise self._error_of(response, f"{method} {path}")
        if not response.content:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError):
            kind = response.headers.get("content-type", "nothing that says what it is")
            raise LabelStudioRefused(
                f"what answers at {self.url} is no Label Studio, or something stands before it: {method} {path} gave "
                f"{kind} instead of JSON. Correct the address in the block `labelline-label-studio`."
            ) from None

    def answers(self) -> bool:
        """Say whether Label Studio answers at all, within seconds and whatever the token."""
        import httpx

        try:
            answer = httpx.get(f"{self.url}/health", timeout=LOOK_TIMEOUT_S, verify=trusted_certificates())
            return answer.status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    @property
    def doorbell_url(self) -> str:
        """Where Label Studio's webhooks go."""
        return f"{self.gateway_url}/webhooks/label-studio"

    @property
    def suggestions_url(self) -> str:
        """Where Label Studio asks for suggestions when it opens a question."""
        return f"{self.gateway_url}/ml"

    @property
    def suggestions_login(self) -> tuple[str, str]:
        """Name and password with which it asks; the name tells two passwords apart, and none of them.

        Label Studio shows the name to everybody and the password to nobody. Both follow from the doorbell's secret, so
        they change with it.
        """
        said = hmac.new(self.doorbell_secret.encode(), b"labelline suggestions", hashlib.sha256).hexdigest()
        return f"labelline-{hashlib.sha256(said.encode()).hexdigest()[:8]}", said

    def image_link(self, item_id: str, crop: Box | None = None, frame: Box | None = None) -> str:
        """Return the address under which an annotator's browser sees an item, or a part of it; see `image_link`."""
        return image_link(self.gateway_url, self.link_secret, item_id, crop, frame)

    def film_link(self, name: str) -> str:
        """Return the address under which an annotator's browser plays a film."""
        return film_link(self.gateway_url, self.link_secret, name)

    def _error_of(self, response: "Response", asked: str) -> PlugError:
        if response.status_code == 401:
            return self._token_refused("is not accepted")
        detail = _detail_of(response).replace(self.api_token, "***")
        if response.status_code >= 500 or response.status_code == 429:
            # 502 to 504 are a proxy's words: Label Studio itself may still be at it.
            kind = LabelStudioFailed if response.status_code == 500 else LabelStudioUnavailable
            return kind(
                f"Label Studio at {self.url} failed (HTTP {response.status_code} on {asked}): {detail} "
                "Look at its log; then run again: it goes on where it stopped."
            )
        no = LabelStudioLacks if response.status_code == 404 else LabelStudioRefused
        return no(f"Label Studio at {self.url} refused {asked} (HTTP {response.status_code}, expected 2xx): {detail}")

    def _token_refused(self, what: str) -> TokenRefused:
        return TokenRefused(
            f"the token for Label Studio at {self.url} {what} (expected a legacy token of 40 hex digits, or a personal "
            f"access token that is still valid). {token_advice(self.url)} Nothing is lost by it."
        )


def token_advice(url: str, secrets: str = "secrets.json of the state folder") -> str:
    """Return what to copy where when Label Studio no longer takes the token: for errors, the sweep and the doctor.

    Args:
        url: Address of the Label Studio.
        secrets: Where the stack keeps its secrets.
    """
    return (
        f"Somebody made a new one: copy it from Account & Settings in Label Studio ({url}/user/account) to "
        f"`label_studio_token` in {secrets} and run `labelline up`, or let `labelline rotate` make all secrets anew (a "
        "team's own Label Studio: into the field `api_token` of the block `labelline-label-studio/local` in Prefect)."
    )


def _detail_of(response: "Response") -> str:
    """Return Label Studio's own explanation, in a few words; its error pages are HTML and explain nothing."""
    try:
        answer = response.json()
    except ValueError:
        return "no explanation"
    known = isinstance(answer, dict) and (answer.get("validation_errors") or answer.get("detail"))
    return json.dumps(known or answer, ensure_ascii=False)[:DETAIL_CHARACTERS]
