import socket
from pathlib import Path

from aiohttp import web

from watchtower.control.generation import WorkerStatus
from watchtower.control.readiness import ProbeTarget, Unreachable, probe, probe_target, readiness
from watchtower.control.worker_process import WorkerState
from watchtower.proxy.settings import VariantSettings

BLUE = ProbeTarget("churn", "blue", "http://127.0.0.1:1/health")
GREEN = ProbeTarget("churn", "green", "http://127.0.0.1:2/health")


def waiting_for(*states: WorkerState, dead: tuple[ProbeTarget, ...] = (), is_draining: bool = False) -> list[str]:
    workers = [WorkerStatus(place, 1, state, 0, place, place) for place, state in enumerate(states, 1)]
    unreachable = [Unreachable(target.endpoint, target.variant, "refused") for target in dead]
    found = readiness(workers, [BLUE, GREEN], unreachable, is_draining=is_draining)
    assert found.is_ready == (not found.waiting_for)
    return found.waiting_for


def test_with_every_worker_ready_there_is_nothing_to_wait_for() -> None:
    assert waiting_for(WorkerState.READY, WorkerState.READY) == []


def test_each_worker_that_is_not_ready_is_named() -> None:
    expected = ["worker 1: starting", "worker 3: waiting"]

    assert expected == waiting_for(WorkerState.STARTING, WorkerState.READY, WorkerState.WAITING)


def test_workers_that_retire_after_a_reload_are_not_waited_for() -> None:
    assert waiting_for(WorkerState.RETIRING, WorkerState.READY) == []


def test_without_workers_nothing_is_ready() -> None:
    assert waiting_for() == ["workers"]


def test_draining_is_not_ready() -> None:
    assert waiting_for(WorkerState.READY, is_draining=True) == ["draining"]


def test_one_dead_variant_of_two_is_ready() -> None:
    assert waiting_for(WorkerState.READY, dead=(GREEN,)) == []


def test_an_endpoint_without_a_living_variant_is_not_ready() -> None:
    expected = ["churn/blue: refused", "churn/green: refused"]

    assert expected == waiting_for(WorkerState.READY, dead=(BLUE, GREEN))


def test_a_probe_goes_below_the_variants_path() -> None:
    found = probe_target("churn", VariantSettings(name="blue", url="http://model:8000/v1/"), "/health")

    assert found == ProbeTarget("churn", "blue", "http://model:8000/v1/health")


def test_a_unix_socket_is_probed_through_its_file() -> None:
    found = probe_target("churn", VariantSettings(name="blue", url="unix:/run/model.sock"), "/health")

    assert found == ProbeTarget("churn", "blue", "http://localhost/health", unix_path="/run/model.sock")


async def test_a_model_is_reached_over_tcp_and_unix_and_a_bad_status_is_not_well(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]))

    app = web.Application()
    app.router.add_get("/{status}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await web.UnixSite(runner, str(tmp_path / "model.sock")).start()
    port = runner.addresses[0][1]

    found = await probe(
        [
            ProbeTarget("e", "well", f"http://127.0.0.1:{port}/204"),
            ProbeTarget("e", "unix", "http://localhost/200", unix_path=str(tmp_path / "model.sock")),
            ProbeTarget("e", "ill", f"http://127.0.0.1:{port}/503"),
        ],
        5.0,
    )
    await runner.cleanup()

    assert found == [Unreachable("e", "ill", "status 503")]


async def test_a_model_that_does_not_answer_is_named_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        [found] = await probe([ProbeTarget("e", "silent", f"http://127.0.0.1:{port}/")], 0.05)

    assert found.why == "no answer within 0.05 s"


async def test_a_model_that_is_not_there_is_named_with_the_reason() -> None:
    [found] = await probe([ProbeTarget("e", "gone", "http://127.0.0.1:1/")], 5.0)

    assert "127.0.0.1:1" in found.why
