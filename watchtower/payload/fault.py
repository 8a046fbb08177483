"""Why a body did not become rows: a closed list, which is also the label of the counter."""

from typing import Final

from watchtower.record import Word


class Fault(Word):
    """One reason for each body that was not read. The first two are the journal's; whoever reads it raises them."""

    NOT_KEPT = "not_kept"  # the journal does not hold this body: not sampled, or not to be read while redacting
    # Its end is missing: longer than capture.max_body, of an exchange that ended before it, or a stream that never said
    # that it was done.
    CUT = "cut"
    EMPTY = "empty"  # nothing was sent where rows belong
    BAD_ENCODING = "bad_encoding"  # a content coding that we do not read, or that is broken or cut
    TOO_LARGE = "too_large"  # decompressed, or with one long value in each of many rows
    BAD_UTF8 = "bad_utf8"
    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"  # twice in one object: nobody knows which value the model took
    NOT_CSV = "not_csv"
    TOO_DEEP = "too_deep"
    TOO_WIDE = "too_wide"  # columns, or the length of a column's name
    TOO_MANY_ROWS = "too_many_rows"
    # Rows that share no columns, or a request and an answer of unlike many rows: what is not there is filled up.
    TOO_MANY_CELLS = "too_many_cells"
    WRONG_SHAPE = "wrong_shape"  # JSON, yet not this protocol's
    WRONG_TYPE = "wrong_type"  # a value is not of the datatype that its tensor declares
    SHAPE_MISMATCH = "shape_mismatch"  # a tensor's shape is not its data's, or rows or columns differ in length
    UNSUPPORTED = "unsupported"  # a part of the protocol that we do not read
    UNKNOWN_PROTOCOL = "unknown_protocol"  # a shadow's answer, before any primary's record has told how to read it


# What a body that is in order can meet, for it is our limit: of the others it is the sender's.
BEYOND_US: Final = frozenset(
    {
        Fault.NOT_KEPT,
        Fault.TOO_LARGE,
        Fault.TOO_DEEP,
        Fault.TOO_WIDE,
        Fault.TOO_MANY_ROWS,
        Fault.TOO_MANY_CELLS,
        Fault.UNSUPPORTED,
        Fault.UNKNOWN_PROTOCOL,
    }
)


class PayloadError(Exception):
    """A body does not fit. The detail is for a person; it never holds anything of the body but counts and our words."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault = fault
        self.detail = detail
