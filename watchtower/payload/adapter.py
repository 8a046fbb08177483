from typing import Protocol

from watchtower.payload.message import Decoded, Message


class Adapter(Protocol):
    """A protocol of model servers: its bodies become rows, or a `PayloadError` says why not. Nothing else is raised."""

    @property
    def name(self) -> str: ...

    def request(self, body: bytes, message: Message, /) -> Decoded: ...

    def answer(self, body: bytes, message: Message, /) -> Decoded: ...
