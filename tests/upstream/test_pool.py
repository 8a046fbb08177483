"""Connections to one upstream: who gets which, who waits, and which are closed."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from dataplane import Plane
from watchtower.http1.fields import response_rules
from watchtower.http1.heads import AnswerTable
from watchtower.tasks import Tasks
from watchtower.upstream.address import Address, parse_url
from watchtower.upstream.connection import Failure, UpstreamConnection
from watchtower.upstream.pool import ConnectResult, Pool, Wait
from watchtower.upstream.settings import PoolSettings
from wire import DEADLINE, Model


@dataclass(eq=False)
class Asker:
    """Somebody who needs a connection."""

    connection: UpstreamConnection | None = None
    failure: Failure | None = None
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self.told.set()

    def failed(self, failure: Failure) -> None:
        self.failure = failure
        self.told.set()

    def answered(self) -> None: ...

    def upstream_writable(self, is_writable: bool) -> None: ...

    async def its(self) -> UpstreamConnection:
        async with asyncio.timeout(DEADLINE):
            await self.told.wait()
        assert self.connection is not None
        return self.connection


class Waters:
    """A pool before a model, and what it tells."""

    def __init__(self, model: Model | Address, **settings: Any) -> None:
        self.results: list[ConnectResult] = []
        self.pool = Pool(
            model if isinstance(model, Address) else parse_url(model.url),
            PoolSettings(**settings),
            AnswerTable(response_rules()),
            start_task=Tasks().start,
            on_connect=self.results.append,
        )

    async def take(self) -> UpstreamConnection:
        asker = Asker()
        taken = self.pool.take(asker)
        return taken if isinstance(taken, UpstreamConnection) else await asker.its()

    def state(self) -> tuple[int, int, int]:
        return self.pool.idle, self.pool.busy, self.pool.waiting

    def close(self, *connections: UpstreamConnection) -> None:
        for connection in connections:
            self.pool.release(connection)
        self.pool.close()


async def test_the_first_who_asks_waits_for_a_connection(plane: Plane) -> None:
    waters = Waters(await plane.model())
    asker = Asker()

    taken, before = waters.pool.take(asker), waters.state()
    connection = await asker.its()

    assert (taken, before, waters.state(), waters.results) == (Wait.QUEUED, (0, 0, 1), (0, 1, 0), ["ok"])
    waters.close(connection)


async def test_what_was_given_back_is_given_out_at_once(plane: Plane) -> None:
    waters = Waters(await plane.model())
    first = await waters.take()
    waters.pool.release(first)

    assert (waters.state(), waters.pool.take(Asker()) is first, waters.state()) == ((1, 0, 0), True, (0, 1, 0))
    waters.close(first)


async def test_the_last_that_was_given_back_is_the_first_to_go_out(plane: Plane) -> None:
    waters = Waters(await plane.model())
    one, other = await waters.take(), await waters.take()
    waters.pool.release(one)
    waters.pool.release(other)

    assert (waters.pool.take(Asker()) is other, waters.pool.take(Asker()) is one) == (True, True)
    waters.close(one, other)


async def test_at_the_limit_who_asks_waits_for_one_to_come_back(plane: Plane) -> None:
    waters = Waters(await plane.model(), max_connections=1)
    only, asker = await waters.take(), Asker()
    taken, before = waters.pool.take(asker), waters.state()
    waters.pool.release(only)

    assert (taken, before, asker.connection is only) == (Wait.QUEUED, (0, 1, 1), True)
    waters.close(only)


async def test_who_waits_is_served_in_order(plane: Plane) -> None:
    waters = Waters(await plane.model(), max_connections=1)
    only, first, second = await waters.take(), Asker(), Asker()
    waters.pool.take(first)
    waters.pool.take(second)
    waters.pool.release(only)

    assert (first.connection is only, second.connection) == (True, None)
    waters.close(only)


async def test_who_has_gone_is_passed_over(plane: Plane) -> None:
    waters = Waters(await plane.model(), max_connections=1)
    only, first, second = await waters.take(), Asker(), Asker()
    waters.pool.take(first)
    waters.pool.take(second)
    waters.pool.forget(first)
    waters.pool.release(only)

    assert (first.connection, second.connection is only) == (None, True)
    waters.close(only)


async def test_beyond_the_limit_of_those_who_wait_nobody_is_queued(plane: Plane) -> None:
    waters = Waters(await plane.model(), max_connections=1, max_waiting=1)
    only = await waters.take()

    assert [waters.pool.take(Asker()) for _ in range(2)] == [Wait.QUEUED, Wait.FULL]
    waters.close(only)


async def test_with_no_room_to_wait_a_first_connection_still_comes(plane: Plane) -> None:
    waters = Waters(await plane.model(), max_waiting=1)

    connection = await waters.take()

    assert waters.state() == (0, 1, 0)
    waters.close(connection)


async def test_a_connection_that_is_of_no_more_use_is_closed_and_replaced(plane: Plane) -> None:
    waters = Waters(await plane.model(), max_connections=1)
    spent, asker = await waters.take(), Asker()
    waters.pool.take(asker)
    spent.reader.is_reusable = False
    waters.pool.release(spent)
    fresh = await asker.its()

    assert (fresh is spent, spent.transport.is_closing(), waters.state()) == (False, True, (0, 1, 0))
    waters.close(fresh)


async def test_what_was_idle_for_too_long_is_not_given_out(plane: Plane) -> None:
    waters = Waters(await plane.model(), keep_alive=0.0)
    old = await waters.take()
    waters.pool.release(old)

    fresh = await waters.take()

    assert (fresh is old, old.transport.is_closing()) == (False, True)
    waters.close(fresh)


async def test_what_is_stale_is_closed_from_time_to_time(plane: Plane) -> None:
    waters = Waters(await plane.model(), keep_alive=0.0)
    old = await waters.take()
    waters.pool.release(old)
    waters.pool.close_stale()

    assert (waters.pool.idle, old.transport.is_closing()) == (0, True)
    waters.close()


async def test_what_is_not_stale_stays(plane: Plane) -> None:
    waters = Waters(await plane.model(), keep_alive=60.0)
    kept = await waters.take()
    waters.pool.release(kept)
    waters.pool.close_stale()

    assert (waters.pool.idle, kept.transport.is_closing()) == (1, False)
    waters.close()


async def test_an_idle_connection_that_the_model_closes_leaves_the_pool(plane: Plane) -> None:
    model = await plane.model()
    waters = Waters(model)
    kept = await waters.take()
    waters.pool.release(kept)
    line = await model.line()
    line.close()
    await plane.counted(lambda: waters.pool.idle == 0)

    assert waters.state() == (0, 0, 0)
    waters.close()


async def test_a_model_that_is_not_there_fails_who_waited(plane: Plane) -> None:
    model = await plane.model()
    await model.close()
    waters, asker = Waters(model), Asker()
    waters.pool.take(asker)
    await asyncio.wait_for(asker.told.wait(), DEADLINE)

    assert (asker.failure, waters.results, waters.state()) == (Failure.CONNECT_FAILED, ["failed"], (0, 0, 0))


async def test_each_who_waits_has_an_attempt_of_its_own(plane: Plane) -> None:
    model = await plane.model()
    await model.close()
    waters, askers = Waters(model, max_connections=1), [Asker() for _ in range(3)]
    for asker in askers:
        waters.pool.take(asker)
    for asker in askers:
        await asyncio.wait_for(asker.told.wait(), DEADLINE)

    assert ([asker.failure for asker in askers], len(waters.results)) == ([Failure.CONNECT_FAILED] * 3, 3)


async def test_an_attempt_that_breaks_fails_who_waited_and_is_told_with_its_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cannot_be_encoded = replace(parse_url("http://model:80"), host="a..b")
    waters, askers = Waters(cannot_be_encoded, max_connections=1), [Asker() for _ in range(2)]
    for asker in askers:
        waters.pool.take(asker)
    for asker in askers:
        await asyncio.wait_for(asker.told.wait(), DEADLINE)
    await asyncio.sleep(0)  # the tasks end behind what they told

    assert ([asker.failure for asker in askers], waters.state()) == ([Failure.CONNECT_FAILED] * 2, (0, 0, 0))
    assert [type(line.exc_info and line.exc_info[1]) for line in caplog.records] == [UnicodeError] * 2


async def test_a_fresh_connection_may_go_beyond_the_limit(plane: Plane) -> None:
    waters = Waters(await plane.model(), max_connections=1)
    only, asker = await waters.take(), Asker()
    waters.pool.take_fresh(asker)
    fresh = await asker.its()

    assert (fresh is only, fresh.is_fresh, waters.pool.busy) == (False, True, 2)
    waters.close(only, fresh)


async def test_a_closed_pool_keeps_nothing_that_comes_back(plane: Plane) -> None:
    waters = Waters(await plane.model())
    busy, idle = await waters.take(), await waters.take()
    waters.pool.release(idle)
    waters.pool.close()
    before = busy.transport.is_closing()
    waters.pool.release(busy)

    closing = [idle.transport.is_closing(), before, busy.transport.is_closing()]
    assert closing == [True, False, True]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://host/v1/", "http://host/v1"),
        ("unix:/run/model.sock", "unix:/run/model.sock"),
    ],
)
def test_an_address_reads_as_it_is_written(url: str, text: str) -> None:
    assert str(parse_url(url)) == text
