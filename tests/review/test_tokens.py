"""Both kinds of Label Studio tokens work; a wrong or expired one is a clear error that does not show it."""

import base64
import json
from dataclasses import replace

import pytest

from blocks.annotation_server import AnnotationServer
from blocks.errors import LabelStudioRefused, LabelStudioUnavailable


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
    with pytest.raises(LabelStudioRefused, match="Copy one from Account & Settings") as raised:
        server.call("GET", "api/users/")
    assert token not in str(raised.value) + repr(server)
    assert raised.value.__cause__ is None


def test_an_expired_personal_token_is_refused_without_asking_anybody() -> None:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, {"exp": 1_000_000_000, "token_type": "refresh"})]
    token = ".".join([base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts] + ["AAAA"])
    server = AnnotationServer("http://127.0.0.1:9", token, "http://127.0.0.1:9", "x", "y")
    with pytest.raises(LabelStudioRefused, match="has expired"):
        server.call("GET", "api/users/")


def test_a_server_that_is_down_is_named_with_what_to_do() -> None:
    server = AnnotationServer("http://127.0.0.1:9", "f" * 40, "http://127.0.0.1:9", "x", "y")
    with pytest.raises(LabelStudioUnavailable, match=r"127\.0\.0\.1:9 does not answer .*labelline up"):
        server.call("POST", "api/users/", body={})
