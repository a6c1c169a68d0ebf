"""Pages of other origins may not use this Label Studio, whoever is logged in to it in the same browser.

Label Studio asks for no proof that a change comes from its own pages (it switches Django's protection against forged
requests off), and a browser sends its cookie along with what any page of this machine posts, whatever its port.
"""

import os
from collections.abc import Callable
from typing import Any


class RefuseForeignOrigins:
    """Refuses what a browser says comes from a page of another origin; what says nothing is no page.

    Args:
        get_response: The rest of Label Studio.
    """

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        self._known = frozenset(filter(None, os.environ.get("LABELLINE_ORIGINS", "").split(",")))

    def __call__(self, request: Any) -> Any:
        """Answer one request."""
        from django.http import HttpResponseForbidden

        origin = request.headers.get("Origin", "").lower()
        # Checked against ALLOWED_HOSTS; another name is answered with 400.
        host = request.get_host().lower()
        if origin and origin not in {f"http://{host}", f"https://{host}", *self._known}:
            return HttpResponseForbidden("pages of another origin may not use this server", content_type="text/plain")
        return self._get_response(request)
