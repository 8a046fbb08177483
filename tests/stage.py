"""A sidecar process between a model, a shadow and clients of the test's own."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from background import Background, Load, Model, background, model
from sidecar import NOTHING_MORE, Sidecar, endpoint, running_sidecar


@dataclass(frozen=True, slots=True)
class Stage:
    background: Background
    model: Model
    shadow: Model  # mirrored to under the name v2, where the test asks for that
    sidecar: Sidecar
    config: Mapping[str, Any]

    @contextmanager
    def load(self, clients: int = 4, sidecar: Sidecar | None = None, *, is_keeping: bool = True) -> Iterator[Load]:
        at = sidecar or self.sidecar
        made = Load(self.background, at.host, at.port, clients, is_keeping=is_keeping)
        try:
            yield made
        finally:
            made.stop()

    def ask(self, requests: int = 100) -> Load:
        """So many requests and a few more, all of them ended."""
        with self.load() as clients:
            clients.wait_for(requests)
        return clients


@contextmanager
def stage(
    folder: Path,
    shadow: Mapping[str, Any] | None = None,
    model_settings: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = NOTHING_MORE,
    **config: Any,
) -> Iterator[Stage]:
    """`shadow` holds the settings of v2 beside its name and url; without it, nothing is mirrored."""
    with ExitStack() as stack:
        at = stack.enter_context(background())
        upstream, second = stack.enter_context(model(at)), stack.enter_context(model(at))
        mirrored = [] if shadow is None else [{"name": "v2", "url": second.url, **shadow}]
        whole = {"endpoints": [endpoint(upstream.url, shadows=mirrored, **(model_settings or {}))], **config}
        sidecar = stack.enter_context(running_sidecar(folder, whole, environ))
        yield Stage(at, upstream, second, sidecar, whole)
