import msgspec


class WorstPair(msgspec.Struct, frozen=True, array_like=True):
    request_id: bytes
    at_ns: int
    severity: float
    failure: str
    latency_ns: int
    details: dict[str, dict[str, float]]  # column → metric → value
    paths: list[tuple[str, str, int]]  # path, change, times
    request: bytes  # bodies as they were kept, so redacted already
    primary: bytes
    shadow: bytes
    is_cut: bool = False  # a body was longer than a pair may be
