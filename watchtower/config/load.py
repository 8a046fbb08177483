"""The configuration as it is asked for: a file, flags or both, answered with a `Config` or with every mistake at once."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from watchtower.config.analysis import check_analysis
from watchtower.config.build import build, shown
from watchtower.config.check import Finding, check
from watchtower.config.document import Mistake, Node, Place, Scalar, Section, merge, read, walk
from watchtower.config.flags import Flags, document
from watchtower.config.model import Config
from watchtower.config.tls import check_files
from watchtower.errors import ConfigError


def load(path: Path | str, environ: Mapping[str, str], flags: Flags | None = None) -> Config:
    """The file's configuration, with what the flags say over it; a ConfigError lists every mistake."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 at byte {error.start}"]) from error
    root, mistakes = read(str(path), text, environ)
    over, wrong = document(flags or Flags())
    return _finished(merge(root, over), [*mistakes, *wrong])


def from_flags(
    upstream: str,
    shadows: Sequence[str] = (),
    listen: str | None = None,
    admin: str | None = None,
    data_dir: str | None = None,
    workers: str | int | None = None,
) -> Config:
    """What needs no file: one endpoint, `default`, with one variant, `primary`. A shadow is NAME=URL."""
    return _finished(*document(Flags(upstream, shadows, listen, admin, data_dir, workers)))


def _finished(root: Section, mistakes: list[Mistake]) -> Config:
    config, wrong = build(root)
    unread = {mistake.path for mistake in mistakes}
    mistakes = mistakes + [mistake for mistake in wrong if mistake.path not in unread]
    known = [mistake.path for mistake in mistakes]
    nodes = {node.path: node for node in walk(root)}
    for finding in chain(check(config), check_files(config), check_analysis(config)):
        # A value that could not be read has a stand-in, of which nothing needs to be said.
        if not any(_overlap(finding.path, path) for path in known):
            mistakes.append(_located(finding, nodes))
    if mistakes:
        raise ConfigError([str(mistake) for mistake in sorted(mistakes, key=lambda mistake: mistake.place)])
    return config


def _overlap(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and long[len(short) : len(short) + 1] in ("", ".", "[")


def _located(finding: Finding, nodes: Mapping[str, Node]) -> Mistake:
    node = _nearest(finding.path, nodes)
    problem = finding.problem
    if finding.other:
        problem = problem.format(other=_as_given(finding.other, _nearest(finding.other, nodes).place, node.place))
    if not isinstance(node, Scalar):
        return Mistake(node.place, finding.path, problem)
    found = f"got {shown(node)}, " if finding.shows else ""
    return Mistake(node.place, node.path, f"{found}{problem}")


def _nearest(path: str, nodes: Mapping[str, Node]) -> Node:
    """What was written there, or the section around what was not."""
    while path not in nodes:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return nodes[path]


def _as_given(path: str, place: Place, beside: Place) -> str:
    """A path, for whoever wrote it; whoever gave flags has never seen it."""
    if not place.is_flag:
        return path
    return f"another {place}" if place == beside else f"{place}"
