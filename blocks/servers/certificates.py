"""Whose certificates this machine trusts, read once for all requests: reading them takes 20 ms of a processor."""

import ssl
from functools import cache


@cache
def trusted_certificates() -> ssl.SSLContext:
    """Return what `httpx` verifies servers with where nothing else is said; it may be shared, also between threads.

    Source:
        https://www.python-httpx.org/advanced/ssl/
    """
    import httpx

    return httpx.create_ssl_context()
