"""Two rules that Label Studio's open-source edition lacks: who may do what, and which one local address it may call.

Every view of Label Studio names the permission it needs, but this edition asks nobody for it: whoever has an account
may read webhooks with their secrets, delete projects, import from addresses, write in another's name. Here it is asked
for. Who manages the organisation (its owner, and every superuser) may do all; everybody else may answer questions, look
around, and change what is their own. What is not known to be needed for that is refused, so that a view of a later
version is closed until somebody has looked at it.

The protection against fetching from this machine stays on, and two addresses get through: the gateway's doorbell, and
its back end for suggestions. Who opens a question waits for that back end, so it is waited for shortly.
"""

import os
import re
import threading
import time
from typing import Any

from django.apps import AppConfig

DOORBELL = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/webhooks/label-studio")
"""No other service of this machine has something at this path, and nobody is shown what it answers."""

TEAM_DOORBELL_VARIABLE = "LABELLINE_DOORBELL_URL"
"""Names the doorbell of a gateway on another machine of a private network, exactly."""

SUGGESTIONS = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/ml")
"""The back end of a gateway on this machine: it asks for a password, and nobody is shown what it answers."""

TEAM_SUGGESTIONS_VARIABLE = "LABELLINE_SUGGESTIONS_URL"
"""Names the back end of a gateway on another machine of a private network, exactly."""

PATIENCE_VARIABLE = "LABELLINE_SUGGESTIONS_S"
"""Seconds that whoever opens a question waits for the back end, all of its answers together."""

PATIENCE_S = 0.4
"""As delivered it would be 1 s for a sign of life, tried three times over, and 100 s for a suggestion."""

CLICK_S = 5.0
"""How long the outline of what somebody clicked is waited for."""

AT_LEAST_S = 0.02
"""For an answer once the others have taken all of it."""

MEMBER_PERMISSIONS = frozenset(
    {
        "organizations.view",
        "projects.view",
        "tasks.view",
        "annotations.view",
        "annotations.create",
        "annotations.change",
        "annotations.delete",
        "views.view",
        "views.create",
        "views.change",
        "views.delete",
        "labels.view",
        "users.token.any",
    }
)
"""Of an annotator; annotations, drafts and accounts besides only their own, see `refuse_others_things`."""

USERS_LIST = ("UserAPI", "GET")
"""The data manager shows names; it asks for them where a manager's permission is named."""

OPEN_TO_MEMBERS = {
    "APIRootView": ("GET",),
    "DecoratedTokenRefreshView": ("POST",),
    "LSTokenBlacklistView": ("POST",),
    "MLBackendInteractiveAnnotating": ("POST",),
    "ProductTourAPI": ("GET", "PATCH", "POST"),
    "SessionTimeoutPolicyView": ("GET",),
    "UserHotkeysAPI": ("GET", "PATCH"),
    "UserWhoAmIAPI": ("GET",),
    "WebhookInfoAPI": ("GET",),
}
"""Views that name no permission, or one that says too little, and what an annotator may do there."""

SAFE = ("GET", "HEAD", "OPTIONS")


class Guard(AppConfig):  # type: ignore[misc]  # Django is not installed where this is checked
    """Puts the rules in force once all of Label Studio is loaded."""

    name = "labelline_guard"

    def ready(self) -> None:
        """Replace the checks of views, the permissions of actions, and what sends webhooks and asks back ends."""
        ask_for_permissions()
        let_the_doorbell_through()
        let_suggestions_through()


def is_manager(user: Any) -> bool:
    """Say whether somebody runs this Label Studio rather than works in it."""
    organization = getattr(user, "active_organization", None)
    owner = getattr(organization, "created_by_id", None)
    return bool(user.is_authenticated and (user.is_superuser or owner == user.pk))


def is_allowed(view_name: str, method: str, required: Any) -> bool:
    """Say whether an annotator may use a view.

    Args:
        view_name: The view's class.
        method: HTTP method.
        required: What the view names: a permission for all methods, one for each, or None.
    """
    if method == "OPTIONS" or (view_name, method) == USERS_LIST:
        return True
    if view_name in OPEN_TO_MEMBERS:
        return method in OPEN_TO_MEMBERS[view_name]
    if isinstance(required, str):
        # Named for all methods alike: a permission to look is none to change.
        return required in MEMBER_PERMISSIONS and (method in SAFE or not required.endswith(".view"))
    return getattr(required, "GET" if method == "HEAD" else method, None) in MEMBER_PERMISSIONS


def ask_for_permissions() -> None:
    """Ask for the permission in every view, whatever else it asks for, and in every action of the data manager."""
    import rules
    from core.permissions import all_permissions, make_perm
    from rest_framework.views import APIView

    for _, name in all_permissions:
        if name not in MEMBER_PERMISSIONS:
            make_perm(name, rules.predicate(is_manager), overwrite=True)
    check_view, check_object = APIView.check_permissions, APIView.check_object_permissions

    def check_permissions(view: Any, request: Any) -> None:
        check_view(view, request)
        if request.user.is_authenticated and not is_manager(request.user):
            name = type(view).__name__
            if not is_allowed(name, request.method, getattr(view, "permission_required", None)):
                view.permission_denied(request, message="Only a manager of this Label Studio may do this.")
            refuse_others_names(view, request)

    def check_object_permissions(view: Any, request: Any, thing: Any) -> None:
        check_object(view, request, thing)
        if request.user.is_authenticated and not is_manager(request.user):
            refuse_others_things(view, request, thing)

    APIView.check_permissions = check_permissions
    APIView.check_object_permissions = check_object_permissions


def refuse_others_names(view: Any, request: Any) -> None:
    """Refuse an annotation that says it is somebody else's."""
    if request.method in SAFE or not hasattr(request.data, "get"):
        return
    said = request.data.get("completed_by")
    if said is not None and str(said) != str(request.user.pk):
        view.permission_denied(request, message="An annotation is of whoever makes it: leave completed_by out.")


def refuse_others_things(view: Any, request: Any, thing: Any) -> None:
    """Refuse a change of an annotation, a draft or an account that is somebody else's."""
    if request.method in SAFE:
        return
    owners = {"Annotation": "completed_by_id", "AnnotationDraft": "user_id", "User": "pk"}
    owner = owners.get(type(thing).__name__)
    if owner and getattr(thing, owner) != request.user.pk:
        view.permission_denied(request, message="This is somebody else's: only they and a manager may change it.")


def is_doorbell(url: str) -> bool:
    """Say whether an address is the doorbell's, to the letter."""
    return bool(DOORBELL.fullmatch(url)) or url == os.environ.get(TEAM_DOORBELL_VARIABLE)


def let_the_doorbell_through() -> None:
    """Let webhooks be set to the doorbell and be sent there; every other address is checked as before."""
    import requests
    from webhooks import serializers, utils

    check, post = serializers.validate_url_for_ssrf, utils.ssrf_safe_post

    def validate_url_for_ssrf(url: str, **options: Any) -> None:
        if not is_doorbell(url):
            check(url, **options)

    def ssrf_safe_post(url: str, **options: Any) -> Any:
        if not is_doorbell(url):
            return post(url, **options)
        with requests.Session() as session:
            session.trust_env = False  # no proxy, and no password from a .netrc
            return session.post(url, allow_redirects=False, **options)

    serializers.validate_url_for_ssrf = validate_url_for_ssrf
    utils.ssrf_safe_post = ssrf_safe_post


def is_suggestions(url: str) -> bool:
    """Say whether an address is that of the back end for suggestions, to the letter."""
    return bool(SUGGESTIONS.fullmatch(url)) or url == os.environ.get(TEAM_SUGGESTIONS_VARIABLE)


def is_click(body: Any) -> bool:
    """Say whether a request asks for what a click completes, and not for what a question begins with."""
    params = body.get("params") if isinstance(body, dict) else None
    return isinstance(params, dict) and params.get("context") is not None


class OpeningPatience(threading.local):
    """How long whoever opens a question still waits: each thread serves one request at a time, and begins anew."""

    def __init__(self, all_s: float) -> None:
        self.all_s, self.spent_s = all_s, 0.0

    @property
    def left_s(self) -> float:
        """What is left for the next answer."""
        return max(AT_LEAST_S, self.all_s - self.spent_s)

    def begin(self, **_request: Any) -> None:
        """Begin a request."""
        self.spent_s = 0.0


def let_suggestions_through() -> None:
    """Let the back end be set to the gateway's and be asked there, without delay; others are checked as before."""
    from django.core.signals import request_started
    from ml import api_connector, models, serializers
    from requests.adapters import HTTPAdapter

    caller = api_connector.BaseHTTPAPI
    check, create, ask = serializers.validate_upload_url, caller.create_session, caller.request
    patience = OpeningPatience(float(os.environ.get(PATIENCE_VARIABLE) or PATIENCE_S))

    def validate_upload_url(url: str, **options: Any) -> None:
        if not is_suggestions(url):
            check(url, **options)

    def create_session(api: Any) -> Any:
        session = create(api)
        if is_suggestions(api._url):
            session.trust_env = False  # no proxy, and no password from a .netrc
            session.mount(f"{api._url}/", HTTPAdapter(max_retries=0))
        return session

    def request(api: Any, method: str, *args: Any, **options: Any) -> Any:
        if not is_suggestions(api._url):
            return ask(api, method, *args, **options)
        if is_click(options.get("json")):  # nobody's question waits for it
            return ask(api, method, *args, **options | {"timeout": (CLICK_S, CLICK_S), "allow_redirects": False})
        left_s, began = patience.left_s, time.monotonic()
        try:
            return ask(api, method, *args, **options | {"timeout": (left_s, left_s), "allow_redirects": False})
        finally:
            patience.spent_s += time.monotonic() - began

    def create_ml_webhook(sender: Any, instance: Any, created: bool, **options: Any) -> None:
        if not is_suggestions(instance.url):  # ours hears by its doorbell
            make_webhook(sender, instance, created, **options)

    request_started.connect(patience.begin, weak=False)
    make_webhook = models.create_ml_webhook
    models.post_save.disconnect(make_webhook, sender=models.MLBackend)
    models.post_save.connect(create_ml_webhook, sender=models.MLBackend, weak=False)
    serializers.validate_upload_url = validate_upload_url
    caller.create_session, caller.request = create_session, request
