"""When a step is worth trying again: an outside system is away and may be back; never where the input is wrong."""

from collections.abc import Awaitable, Callable
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

WAITS_S = [2.0, 5.0, 15.0, 30.0, 60.0]
"""A server that restarts is back within 3 to 22 s, a busy one within a minute."""


def only_for(*errors: type[Exception]) -> Callable[[Task[..., Any], TaskRun, State[Any]], Awaitable[bool]]:
    """Return a task's `retry_condition_fn`: true where the task failed with one of these errors."""

    async def is_worth_it(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
        return isinstance(await state.aresult(raise_on_failure=False), errors)

    return is_worth_it
