"""The whole configuration as one value, and as the bytes in which the supervisor hands it to its workers."""

from typing import Annotated, Any, Final, Literal

import msgspec

from watchtower.analyst.settings import AnalystSettings
from watchtower.compare.settings import CompareSettings
from watchtower.control.settings import AdminSettings, LogSettings
from watchtower.drift.settings import BaselineSettings, DriftSettings
from watchtower.journal.settings import CaptureSettings
from watchtower.mirror.settings import ShadowSettings
from watchtower.payload.settings import MappingSettings
from watchtower.performance.settings import PerformanceSettings
from watchtower.proxy.settings import DrainSettings, EndpointSettings, LimitSettings, ListenSettings
from watchtower.reports.settings import ReportSettings
from watchtower.store.settings import StoreSettings
from watchtower.units import Count, Secret

# The registry's names; it is not imported, for a worker has no use for what reads payloads.
Protocol = Literal["auto", "v1", "v2", "mlflow", "sagemaker", "torchserve", "openai", "mapped", "json"]


class EndpointConfig(EndpointSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that clients ask for, whoever answers: its variants take turns by weight, its shadows only listen."""

    shadows: tuple[ShadowSettings, ...] = ()  # each gets a copy of its sample of the requests
    protocol: Protocol = "auto"  # what bodies mean; auto: told by path and body, and shown by /analysis with its reason
    mapping: MappingSettings | None = None  # for `protocol: mapped`: where in JSON of any shape the columns are
    compare: CompareSettings = CompareSettings()  # what counts as the same answer, and the budgets of a shadow
    baseline: BaselineSettings = BaselineSettings()  # what live traffic is compared with
    drift: DriftSettings = DriftSettings()  # how windows are cut, and what is called drift
    performance: PerformanceSettings = PerformanceSettings()  # what labels are joined with, and for how long


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be configured."""

    listen: ListenSettings = ListenSettings(address="127.0.0.1:8080")  # where clients connect; an address alone will do
    admin: AdminSettings = AdminSettings()  # where the admin API, the metrics and the health checks answer
    data_dir: str = ".watchtower"  # for the journal, the weights and the metrics of the workers
    # More is a slip, better told before that many sockets are made.
    workers: Annotated[Count, msgspec.Meta(le=1024)] = 1  # processes that share the port; each takes one core at most
    endpoints: tuple[EndpointConfig, ...]  # the first that matches takes the request
    capture: CaptureSettings = CaptureSettings()  # what the journal keeps, and for how long
    analyst: AnalystSettings = AnalystSettings()  # the process that analyses what was recorded; false leaves it off
    store: StoreSettings = StoreSettings()  # what the analysis keeps, and for how long
    reports: ReportSettings = ReportSettings()  # Evidently's pages: when they are drawn, and what they may take
    limits: LimitSettings = LimitSettings()  # what one client may ask of a worker
    drain: DrainSettings = DrainSettings()  # how a worker stops
    log: LogSettings = LogSettings()  # what is written to standard error


def encode(config: Config) -> bytes:
    """For a pipe between two processes of ours, and for nothing else: secrets are in it as they are."""
    return _encoder.encode(config)


def decode(data: bytes) -> Config:
    return _decoder.decode(data)


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError


def _conceal(wanted: type, value: Any) -> Any:
    if wanted is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_reveal)
_decoder: Final = msgspec.msgpack.Decoder(Config, dec_hook=_conceal)
