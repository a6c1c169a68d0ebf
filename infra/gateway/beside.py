"""What every process beside the gateway's own begins with: it logs, gives way, and ends when the gateway ends."""

import multiprocessing
import os
import signal
import threading

from infra.gateway.logs import log_to_stderr


def settle_in(politeness: int) -> None:
    """Furnish this process, and see to how it ends; `politeness` is added to its niceness."""
    log_to_stderr()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the gateway, and that ends this in good order
    threading.Thread(target=_end_with_the_gateway, daemon=True).start()
    os.nice(politeness)


def _end_with_the_gateway() -> None:
    """Wait for the gateway's end: killed, it could not say so."""
    gateway = multiprocessing.parent_process()
    if gateway is not None:
        gateway.join()
        os._exit(1)
