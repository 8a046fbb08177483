import asyncio
import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import settings

from dataplane import Plane

# The same examples in every run; how long one takes is the machine's affair.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine runs in a loop of its own; what its fixtures left on `exits` is closed in the same loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    fixtures: dict[str, Any] = pyfuncitem.funcargs
    wanted: dict[str, Any] = {name: fixtures[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    exits: AsyncExitStack = fixtures.get("exits") or AsyncExitStack()

    async def played() -> None:
        async with exits:
            await pyfuncitem.obj(**wanted)

    with asyncio.Runner(debug=False, loop_factory=fixtures.get("new_loop")) as runner:
        runner.run(played())
    return True


@pytest.fixture
def exits() -> AsyncExitStack:
    return AsyncExitStack()


@pytest.fixture
def new_loop() -> NewLoop:
    """The data plane's; tests without it run on asyncio's own, as the supervisor does."""
    return uvloop.new_event_loop


@pytest.fixture
def plane(tmp_path: Path, exits: AsyncExitStack, new_loop: NewLoop) -> Plane:
    plane = Plane(tmp_path)
    exits.push_async_callback(plane.close)
    return plane
