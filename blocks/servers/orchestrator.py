"""What Prefect says no to, in our words: its client has two kinds of error for a thing that somebody deleted.

`update_artifact` raises an error of HTTP for an artifact that is gone, `read_flow_run` one of its own for a run; the
first cannot be sent to another process. Here both become one error of ours. A Prefect that does not answer at all is
left as it is (`httpx.HTTPError`): nothing that needs it can go on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from blocks.errors import PrefectLacks, PrefectRefused

NOT_FOUND = 404


@contextmanager
def asking_prefect(about: str) -> Iterator[None]:
    """Turn what Prefect answers into our errors.

    Args:
        about: What is asked about, such as "run 3f2…".

    Raises:
        PrefectLacks: It has no such thing (any more).
        PrefectRefused: It refuses, or fails inside.
    """
    try:
        yield
    except ObjectNotFound:
        raise PrefectLacks(f"Prefect has no {about}: somebody deleted it") from None
    except PrefectHTTPStatusError as error:
        if error.response.status_code == NOT_FOUND:
            raise PrefectLacks(f"Prefect has no {about}: somebody deleted it") from None
        raise PrefectRefused(
            f"Prefect refused what was asked about {about} (HTTP {error.response.status_code}, expected 2xx): "
            f"{error.response.text[:200]}. Look at its log, prefect.log in the state folder"
        ) from None
