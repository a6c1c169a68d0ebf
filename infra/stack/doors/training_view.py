"""MLflow's pages begin in its view of trainings: its own choice is that for chat traces, beside an assistant.

Neither an experiment's kind nor a setting of the server decides that in MLflow 3.17, but what the browser remembers. So
a browser that remembers nothing yet is given this; one in which a person has chosen keeps the choice.
"""

from pathlib import Path

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

SCRIPT = """<script>
try {
  const begin = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
  };
  for (const [key, value] of Object.entries(begin)) {
    if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
  }
} catch (error) {}
</script>"""

HEAD = "<head>"


class TrainingView:
    """Answers with MLflow's own first page, which all its others are drawn by, with the script at its beginning.

    Args:
        app: MLflow.
        index: Its first page's file.
    """

    def __init__(self, app: ASGIApp, index: Path) -> None:
        self._app = app
        self._page = index.read_text().replace(HEAD, HEAD + SCRIPT, 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/":
            page = HTMLResponse(self._page, headers={"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})
            await page(scope, receive, send)
            return
        await self._app(scope, receive, send)


def index_of_mlflow() -> Path:
    """Return the file of MLflow's first page."""
    import mlflow.server

    return Path(mlflow.server.__file__).parent / "js" / "build" / "index.html"
