import msgspec


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the drawing process is told, as JSON: Parquet files with these columns, and where the page goes."""

    reference: str
    current: str
    output: str
    title: str
    notes: tuple[str, ...]
    numerical: tuple[str, ...]
    categorical: tuple[str, ...]
