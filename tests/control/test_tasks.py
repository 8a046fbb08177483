import asyncio

import pytest

from watchtower.tasks import Tasks


async def test_a_failure_is_logged_with_the_tasks_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    await asyncio.wait([Tasks().start(fail(), "tend")])

    assert [(record.message, vars(record)["task"]) for record in caplog.records] == [("a task failed", "tend")]


async def test_a_task_is_kept_until_it_ends() -> None:
    tasks, go = Tasks(), asyncio.Event()

    async def wait() -> None:
        await go.wait()

    task = tasks.start(wait(), "waits")
    kept = len(tasks)
    go.set()
    await task

    assert (kept, len(tasks)) == (1, 0)


async def test_cancelling_all_names_those_that_do_not_end_in_time() -> None:
    tasks, go, has_begun = Tasks(), asyncio.Event(), asyncio.Event()

    async def ends() -> None:
        await asyncio.Event().wait()

    async def stays() -> None:
        has_begun.set()
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    tasks.start(ends(), "ends")
    stubborn = tasks.start(stays(), "stays")
    await has_begun.wait()
    late = await tasks.cancel_all(0.01)
    go.set()
    await stubborn

    assert late == ["stays"]


async def test_a_cancelled_task_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    tasks.start(asyncio.Event().wait(), "waits")  # type: ignore[arg-type]  # any awaitable will do

    await tasks.cancel_all(1.0)

    assert caplog.records == []


async def test_without_tasks_there_is_nothing_to_wait_for() -> None:
    assert await Tasks().cancel_all(1.0) == []
