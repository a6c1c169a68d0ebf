"""`python -m infra.stack.doors.prefect_server --port 4200`: Prefect's server behind our door.

Prefect itself answers under every host name and opens websockets to every page. Its settings come by the environment,
as with `prefect server start`.
"""

from collections.abc import Sequence

import uvicorn

from infra.stack.doors.arguments import parse_arguments
from infra.stack.doors.guard import guard


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to end."""
    options = parse_arguments("infra.stack.doors.prefect_server", __doc__, arguments)
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    settings = get_current_settings().server
    # The door stands around the application, not in it: the server's own services call it under another host name.
    uvicorn.run(
        guard(create_app(final=True), options.public_host),
        host=options.host,
        port=options.port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    main()
