"""The OpenAI-compatible interface: chat, completions, embeddings and responses; vLLM, TGI, SGLang, Ollama, llama.cpp.

A prompt is a row: most requests have one, completions and embeddings may have a list of them. All four calls have the
same input columns, with `None` for what one does not have, so that an endpoint that serves them all has one schema.
https://platform.openai.com/docs/api-reference
"""

import base64
import binascii
from typing import Any, Final

import numpy as np

from watchtower.payload.cells import cell
from watchtower.payload.completion import answered, is_stream, streamed
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import parsed, parsed_if_json
from watchtower.payload.rows import check_repeated, check_size
from watchtower.table import EMPTY, Cell, Table

INPUTS: Final = ("prompt", "model", "temperature", "max_tokens", "stream", "messages")
EMBEDDING: Final = ("embedding", "prompt_tokens")
_LENGTHS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")


class OpenAI:
    name: Final = "openai"

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self._classes = classes

    def request(self, body: bytes, _message: Message, /) -> Decoded:
        document = parsed(body)
        if type(document) is not dict:
            raise PayloadError(Fault.WRONG_SHAPE, "no object")
        prompts, count = _prompts(document)
        times = document.get("n")
        check_size(len(prompts), len(INPUTS))
        if len(prompts) > 1 and type(times) is int and times > 1:  # so many choices of each stand together
            check_size(len(prompts) * times, len(INPUTS))
            prompts = [prompt for prompt in prompts for _ in range(times)]
        settings: list[Cell] = [
            _scalar(document.get("model")),
            _scalar(document.get("temperature")),
            next((_scalar(document[name]) for name in _LENGTHS if name in document), None),
            _scalar(document.get("stream", False)),
            count,
        ]
        check_repeated(settings, len(prompts))
        return Decoded(Table(INPUTS, [[prompt, *settings] for prompt in prompts]), document)

    def answer(self, body: bytes, message: Message, /) -> Decoded:
        if message.is_failure:
            return Decoded(EMPTY, parsed_if_json(body))
        if is_stream(body, message):
            return streamed(body, message)
        document = parsed(body)
        if type(document) is not dict:
            raise PayloadError(Fault.WRONG_SHAPE, "no object")
        if type(document.get("data")) is list:
            return Decoded(_embeddings(document), document)
        return Decoded(answered(document), document)


def _prompts(document: dict[str, Any]) -> tuple[list[Cell], int | None]:
    """The texts that are asked about, and how many messages there are."""
    if "messages" in document:
        messages = document["messages"]
        if type(messages) is not list:
            raise PayloadError(Fault.WRONG_SHAPE, "messages that are no list")
        return [_joined(messages)], len(messages)
    if "prompt" in document:
        return _texts(document["prompt"]), None
    if "input" not in document:
        raise PayloadError(Fault.WRONG_SHAPE, "none of messages, prompt and input")
    given = document["input"]
    if type(given) is list and any(type(item) is dict for item in given):  # the responses interface
        return [_joined([document.get("instructions"), *given])], len(given)
    instructions = document.get("instructions")
    return _texts(given if type(instructions) is not str else _joined([instructions, given])), None


def _texts(given: Any) -> list[Cell]:
    """One text or several. Token ids are a prompt whose text is not known."""
    if type(given) is not list:
        return [given if type(given) is str else None]
    if given and all(type(item) is int for item in given):
        return [None]
    return [item if type(item) is str else None for item in given]


def _joined(messages: list[Any]) -> str:
    """The texts of messages, and of their parts where they have several; images and sounds are passed over."""
    texts: list[str] = []
    for message in messages:
        content = message.get("content") if type(message) is dict else message
        for part in content if type(content) is list else (content,):
            text = part.get("text") if type(part) is dict else part
            if type(text) is str:
                texts.append(text)
    return "\n".join(texts)


def _scalar(value: Any) -> Cell:
    return None if type(value) in {list, dict} else value


def _embeddings(document: dict[str, Any]) -> Table:
    usage = document.get("usage")
    tokens = _scalar(usage.get("prompt_tokens")) if type(usage) is dict else None
    items = document["data"]
    check_size(len(items), len(EMBEDDING))
    rows: list[list[Cell]] = []
    for item in items:
        if type(item) is not dict or "embedding" not in item:
            raise PayloadError(Fault.WRONG_SHAPE, "data without an embedding")
        rows.append([_vector(item["embedding"]), None if rows else tokens])
    return Table(EMBEDDING, rows) if rows else EMPTY


def _vector(embedding: Any) -> Cell:
    """Numbers, or the base64 of little-endian floats that OpenAI's own client asks for."""
    if type(embedding) is str:
        try:
            found: list[float] = np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").tolist()
        except (binascii.Error, ValueError):
            raise PayloadError(Fault.WRONG_SHAPE, "an embedding that is no base64 of floats") from None
        return found
    if type(embedding) is not list:
        raise PayloadError(Fault.WRONG_SHAPE, "an embedding that is no list")
    return cell(embedding)
