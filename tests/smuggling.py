"""What clients, by mistake or by malice, send: refused with a reason, or passed on in words of our own.

Sources: RFC 9112; Kettle, "HTTP Desync Attacks" (2019) and "HTTP/1.1 must die" (2025); Linhart, "HTTP Request Smuggling"
(2005); Kallus, "Funky chunks" (2025); the advisories of llhttp, Go, Netty, Puma, gunicorn and HAProxy.
"""

from dataclasses import dataclass
from typing import Final

from watchtower.http1.refusal import Refusal

GET: Final = b"GET /a HTTP/1.1\r\nHost: a\r\n"
POST: Final = b"POST /a HTTP/1.1\r\nHost: a\r\n"
CHUNKED: Final = POST + b"Transfer-Encoding: chunked\r\n\r\n"
FORWARDED: Final = (
    b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nx-request-id: r1\r\n"
)
ID: Final = b"x-request-id: r1\r\n"


@dataclass(frozen=True)
class Refused:
    name: str
    data: bytes
    refusal: Refusal


@dataclass(frozen=True)
class Passed:
    name: str
    data: bytes
    upstream: bytes  # all that the upstream receives


def _chunked(body: bytes) -> bytes:
    return CHUNKED + body


def _posted(line: bytes, body: bytes = b"hello") -> bytes:
    return POST + line + b"\r\n\r\n" + body


def _got(line: bytes) -> bytes:
    return GET + line + b"\r\n\r\n"


TWO_FRAMINGS: Final = (
    Refused(
        "length_then_chunked",
        _posted(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\nX"),
        Refusal.AMBIGUOUS_FRAMING,
    ),
    Refused(
        "chunked_then_length",
        _posted(b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\nX"),
        Refusal.AMBIGUOUS_FRAMING,
    ),
    Refused("two_lengths", _posted(b"Content-Length: 5\r\nContent-Length: 6"), Refusal.AMBIGUOUS_FRAMING),
    Refused("two_lengths_by_case", _posted(b"Content-Length: 5\r\ncontent-length: 6"), Refusal.AMBIGUOUS_FRAMING),
    Refused("same_length_twice", _posted(b"Content-Length: 5\r\nContent-Length: 5"), Refusal.AMBIGUOUS_FRAMING),
    Refused(
        "chunked_in_http10",
        b"POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refusal.AMBIGUOUS_FRAMING,
    ),
    Refused(
        "chunked_in_http10_kept_alive",
        b"POST /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refusal.AMBIGUOUS_FRAMING,
    ),
)

LENGTHS: Final = tuple(
    Refused(f"length_{name}", _posted(b"Content-Length:" + value), Refusal.AMBIGUOUS_FRAMING)
    for name, value in (
        ("list", b" 5, 5"),
        ("list_differing", b" 5, 6"),
        ("plus", b" +5"),
        ("minus", b" -5"),
        ("hex", b" 0x5"),
        ("two_words", b" 5 5"),
        ("overflow", b" 18446744073709551621"),
        ("exponent", b" 5e0"),
        ("decimal", b" 5.0"),
        ("underscore", b" 1_0"),
        ("empty", b""),
        ("letters", b" five"),
        ("semicolon", b" 5;"),
        ("quoted", b' "5"'),
        ("arabic_digit", " \N{ARABIC-INDIC DIGIT FIVE}".encode()),
        ("vertical_tab", b" \x0b5"),
    )
)

CODINGS: Final = tuple(
    Refused(f"coding_{name}", _posted(b"Transfer-Encoding:" + value, b"0\r\n\r\n"), refusal)
    for name, value, refusal in (
        ("prefixed", b" xchunked", Refusal.UNKNOWN_CODING),
        ("suffixed", b" chunkedx", Refusal.UNKNOWN_CODING),
        ("identity", b" identity", Refusal.UNKNOWN_CODING),
        ("gzip", b" gzip", Refusal.UNKNOWN_CODING),
        ("gzip_first", b" gzip, chunked", Refusal.UNKNOWN_CODING),
        ("chunked_first", b" chunked, gzip", Refusal.AMBIGUOUS_FRAMING),
        ("chunked_twice", b" chunked, chunked", Refusal.AMBIGUOUS_FRAMING),
        ("parameter", b" chunked;q=1", Refusal.UNKNOWN_CODING),
        ("quoted", b' "chunked"', Refusal.UNKNOWN_CODING),
        ("comma_first", b" , chunked", Refusal.UNKNOWN_CODING),
        ("comma_last", b" chunked,", Refusal.AMBIGUOUS_FRAMING),
        ("vertical_tab", b" \x0bchunked", Refusal.MALFORMED_HEAD),
        ("form_feed", b" chunked\x0c", Refusal.MALFORMED_HEAD),
        ("empty", b"", Refusal.AMBIGUOUS_FRAMING),
        ("two_lines", b" chunked\r\nTransfer-Encoding: chunked", Refusal.AMBIGUOUS_FRAMING),
        ("two_lines_identity_last", b" chunked\r\nTransfer-Encoding: identity", Refusal.AMBIGUOUS_FRAMING),
        ("two_lines_identity_first", b" identity\r\nTransfer-Encoding: chunked", Refusal.UNKNOWN_CODING),
        ("hidden_in_another_case", b" chunked\r\ntransfer-encoding: x", Refusal.AMBIGUOUS_FRAMING),
    )
)

CHUNKS: Final = tuple(
    Refused(f"chunk_{name}", _chunked(body), Refusal.BAD_BODY)
    for name, body in (
        ("size_with_space_before", b" 5\r\nhello\r\n0\r\n\r\n"),
        ("size_with_space_behind", b"5 \r\nhello\r\n0\r\n\r\n"),
        ("size_with_0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
        ("size_with_plus", b"+5\r\nhello\r\n0\r\n\r\n"),
        ("size_with_minus", b"-5\r\nhello\r\n0\r\n\r\n"),
        ("size_with_underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
        ("size_missing", b"\r\nhello\r\n0\r\n\r\n"),
        ("size_not_hex", b"g\r\nhello\r\n0\r\n\r\n"),
        ("size_overflows", b"fffffffffffffffff5\r\nhello\r\n0\r\n\r\n"),
        ("size_ends_with_lf", b"5\nhello\r\n0\r\n\r\n"),
        ("size_ends_with_cr", b"5\rhello\r\n0\r\n\r\n"),
        ("longer_than_its_size", b"5\r\nhelloX\r\n0\r\n\r\n"),
        ("shorter_than_its_size", b"6\r\nhello\r\n0\r\n\r\n"),
        ("ends_with_lf", b"5\r\nhello\n0\r\n\r\n"),
        ("ends_with_cr", b"5\r\nhello\r0\r\n\r\n"),
        ("ends_with_nothing", b"5\r\nhello0\r\n\r\n"),
        ("extension_with_lf", b"5;a\nhello\r\n0\r\n\r\n"),
        ("extension_with_cr", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
        ("extension_with_nul", b"5;a\0b\r\nhello\r\n0\r\n\r\n"),
        ("extension_without_name", b"5;\nGET /b HTTP/1.1\r\n\r\n0\r\n\r\n"),
        ("last_with_lf", b"0\n\r\n"),
        ("last_with_lf_twice", b"0\n\n"),
        ("trailer_with_space_before_colon", b"0\r\nX-A : 1\r\n\r\n"),
        ("trailer_with_nul", b"0\r\nX-A: 1\0\r\n\r\n"),
        ("trailer_with_lf", b"0\r\nX-A: 1\nX-B: 2\r\n\r\n"),
        ("trailer_folded", b"0\r\nX-A: 1\r\n 2\r\n\r\n"),
        ("trailer_without_colon", b"0\r\nGET /b HTTP/1.1\r\n\r\n"),
    )
)

FIELDS: Final = tuple(
    Refused(f"field_{name}", _got(line), Refusal.MALFORMED_HEAD)
    for name, line in (
        ("space_before_colon", b"X-A : 1"),
        ("tab_before_colon", b"X-A\t: 1"),
        ("space_in_name", b"X A: 1"),
        ("space_before_name", b" X-A: 1"),
        ("nul_in_name", b"X\0A: 1"),
        ("nul_in_value", b"X-A: 1\x002"),
        ("control_in_name", b"X\x01A: 1"),
        ("eight_bits_in_name", b"X\xffA: 1"),
        ("separator_in_name", b"X(A): 1"),
        ("no_name", b": 1"),
        ("no_colon", b"X-A"),
        ("folded", b"X-A: 1\r\n 2"),
        ("folded_by_tab", b"X-A: 1\r\n\t2"),
        ("folded_before_value", b"X-A:\r\n 1"),
        ("ends_with_lf", b"X-A: 1\nX-B: 2"),
        ("ends_with_cr", b"X-A: 1\rX-B: 2"),
        ("ends_with_cr_cr_lf", b"X-A: 1\r\r\nX-B: 2"),
        ("cr_in_value", b"X-A: 1\r2"),
        ("coding_behind_lf", b"X-A: 1\nTransfer-Encoding: chunked"),
        ("coding_with_space_before_colon", b"Transfer-Encoding : chunked"),
        ("coding_folded", b"Transfer-Encoding:\r\n chunked"),
        ("length_with_space_before_colon", b"Content-Length : 5"),
        ("host_with_space_before_colon", b"Host : b"),
    )
)

HEADS_WITH_LF: Final = (
    Refused("all_lines_end_with_lf", b"GET /a HTTP/1.1\nHost: a\n\n", Refusal.MALFORMED_HEAD),
    Refused("request_line_ends_with_lf", b"GET /a HTTP/1.1\nHost: a\r\n\r\n", Refusal.MALFORMED_HEAD),
    Refused("request_line_ends_with_cr", b"GET /a HTTP/1.1\rHost: a\r\n\r\n", Refusal.MALFORMED_HEAD),
    Refused("empty_line_is_lf", b"GET /a HTTP/1.1\r\nHost: a\r\n\n", Refusal.MALFORMED_HEAD),
    Refused("empty_line_is_cr", b"GET /a HTTP/1.1\r\nHost: a\r\n\rX", Refusal.MALFORMED_HEAD),
)

REQUEST_LINES: Final = tuple(
    Refused(f"line_{name}", line + b"\r\nHost: a\r\n\r\n", refusal)
    for name, line, refusal in (
        ("tab", b"GET\t/a HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("space_first", b" GET /a HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("space_in_target", b"GET /a b HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("space_last", b"GET /a HTTP/1.1 ", Refusal.MALFORMED_HEAD),
        ("nul_in_target", b"GET /a\0 HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("control_in_target", b"GET /a\x01 HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("delete_in_target", b"GET /a\x7f HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("eight_bits_in_target", b"GET /\xc3\xa9 HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("fragment", b"GET /a#b HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("star_for_get", b"GET * HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("authority_for_get", b"GET a:80 HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("path_without_slash", b"GET a HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("another_scheme", b"GET ftp://a/a HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("absolute_with_userinfo", b"GET http://u@a/a HTTP/1.1", Refusal.BAD_HOST),
        ("absolute_without_host", b"GET http:///a HTTP/1.1", Refusal.BAD_HOST),
        ("absolute_with_backslash", b"GET http://a\\@b/a HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("no_method", b"/a HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("method_in_lower_case", b"get /a HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("method_unknown", b"FETCH /a HTTP/1.1", Refusal.MALFORMED_HEAD),
        ("connect", b"CONNECT a:443 HTTP/1.1", Refusal.UNKNOWN_METHOD),
        ("connect_to_path", b"CONNECT /a HTTP/1.1", Refusal.UNKNOWN_METHOD),
        ("version_0_9", b"GET /a HTTP/0.9", Refusal.UNKNOWN_VERSION),
        ("version_1_2", b"GET /a HTTP/1.2", Refusal.UNKNOWN_VERSION),
        ("version_2_0", b"GET /a HTTP/2.0", Refusal.UNKNOWN_VERSION),
        ("version_3_1", b"GET /a HTTP/3.1", Refusal.UNKNOWN_VERSION),
        ("version_1_10", b"GET /a HTTP/1.10", Refusal.MALFORMED_HEAD),
        ("version_01_1", b"GET /a HTTP/01.1", Refusal.MALFORMED_HEAD),
        ("version_in_lower_case", b"GET /a http/1.1", Refusal.MALFORMED_HEAD),
        ("no_version", b"GET /a", Refusal.UNKNOWN_VERSION),
    )
)

HOSTS: Final = tuple(
    Refused(f"host_{name}", b"GET /a HTTP/1.1\r\n" + lines + b"\r\n", Refusal.BAD_HOST)
    for name, lines in (
        ("missing", b""),
        ("missing_with_other_fields", b"X-A: 1\r\n"),
        ("twice", b"Host: a\r\nHost: b\r\n"),
        ("twice_the_same", b"Host: a\r\nHost: a\r\n"),
        ("twice_by_case", b"Host: a\r\nhOST: b\r\n"),
        ("list", b"Host: a, b\r\n"),
        ("with_path", b"Host: a/b\r\n"),
        ("with_userinfo", b"Host: u@a\r\n"),
        ("with_space", b"Host: a b\r\n"),
        ("with_query", b"Host: a?b\r\n"),
        ("with_fragment", b"Host: a#b\r\n"),
        ("with_backslash", b"Host: a\\b\r\n"),
    )
)

OTHERS: Final = (
    Refused("http09", b"GET /a\r\n\r\n", Refusal.UNKNOWN_VERSION),
    Refused("http2_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal.MALFORMED_HEAD),
    Refused("tls_client_hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Refusal.MALFORMED_HEAD),
    Refused("proxy_protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GET + b"\r\n", Refusal.MALFORMED_HEAD),
    Refused("unknown_expectation", _got(b"Expect: 200-ok"), Refusal.UNKNOWN_EXPECTATION),
    Refused("two_expectations", _got(b"Expect: 100-continue\r\nExpect: x"), Refusal.UNKNOWN_EXPECTATION),
    Refused("head_too_large", _got(b"X-A: " + bytes(b"a" * 32_768)), Refusal.HEAD_TOO_LARGE),
    Refused("many_fields", _got(b"\r\n".join([b"X-A: 1"] * 5_000)), Refusal.HEAD_TOO_LARGE),
    Refused("target_too_long", b"GET /" + b"a" * 8_192 + b" HTTP/1.1\r\nHost: a\r\n\r\n", Refusal.TARGET_TOO_LONG),
    Refused("endless_target", b"GET /" + b"a" * 40_000, Refusal.TARGET_TOO_LONG),
)

REFUSED: Final = (
    *TWO_FRAMINGS,
    *LENGTHS,
    *CODINGS,
    *CHUNKS,
    *FIELDS,
    *HEADS_WITH_LF,
    *REQUEST_LINES,
    *HOSTS,
    *OTHERS,
)


def _upstream_post(body: bytes = b"hello", lines: bytes = b"") -> bytes:
    return POST + lines + FORWARDED + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _upstream_chunked(body: bytes, lines: bytes = b"") -> bytes:
    return POST + lines + FORWARDED + b"Transfer-Encoding: chunked\r\n\r\n" + body


def _upstream_get(lines: bytes = b"") -> bytes:
    return GET + lines + FORWARDED + b"\r\n"


HELLO: Final = b"5\r\nhello\r\n0\r\n\r\n"

PASSED: Final = (
    Passed("length", _posted(ID + b"Content-Length: 5"), _upstream_post()),
    Passed("length_with_leading_zero", _posted(ID + b"Content-Length: 05"), _upstream_post()),
    Passed("length_with_space_around", _posted(ID + b"Content-Length: \t5\t "), _upstream_post()),
    Passed("length_of_nothing", _posted(ID + b"Content-Length: 0", b""), _upstream_post(b"")),
    Passed(
        "length_of_get",
        GET + ID + b"Content-Length: 5\r\n\r\nhello",
        GET + FORWARDED + b"Content-Length: 5\r\n\r\nhello",
    ),
    Passed("length_of_nothing_of_get", _got(ID + b"Content-Length: 0"), _upstream_get()),
    Passed("chunked", _posted(ID + b"Transfer-Encoding: chunked", HELLO), _upstream_chunked(HELLO)),
    Passed("chunked_by_case", _posted(ID + b"TRANSFER-encoding: ChunKed", HELLO), _upstream_chunked(HELLO)),
    Passed("chunked_behind_tab", _posted(ID + b"Transfer-Encoding:\tchunked ", HELLO), _upstream_chunked(HELLO)),
    Passed(
        "chunk_extension_is_dropped",
        _posted(ID + b"Transfer-Encoding: chunked", b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n'),
        _upstream_chunked(HELLO),
    ),
    Passed(
        "chunk_size_is_written_anew",
        _posted(ID + b"Transfer-Encoding: chunked", b"0005\r\nhello\r\n000\r\n\r\n"),
        _upstream_chunked(HELLO),
    ),
    Passed(
        "trailer",
        _posted(ID + b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
        _upstream_chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
    ),
    Passed(
        "trailers_that_frame_route_or_identify_are_dropped",
        _posted(
            ID + b"Transfer-Encoding: chunked",
            b"5\r\nhello\r\n0\r\nHost: b\r\nX-Forwarded-For: 9.9.9.9\r\nx-request-id: r2\r\nConnection: close\r\n\r\n",
        ),
        _upstream_chunked(HELLO),
    ),
    Passed(
        "underscore_is_another_field",
        _posted(ID + b"Content_Length: 9\r\nContent-Length: 5"),
        _upstream_post(lines=b"Content_Length: 9\r\n"),
    ),
    Passed("eight_bits_in_value", _got(ID + b"X-A: \xff\xfe"), _upstream_get(b"X-A: \xff\xfe\r\n")),
    Passed("two_spaces_are_one", b"GET  /a HTTP/1.1\r\nHost: a\r\n" + ID + b"\r\n", _upstream_get()),
    Passed("empty_lines_first", b"\r\n\r\n" + _got(ID[:-2]), _upstream_get()),
    Passed(
        "http10_becomes_http11",
        b"POST /a HTTP/1.0\r\nHost: a\r\n" + ID + b"Content-Length: 5\r\n\r\nhello",
        _upstream_post(),
    ),
    Passed(
        "absolute_target_replaces_host",
        b"GET http://a/a HTTP/1.1\r\nHost: other\r\n" + ID + b"\r\n",
        _upstream_get(),
    ),
    Passed("absolute_target_by_case", b"GET HTTP://a/a HTTP/1.1\r\nHost: a\r\n" + ID + b"\r\n", _upstream_get()),
    Passed(
        "absolute_target_without_path",
        b"GET http://a HTTP/1.1\r\nHost: a\r\n" + ID + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + FORWARDED + b"\r\n",
    ),
    Passed(
        "star_for_options",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n" + ID + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n" + FORWARDED + b"\r\n",
    ),
    Passed("connection_names_host", _got(ID + b"Connection: host"), _upstream_get()),
    Passed(
        "connection_names_length",
        _posted(ID + b"Connection: content-length\r\nContent-Length: 5"),
        _upstream_post(),
    ),
    Passed(
        "connection_names_coding",
        _posted(ID + b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked", HELLO),
        _upstream_chunked(HELLO),
    ),
    Passed(
        "connection_names_the_forwarding_fields",
        _got(ID + b"Connection: x-forwarded-for, x-request-id, x-forwarded-proto"),
        _upstream_get(),
    ),
    Passed(
        "upgrade_with_a_body_is_no_upgrade",
        _posted(ID + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\nContent-Length: 5"),
        _upstream_post(),
    ),
    Passed(
        "upgrade_with_chunks_is_no_upgrade",
        _posted(ID + b"Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked", HELLO),
        _upstream_chunked(HELLO),
    ),
    Passed(
        "upgrade_to_http2_is_no_upgrade",
        _got(ID + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A"),
        _upstream_get(),
    ),
    Passed(
        "what_follows_a_close_is_nobodys",
        _got(ID + b"Connection: close") + _got(b"X-Smuggled: 1"),
        _upstream_get(),
    ),
)
