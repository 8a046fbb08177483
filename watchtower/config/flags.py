"""What the command line says of the configuration, as a document like the file's, so that both meet the same checks."""

from collections.abc import Sequence
from dataclasses import dataclass

from watchtower.config.document import Listing, Mistake, Node, Place, Scalar, Section, inside


@dataclass(frozen=True, slots=True)
class Flags:
    """As they were given; `upstream` and `shadows` take the place of all endpoints in the file."""

    upstream: str | None = None
    shadows: Sequence[str] = ()  # NAME=URL
    listen: str | None = None
    admin: str | None = None
    data_dir: str | None = None
    workers: str | int | None = None


def document(flags: Flags) -> tuple[Section, list[Mistake]]:
    """One endpoint, `default`, with one variant, `primary`, and the rest as it stands in a file."""
    entries: dict[str, Node] = {}
    mistakes: list[Mistake] = []
    if flags.listen is not None:
        entries["listen"] = _section("--listen", "listen", {"address": flags.listen})
    if flags.admin is not None:
        entries["admin"] = _section("--admin", "admin", {"listen": flags.admin})
    if flags.data_dir is not None:
        entries["data_dir"] = _scalar("--data-dir", "data_dir", flags.data_dir)
    if flags.workers is not None:
        entries["workers"] = _scalar("--workers", "workers", str(flags.workers))
    if flags.upstream is not None:
        entries["endpoints"] = _endpoints(flags.upstream, flags.shadows, mistakes)
    elif flags.shadows:
        mistakes.append(Mistake(Place("--shadow"), "endpoints", "expected an --upstream beside it"))
    return Section(Place("flags"), "", entries), mistakes


def _endpoints(upstream: str, shadows: Sequence[str], mistakes: list[Mistake]) -> Listing:
    path = "endpoints[0]"
    items: list[Node] = []
    for index, shadow in enumerate(shadows):
        name, equals, url = shadow.partition("=")
        at = f"{path}.shadows[{index}]"
        if not equals:
            mistakes.append(Mistake(Place("--shadow"), at, "expected NAME=URL, like v2=http://127.0.0.1:8001"))
        items.append(_section("--shadow", at, {"name": name, "url": url}))
    place = Place("--upstream")
    variant = _section("--upstream", f"{path}.variants[0]", {"name": "primary", "url": upstream})
    entries: dict[str, Node] = {
        "name": _scalar("--upstream", f"{path}.name", "default"),
        "variants": Listing(place, f"{path}.variants", (variant,)),
        "shadows": Listing(Place("--shadow"), f"{path}.shadows", tuple(items)),
    }
    return Listing(place, "endpoints", (Section(place, path, entries),))


def _section(flag: str, path: str, texts: dict[str, str]) -> Section:
    return Section(Place(flag), path, {key: _scalar(flag, inside(path, key), text) for key, text in texts.items()})


def _scalar(flag: str, path: str, text: str) -> Scalar:
    return Scalar(Place(flag), path, text, text)
