"""The one place where asyncio tasks are started: each has a name, is kept until it ends, and its failure is logged."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class Tasks:
    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task that nobody needs to await: the loop alone would keep it weakly and drop its exception."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel_all(self, deadline: float) -> list[str]:
        """Cancels what runs and gives it some seconds to clean up; the names of those that did not end in time."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        if not running:
            return []
        _, late = await asyncio.wait(running, timeout=deadline)
        return sorted(task.get_name() for task in late)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task failed", exc_info=error, extra={"task": task.get_name()})
