"""A change of weights as it is asked for, read so that a mistake names its variant."""

from typing import Annotated, Final

import msgspec

from watchtower.control.routes_file import WeightsError
from watchtower.control.views import WeightsChange


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `WeightsChange` before its numbers are read: of a key in a mapping, msgspec's messages say `[...]`."""

    weights: Annotated[dict[str, msgspec.Raw], msgspec.Meta(min_length=1)]


_decoder: Final = msgspec.json.Decoder(_Asked)
_number: Final[msgspec.json.Decoder[float]] = msgspec.json.Decoder(Annotated[float, msgspec.Meta(ge=0)])


def read_change(body: bytes) -> WeightsChange:
    """The change; a WeightsError says what is wrong, and of which variant."""
    try:
        asked = _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise WeightsError(str(error)) from error
    return WeightsChange(weights={variant: _weight(variant, raw) for variant, raw in asked.weights.items()})


def _weight(variant: str, raw: msgspec.Raw) -> float:
    try:
        return _number.decode(raw)
    except msgspec.MsgspecError as error:
        raise WeightsError(f"{variant}: a weight is a finite number, 0 or more") from error
