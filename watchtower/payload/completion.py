"""What a language model answered, whole or as a stream of events: a row for each choice.

What is said once for the whole answer stands in its first row alone, so that sums over rows are true: the tokens, and of
a stream the time to the first part of the answer (`ttft_s`) and the time for each token after it,
`tpot_s` = (last part - first part) / (tokens - 1). Tokens are the server's count where it gives one (`usage`), else the
events that carried something, which is one for each token in vLLM, TGI and llama.cpp unless they decode speculatively.

The calls of tools stand as text in one column, a line each: the name and the arguments, which are canonical where they are
JSON, so that neither blanks nor the order of keys make a difference.

A stream that ended with neither `[DONE]` nor a reason for each choice was cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from watchtower.payload.events import events
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import check_count, check_lines, parsed
from watchtower.payload.rows import check_size
from watchtower.record import NEVER
from watchtower.table import EMPTY, Cell, Table

OUTPUTS: Final = (
    "text", "finish_reason", "tool_calls", "called", "prompt_tokens", "completion_tokens", "ttft_s", "tpot_s",
)  # fmt: skip
_DONE: Final = b"[DONE]"
_STREAM: Final = b"text/event-stream"
_SECOND_NS: Final = 1_000_000_000
# What a delta may carry beside its role; a model that thinks aloud streams that first.
_CARRIED: Final = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call")
_CALLS: Final = ("function_call", "custom_tool_call", "web_search_call", "file_search_call", "mcp_call")
# Where a call holds what it is called with: functions, custom tools, web searches and file searches.
_ARGUMENTS: Final = ("arguments", "input", "action", "queries")
_LAST_EVENTS: Final = ("response.completed", "response.incomplete", "response.failed")
_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(slots=True)
class _Call:
    """Of a tool, in the pieces of a stream."""

    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def add(self, piece: Any) -> None:
        name, arguments = _name_and_arguments(piece)
        self.name = self.name or name
        self.arguments.append(arguments if type(arguments) is str else _encode(arguments).decode())

    def text(self) -> str:
        return _called(self.name, "".join(self.arguments))


@dataclass(slots=True)
class _Choice:
    parts: list[str] = field(default_factory=list)
    finish_reason: Cell = None
    tools: dict[int, _Call] = field(default_factory=dict)

    def row(self) -> list[Cell]:
        calls = [self.tools[index].text() for index in sorted(self.tools)]
        return ["".join(self.parts), self.finish_reason, *_counted(calls)]


@dataclass(slots=True)
class _Stream:
    choices: dict[int, _Choice] = field(default_factory=dict)
    usage: Any = None
    carried: int = 0  # events
    last: dict[str, Any] | None = None  # of the responses interface: the whole answer, in its last event
    is_done: bool = False

    def choice(self, index: object) -> _Choice:
        if type(index) is not int:
            raise PayloadError(Fault.WRONG_SHAPE, "a choice whose index is no number")
        return self.choices.setdefault(index, _Choice())

    @property
    def is_whole(self) -> bool:
        reasons = [choice.finish_reason for choice in self.choices.values()]
        return self.is_done or (bool(reasons) and None not in reasons)


def is_stream(body: bytes, message: Message) -> bool:
    return message.media_type == _STREAM or body.startswith((b"data:", b"event:", b":"))


def answered(document: dict[str, Any]) -> Table:
    """An answer in one piece, of chat, completions or the responses interface."""
    if type(document.get("output")) is list:
        return _table([_response_row(document)], document.get("usage"))
    choices = document.get("choices")
    if type(choices) is not list:
        raise PayloadError(Fault.WRONG_SHAPE, "none of choices, output and data")
    check_size(len(choices), len(OUTPUTS))
    return _table([_choice_row(choice) for choice in choices], document.get("usage"))


def streamed(body: bytes, message: Message, /) -> Decoded:
    stream = _read(body)
    if not stream.is_whole:
        raise PayloadError(Fault.CUT, "the stream did not say that it was done")
    if stream.last is not None:
        document: dict[str, Any] = stream.last
        rows = [_response_row(document)]
        stream.usage = document.get("usage")
    else:
        ordered = [stream.choices[index] for index in sorted(stream.choices)]
        check_size(len(ordered), len(OUTPUTS))
        rows = [choice.row() for choice in ordered]
        document = {"choices": [dict(zip(OUTPUTS, row, strict=False)) for row in rows], "usage": stream.usage}
    return Decoded(_table(rows, stream.usage, _timing(stream, message)), document)


def _read(body: bytes) -> _Stream:
    check_count(body)
    check_lines(body)
    stream = _Stream()
    found = events(body)
    for number, data in enumerate(found.data, 1):
        if not data.strip():  # a keep-alive: a field without a value
            continue
        if data.strip() == _DONE:
            stream.is_done = True
            break
        try:
            chunk = parsed(data)
        except PayloadError:
            if number == len(found.data) and not found.is_ended:
                raise PayloadError(Fault.CUT, "within an event") from None
            raise
        if type(chunk) is not dict:
            raise PayloadError(Fault.WRONG_SHAPE, "an event that is no object")
        _take(stream, chunk)
    return stream


def _take(stream: _Stream, chunk: dict[str, Any]) -> None:
    if chunk.get("error"):
        for choice in stream.choices.values() or (stream.choice(0),):
            choice.finish_reason = "error"
        stream.is_done = True
    if type(chunk.get("usage")) is dict:  # in the last event, or in each the sum until then
        stream.usage = chunk["usage"]
    kind = chunk.get("type")
    if type(kind) is str and kind.startswith("response."):
        stream.carried += kind.endswith(".delta")
        if kind in _LAST_EVENTS and type(chunk.get("response")) is dict:
            stream.last, stream.is_done = chunk["response"], True
        return
    choices = chunk.get("choices")
    carried = False
    for piece in choices if type(choices) is list else ():
        if type(piece) is not dict:
            raise PayloadError(Fault.WRONG_SHAPE, "a choice that is no object")
        carried |= _add(stream.choice(piece.get("index", 0)), piece)
    stream.carried += carried


def _add(choice: _Choice, piece: dict[str, Any]) -> bool:
    """Takes a piece of a choice; whether it carried any of the answer."""
    if piece.get("finish_reason"):  # servers that are written in Go say "" until they have one
        choice.finish_reason = str(piece["finish_reason"])
    delta = piece.get("delta")
    if type(delta) is not dict:  # completions, the older call
        text = piece.get("text")
        if type(text) is str:
            choice.parts.append(text)
        return bool(text)
    content = delta.get("content")
    if type(content) is str:
        choice.parts.append(content)
    elif content:
        choice.parts += _texts(content)
    calls = delta.get("tool_calls")
    for place, call in enumerate(calls if type(calls) is list else ()):
        index = call.get("index", place) if type(call) is dict else place
        choice.tools.setdefault(index if type(index) is int else place, _Call()).add(call)
    if delta.get("function_call"):
        choice.tools.setdefault(0, _Call()).add(delta["function_call"])
    return any(delta.get(name) for name in _CARRIED)


def _choice_row(choice: Any) -> list[Cell]:
    if type(choice) is not dict:
        raise PayloadError(Fault.WRONG_SHAPE, "a choice that is no object")
    reason = choice.get("finish_reason")
    message = choice.get("message")
    if type(message) is not dict:
        text = choice.get("text")
        return [text if type(text) is str else "", _word(reason), 0, None]
    calls = message.get("tool_calls")
    if type(calls) is not list:
        calls = [message["function_call"]] if message.get("function_call") else []
    called = [_called(*_name_and_arguments(call)) for call in calls]
    return ["".join(_texts(message.get("content"))), _word(reason), *_counted(called)]


def _response_row(document: dict[str, Any]) -> list[Cell]:
    items = document.get("output")
    texts: list[str] = []
    calls: list[str] = []
    for item in items if type(items) is list else ():
        if type(item) is dict:
            texts += _texts(item.get("content")) if item.get("type") == "message" else ()
            if item.get("type") in _CALLS:
                name, arguments = _name_and_arguments(item)
                calls.append(_called(name or item["type"], arguments))
    return ["".join(texts), _word(document.get("status")), *_counted(calls)]


def _name_and_arguments(call: Any) -> tuple[str, Any]:
    """Of a call, or of a piece of one. In chat they stand in its `function` or `custom`; the older call is them itself."""
    if type(call) is not dict:
        return "", ""
    inner = next((call[key] for key in ("function", "custom") if type(call.get(key)) is dict), call)
    name = inner.get("name")
    arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), "")
    return (name if type(name) is str else ""), arguments


def _called(name: str, arguments: Any) -> str:
    return f"{name}({_canonical(arguments)})"


def _canonical(arguments: Any) -> str:
    """As JSON with sorted keys and no blanks; a text that is no JSON as it is."""
    if not isinstance(arguments, str):
        return _encode(arguments).decode()
    try:
        return _encode(parsed(arguments.encode())).decode()
    except PayloadError:
        return arguments


def _counted(calls: list[str]) -> tuple[int, Cell]:
    return len(calls), "\n".join(calls) if calls else None


def _texts(content: Any) -> Iterator[str]:
    """Of a text, or of the parts that it may come in."""
    for part in content if type(content) is list else (content,):
        text = part.get("text") if type(part) is dict else part
        if type(text) is str:
            yield text


def _word(value: Any) -> Cell:
    return value if type(value) is str else None


def _table(rows: list[list[Cell]], usage: Any, timing: tuple[Cell, Cell] = (None, None)) -> Table:
    if not rows:
        return EMPTY
    once: list[Cell] = [*_tokens(usage), *timing]
    nothing: list[Cell] = [None] * len(once)
    return Table(OUTPUTS, [[*row, *(nothing if place else once)] for place, row in enumerate(rows)])


def _tokens(usage: Any) -> tuple[Cell, Cell]:
    """Prompt's and answer's, by the names of chat and of the responses interface."""
    if type(usage) is not dict:
        return None, None
    prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
    completion = usage.get("completion_tokens", usage.get("output_tokens"))
    return (prompt if type(prompt) is int else None), (completion if type(completion) is int else None)


def _timing(stream: _Stream, message: Message) -> tuple[Cell, Cell]:
    if message.first_part_ns == NEVER:
        return None, None
    told = _tokens(stream.usage)[1]
    tokens = told if type(told) is int else stream.carried
    spent = message.last_part_ns - message.first_part_ns
    # In one part all tokens came at once: what lay between them is not known.
    per_token = spent / _SECOND_NS / (tokens - 1) if tokens > 1 and spent > 0 else None
    return message.first_part_ns / _SECOND_NS, per_token
