"""Both kinds of Label Studio tokens work; a wrong, expired or revoked one is a clear error that does not show it."""

import base64
import json
import time
from dataclasses import replace

import httpx
import pytest

from blocks.errors import LabelStudioRefused, LabelStudioUnavailable
from blocks.servers.annotation_server import AnnotationServer


@pytest.mark.label_studio
# label-studio-sdk 2.1 parses the exchanged token the pydantic 1 way; drop this with the first SDK that does not.
@pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")
def test_a_personal_access_token_works(label_studio: AnnotationServer, personal_token: str) -> None:
    server = replace(label_studio, api_token=personal_token)
    assert server.call("GET", "api/current-user/whoami")["email"] == "admin@example.com"


@pytest.mark.label_studio
@pytest.mark.parametrize("kind", ["legacy", "personal"])
def test_a_wrong_token_is_refused_and_not_shown(label_studio: AnnotationServer, personal_token: str, kind: str) -> None:
    token = "f" * 40 if kind == "legacy" else personal_token[:-6] + "AAAAAA"
    server = replace(label_studio, api_token=token)
    with pytest.raises(LabelStudioRefused, match="copy it from Account & Settings") as raised:
        server.call("GET", "api/users/")
    assert token not in str(raised.value) + repr(server)
    assert raised.value.__cause__ is None


def resigned(token: str, **claims: object) -> str:
    """Return a token with other claims; its signature is that of before, so only a client believes it."""
    header, payload, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**said, **claims}).encode()).rstrip(b"=").decode()
    return f"{header}.{changed}.{signature}"


@pytest.mark.label_studio
def test_an_expired_personal_token_is_refused_with_what_to_do(
    label_studio: AnnotationServer, personal_token: str
) -> None:
    expired = resigned(personal_token, exp=1_000_000_000)
    with pytest.raises(LabelStudioRefused, match=r"has expired .* copy it from Account & Settings") as raised:
        replace(label_studio, api_token=expired).call("GET", "api/users/")
    assert expired not in str(raised.value)


@pytest.mark.label_studio
@pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")
def test_a_revoked_personal_token_is_refused_with_what_to_do(
    label_studio: AnnotationServer, personal_token: str, colleague: httpx.Client
) -> None:  # the administrator's one token is for the other tests
    token = colleague.post("/api/token/").raise_for_status().json()["token"]
    assert replace(label_studio, api_token=token).call("GET", "api/current-user/whoami")["email"].startswith("cleo")
    colleague.post("/api/token/blacklist/", json={"refresh": token}).raise_for_status()
    with pytest.raises(LabelStudioRefused, match="copy it from Account & Settings") as raised:
        replace(label_studio, api_token=token).call("GET", "api/users/")
    assert token not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.label_studio
@pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")
def test_a_personal_token_is_exchanged_again_when_five_minutes_are_over(
    label_studio: AnnotationServer, personal_token: str
) -> None:
    server = replace(label_studio, api_token=personal_token)
    server.call("GET", "api/current-user/whoami")
    tokens = server.client._client_wrapper._tokens_client
    first = tokens._access_token
    tokens._access_token = resigned(first, exp=int(time.time()) - 1)  # as if the five minutes were over
    assert server.call("GET", "api/current-user/whoami")["email"] == "admin@example.com"
    assert tokens._access_token not in {first, personal_token}


def test_a_server_that_is_down_is_named_with_what_to_do() -> None:
    server = AnnotationServer("http://127.0.0.1:9", "f" * 40, "http://127.0.0.1:9", "x", "y")
    with pytest.raises(LabelStudioUnavailable, match=r"127\.0\.0\.1:9 does not answer .*labelline up"):
        server.call("POST", "api/users/", body={})
