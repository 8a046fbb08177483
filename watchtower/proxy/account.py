"""What is known of one request and its answer: the flow fills it in as it goes, the ledger reads it."""

from time import monotonic_ns
from typing import Protocol

from watchtower.http1.request import Request
from watchtower.http1.response import Answer
from watchtower.proxy.endpoint import Endpoint, Variant
from watchtower.record import NEVER, Outcome


class Account:
    # Most requests change few of these; the class holds the values that they begin with.
    variant: Variant | None = None
    own_fields = b""  # what the request is told by us, each field with its line's end
    wait_ns = 0  # from the head to a connection
    was_fresh = False  # that connection was made for this request
    sent_ns = NEVER
    last_arrival_ns = NEVER  # of a part of the answer
    held_ns = 0  # for so long the answer was not read, because the client did not take it
    first_byte_ns = NEVER
    first_part_ns = NEVER
    last_part_ns = NEVER
    ended_ns = NEVER
    part_count = 0
    status = 0
    answer: Answer | None = None
    outcome: Outcome | None = None
    reason = ""
    is_mirrored = False
    unsampled: tuple[str, ...] = ()  # shadows whose sample leaves it out

    def __init__(self, request: Request, request_id: bytes, endpoint: Endpoint) -> None:
        self.read_ns = monotonic_ns()
        self.request = request
        self.request_id = request_id
        self.endpoint = endpoint


class Ledger(Protocol):
    """Who keeps the accounts."""

    def request_sent(self, account: Account) -> None:
        """The whole request is on its way to the upstream."""

    def ended(self, account: Account) -> None: ...
