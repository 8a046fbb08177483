"""Who may ask the admin server what.

With a token, it is needed for everything but the two health checks. Without one, the server listens on loopback only,
and the danger is a browser on this machine: by DNS rebinding, a web page's own host name comes to mean 127.0.0.1, and the
page may then send us requests as if we were its server. The Host header still says the page's name, so a request that
changes something must name loopback there.
"""

import hmac
from typing import Final

from watchtower.address import is_loopback
from watchtower.control.views import Problem
from watchtower.units import Secret

OPEN: Final = frozenset({"/healthz", "/readyz"})
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def refusal(method: str, path: str, host: str, authorization: str, token: Secret | None) -> Problem | None:
    if path in OPEN and method in _READS:
        return None
    if token is not None:
        if _shows(authorization, token):
            return None
        return Problem(
            title="Unauthorized", status=401, detail="Send the configured token: Authorization: Bearer TOKEN."
        )
    if method in _READS or is_loopback(_name(host)):
        return None
    return Problem(title="Forbidden", status=403, detail="Without a token, changes are taken from loopback names only.")


def _shows(authorization: str, token: Secret) -> bool:
    scheme, _, shown = authorization.partition(" ")
    # On bytes: compare_digest refuses text that is not ASCII. What is not UTF-8 came as surrogates.
    given = shown.strip().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, token.reveal().encode()) and scheme.lower() == "bearer"


def _name(host: str) -> str:
    """The host of a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
