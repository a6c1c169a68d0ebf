"""A browser that opens MLflow for the first time is shown trainings, and keeps what a person chooses afterwards."""

import asyncio

import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from infra.stack.doors.training_view import HEAD, SCRIPT, TrainingView, index_of_mlflow


def ask(path: str) -> httpx.Response:
    """Ask MLflow's door for a page; behind it stands a server that says `mlflow` to everything."""
    behind = Starlette(routes=[Route("/{rest:path}", lambda _request: PlainTextResponse("mlflow"))])
    transport = httpx.ASGITransport(TrainingView(behind, index_of_mlflow()))

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://mlflow") as client:
            return await client.get(path)

    return asyncio.run(answer())


def test_the_first_page_is_mlflows_own_and_begins_in_the_view_of_trainings() -> None:
    page = ask("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.replace(SCRIPT, "") == index_of_mlflow().read_text()
    assert HEAD + SCRIPT in page.text, "before any script of MLflow's reads what the browser remembers"
    assert ask("/api/2.0/mlflow/experiments/search").text == "mlflow"


def test_mlflow_still_remembers_the_view_under_this_name() -> None:
    scripts = (index_of_mlflow().parent / "static" / "js").glob("main.*.js")
    assert any('key:"mlflow.workflowType",version:1' in script.read_text() for script in scripts)
