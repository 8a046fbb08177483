"""What the analyst is told by its supervisor, once, over a pipe."""

import msgspec

from watchtower.control.worker_process import Seat


class AnalystPlan(msgspec.Struct, frozen=True, kw_only=True):
    process: str  # its name in metrics' files
    ready_fd: int  # it writes a byte when it is ready, and then one after every step
    metrics_dir: str
    data_dir: str
    config: bytes  # as config.model.encode makes it


def plan_for(seat: Seat, *, metrics_dir: str, data_dir: str, config: bytes) -> bytes:
    return msgspec.msgpack.encode(
        AnalystPlan(
            process=seat.process, ready_fd=seat.ready_fd, metrics_dir=metrics_dir, data_dir=data_dir, config=config
        )
    )


def read_plan(data: bytes) -> AnalystPlan:
    return msgspec.msgpack.decode(data, type=AnalystPlan)
