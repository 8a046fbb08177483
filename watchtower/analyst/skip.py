from enum import StrEnum


class SkipReason(StrEnum):
    """Why an exchange was kept, but not decoded, compared or profiled."""

    TEST_TRAFFIC = "test_traffic"  # a load test's: it is not traffic
    BEHIND = "behind"  # the analyst is too far behind: a sample by request id is decoded
    UNKNOWN_ENDPOINT = "unknown_endpoint"  # the configuration has it no more
    NO_INFERENCE = "no_inference"  # a GET, HEAD, OPTIONS or DELETE: a model's metadata, its health
    DEFECT = "defect"  # ours: the log says which; it must not end the analyst at the same record again and again
