import ssl

from watchtower.upstream.settings import TlsClientSettings


def client_context(settings: TlsClientSettings) -> ssl.SSLContext:
    """How upstreams are verified; raises OSError where a file cannot be read or is no certificate."""
    context = ssl.create_default_context(cafile=settings.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert is not None:
        context.load_cert_chain(settings.cert, settings.key)
    return context
