"""What a worker is told by its supervisor, once, over a pipe."""

import msgspec

from watchtower.control.worker_process import Seat


class WorkerPlan(msgspec.Struct, frozen=True, kw_only=True):
    process: str  # the worker's name in metrics' files and the journal's segments
    listen_fds: tuple[int, ...]
    ready_fd: int
    metrics_dir: str
    data_dir: str
    config: bytes  # as config.model.encode makes it


def plan_for(seat: Seat, *, metrics_dir: str, data_dir: str, config: bytes) -> bytes:
    return msgspec.msgpack.encode(
        WorkerPlan(
            process=seat.process,
            listen_fds=seat.listen_fds,
            ready_fd=seat.ready_fd,
            metrics_dir=metrics_dir,
            data_dir=data_dir,
            config=config,
        )
    )


def read_plan(data: bytes) -> WorkerPlan:
    return msgspec.msgpack.decode(data, type=WorkerPlan)
