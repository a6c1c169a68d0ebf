"""`python -m infra.stack.doors.mlflow_server --port 5000 …`: MLflow's server behind our door, with a password.

MLflow's own checks let every page of this machine in, whatever its port, and every host name that begins like a private
address (`10.example.org`); and it asks nobody who they are. Here one process serves, where `mlflow server` has a second
one that waits for it.
"""

import os
from collections.abc import Sequence

import uvicorn

from infra.stack.doors.arguments import LOGIN_VARIABLE, parse_arguments
from infra.stack.doors.guard import guard
from infra.stack.doors.hosts import allowed_origins
from infra.stack.doors.training_view import TrainingView, index_of_mlflow


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to end."""
    needed = ("--backend-store-uri", "--default-artifact-root")
    options = parse_arguments("infra.stack.doors.mlflow_server", __doc__, arguments, *needed)
    login = os.environ.pop(LOGIN_VARIABLE)
    from mlflow.server import constants
    from mlflow.server.handlers import initialize_backend_stores

    store, root = options.backend_store_uri, options.default_artifact_root
    # What `mlflow server` sets for the process that it starts.
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: store,
        constants.REGISTRY_STORE_URI_ENV_VAR: store,
        constants.ARTIFACT_ROOT_ENV_VAR: root,
        # The door has looked at both already.
        "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(allowed_origins(options.public_host, options.port)),
    }
    initialize_backend_stores(store, store, root)
    from mlflow.server.fastapi_app import app

    uvicorn.run(
        guard(TrainingView(app, index_of_mlflow()), options.public_host, login=login),
        host=options.host,
        port=options.port,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
