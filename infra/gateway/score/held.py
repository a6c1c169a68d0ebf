"""How many bytes all requests may hold together: what is sent is refused when it is full, what is fetched waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class HeldBytes:
    """A count of bytes. For one event loop.

    Args:
        most: Of all together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._changed = asyncio.Condition()

    def try_take(self, count: int) -> bool:
        """Take so many at once, if they are free."""
        if self._held + count > self._most:
            return False
        self._held += count
        return True

    async def give_back(self, count: int) -> None:
        """Return what was taken."""
        self._held -= count
        async with self._changed:
            self._changed.notify_all()

    @asynccontextmanager
    async def room(self, count: int) -> AsyncIterator[None]:
        """Hold so many meanwhile, once they are free."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.try_take(count))
        try:
            yield
        finally:
            await self.give_back(count)
