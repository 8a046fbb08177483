import json
from typing import Any

import pytest
from asking import answer_fault, answered, cells, request_fault, requested
from recorded import BY_NAME, OUTPUTS

from watchtower.payload.fault import Fault
from watchtower.payload.message import Message
from watchtower.payload.openai import OpenAI
from watchtower.record import NEVER
from watchtower.table import EMPTY

openai = OpenAI()
EVENTS = b"text/event-stream"
SECOND = 1_000_000_000


def prompt(body: dict[str, Any]) -> object:
    return requested(openai, body).rows[0][0]


def chunk(content: str | None = None, reason: str | None = None, index: int = 0) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    return {"choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def stream(*chunks: dict[str, Any], end: str = "data: [DONE]\n\n") -> bytes:
    return "".join(f"data: {json.dumps(one)}\n\n" for one in chunks).encode() + end.encode()


def row(body: bytes, first_ns: int = NEVER, last_ns: int = NEVER) -> dict[str, object]:
    """The first row of a streamed answer, by name."""
    table = openai.answer(body, Message(b"/x", EVENTS, 200, first_ns, last_ns, 9)).table
    return dict(zip(table.names, table.rows[0], strict=True))


def test_a_prompt_is_the_texts_of_all_messages() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]

    assert prompt({"messages": messages}) == "Be brief.\nWhy?"


def test_parts_of_a_message_that_are_no_text_are_passed_over() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "What is it?"}]

    assert prompt({"messages": [{"role": "user", "content": parts}]}) == "What is it?"


def test_a_message_without_content_has_no_text() -> None:
    assert prompt({"messages": [{"role": "assistant", "content": None, "tool_calls": []}, 5]}) == ""


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_the_length_is_read_by_any_of_its_names(name: str) -> None:
    assert requested(openai, {"prompt": "a", name: 7}).rows[0][3] == 7


def test_several_prompts_are_rows() -> None:
    assert [found[0] for found in requested(openai, {"prompt": ["a", "b"]}).rows] == ["a", "b"]


@pytest.mark.parametrize("ids", [[1, 2, 3], [[1, 2, 3]]])
def test_token_ids_are_a_prompt_whose_text_is_not_known(ids: object) -> None:
    assert [found[0] for found in requested(openai, {"prompt": ids}).rows] == [None]


def test_a_request_without_a_prompt_is_the_wrong_shape() -> None:
    assert request_fault(openai, {"model": "m"}) is Fault.WRONG_SHAPE


def test_each_choice_is_a_row_and_tokens_stand_in_the_first() -> None:
    choices = [{"message": {"content": "a"}, "finish_reason": "stop"}, {"message": {"content": "b"}}]
    body = {"choices": choices, "usage": {"prompt_tokens": 3, "completion_tokens": 2}}

    assert cells(answered(openai, body)) == (
        OUTPUTS,
        [["a", "stop", 0, None, 3, 2, None, None], ["b", None, 0, None, None, None, None, None]],
    )


def test_an_answer_of_no_choices_has_no_rows() -> None:
    assert answered(openai, {"choices": []}) is EMPTY


def called(*calls: object) -> object:
    """What an answer in one piece called, as text."""
    return answered(openai, {"choices": [{"message": {"content": None, "tool_calls": list(calls)}}]}).rows[0][3]


def function(name: str, arguments: object) -> dict[str, object]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_what_was_called_is_a_line_for_each_call() -> None:
    assert called(function("weather", '{"city":"Oslo"}'), function("now", "")) == 'weather({"city":"Oslo"})\nnow()'


def test_blanks_and_the_order_of_keys_make_no_other_call() -> None:
    assert called(function("f", '{"b": 1,\n "a": {"d": 2, "c": 3}}')) == 'f({"a":{"c":3,"d":2},"b":1})'


@pytest.mark.parametrize("arguments", ['{"city": "Os', "city=Oslo", "[" * 200])
def test_arguments_that_are_no_json_stand_as_they_are(arguments: str) -> None:
    assert called(function("f", arguments)) == f"f({arguments})"


def test_arguments_that_are_an_object_are_read_like_their_text() -> None:
    assert called(function("f", {"b": 1, "a": 2})) == called(function("f", '{"a":2,"b":1}'))


def test_a_custom_tool_is_called_with_its_input() -> None:
    assert called({"type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}) == "sql(SELECT 1)"


@pytest.mark.parametrize("call", [None, 5, {}, {"function": None}, {"function": {"name": 5, "arguments": None}}])
def test_a_call_without_name_and_arguments_is_still_one(call: object) -> None:
    assert called(call) == "()"


def test_a_call_of_the_older_kind_is_read_too() -> None:
    message = {"content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}}
    choice = {"message": message, "finish_reason": "function_call"}

    assert answered(openai, {"choices": [choice]}).rows[0][:4] == ["", "function_call", 1, 'f({"a":1})']


def test_an_answer_of_none_of_the_calls_is_the_wrong_shape() -> None:
    assert answer_fault(openai, {"object": "list"}) is Fault.WRONG_SHAPE


def test_pieces_of_a_stream_are_joined() -> None:
    assert row(stream(chunk("Hel"), chunk("lo"), chunk(None, "stop")))["text"] == "Hello"


def test_parts_of_a_streams_content_are_joined() -> None:
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "?"}]}, {"type": "text", "text": "Hel"}]
    parts = {"choices": [{"index": 0, "delta": {"content": content}}]}

    assert row(stream(parts, chunk("lo", "stop")))["text"] == "Hello"


def test_choices_of_a_stream_are_rows_however_they_are_mixed() -> None:
    body = stream(chunk("b", index=1), chunk("a"), chunk("B", "stop", 1), chunk("A", "stop"))
    table = openai.answer(body, Message(b"/x", EVENTS, 200)).table

    assert [found[0] for found in table.rows] == ["aA", "bB"]


def test_pieces_of_the_older_completions_are_joined() -> None:
    pieces = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in ("a", "b")]

    assert row(stream(*pieces))["text"] == "ab"


def test_times_are_of_the_first_part_and_of_each_token_after_it() -> None:
    body = stream(chunk("a"), {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}})
    found = row(body, SECOND // 2, 5 * SECOND // 2)

    assert (found["ttft_s"], found["tpot_s"]) == (0.5, 0.5)


def test_without_a_count_each_event_that_carried_something_is_a_token() -> None:
    found = row(stream(chunk(""), chunk("a"), chunk("b"), chunk("c"), chunk(None, "stop")), SECOND, 2 * SECOND)

    assert (found["completion_tokens"], found["tpot_s"]) == (None, 0.5)


def test_a_model_that_thinks_aloud_streams_tokens_that_are_no_text() -> None:
    thought = {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]}
    found = row(stream(thought, thought, chunk("a", "stop")), SECOND, 2 * SECOND)

    assert (found["text"], found["tpot_s"]) == ("a", 0.5)


@pytest.mark.parametrize(("first", "last"), [(NEVER, NEVER), (SECOND, SECOND)])
def test_what_came_at_once_has_no_time_for_each_token(first: int, last: int) -> None:
    assert row(stream(chunk("a"), chunk("b", "stop")), first, last)["tpot_s"] is None


def test_an_answer_in_one_piece_has_no_times() -> None:
    case = BY_NAME["vllm_chat"]

    assert case.adapter.answer(case.answer, case.answer_message).table.rows[0][6:] == [None, None]


def test_an_error_within_a_stream_is_its_finish_reason() -> None:
    assert row(stream(chunk("a"), {"error": {"message": "out of memory"}}, end=""))["finish_reason"] == "error"


@pytest.mark.parametrize(
    "body",
    [
        stream(chunk("a"), end=""),
        stream(chunk("a"), end='data: {"choices": [{"in'),
        stream(chunk("a", "stop"), chunk("b", index=1), end=""),
        stream(chunk("a", ""), chunk("b", ""), end=""),
        b"data: ",
        b": only a comment\n\n",
    ],
)
def test_a_stream_that_does_not_say_that_it_is_done_was_cut(body: bytes) -> None:
    assert answer_fault(openai, body, EVENTS) is Fault.CUT


@pytest.mark.parametrize("end", ["data: [DONE]", "data: [DONE]\n", "data: [DONE]\r\n\r\n", "data:[DONE]\n\n"])
def test_a_stream_is_done_however_its_end_is_written(end: str) -> None:
    assert row(stream(chunk("a"), end=end))["text"] == "a"


@pytest.mark.parametrize("nothing", [b"data:\n\n", b"data: \n\n", b"event: ping\ndata\n\n"])
def test_an_event_of_nothing_keeps_a_connection_alive(nothing: bytes) -> None:
    whole = stream(chunk("a", "stop"), end="")

    assert row(nothing + whole + nothing) == row(whole)


def test_a_reason_for_each_choice_ends_a_stream_too() -> None:
    assert row(stream(chunk("a", "stop"), end=""))["text"] == "a"


def test_a_stream_that_ends_before_its_last_event_is_cut_wherever_it_ends() -> None:
    case = BY_NAME["openrouter_stream"]
    whole = openai.answer(case.answer, case.answer_message).table
    last_event = case.answer.rindex(b"data: {")

    for end in range(1, last_event):
        assert answer_fault(openai, case.answer[:end], EVENTS) is Fault.CUT
    assert openai.answer(case.answer[:-4], case.answer_message).table == whole


def test_an_event_that_is_no_json_within_a_stream_is_named_so() -> None:
    assert answer_fault(openai, b"data: {\n\n" + stream(chunk("a")), EVENTS) is Fault.NOT_JSON


def test_the_document_of_a_stream_has_its_choices() -> None:
    found = openai.answer(stream(chunk("a", "stop")), Message(b"/x", EVENTS, 200))

    assert found.document == {
        "choices": [{"text": "a", "finish_reason": "stop", "tool_calls": 0, "called": None}],
        "usage": None,
    }


def test_a_stream_is_known_by_its_beginning_where_no_type_says_so() -> None:
    assert answered(openai, stream(chunk("a")), b"").rows[0][0] == "a"


@pytest.mark.parametrize("embedding", ["%%%", "AAA", {"a": 1}, None])
def test_an_embedding_that_is_none_is_the_wrong_shape(embedding: object) -> None:
    assert answer_fault(openai, {"data": [{"embedding": embedding}]}) is Fault.WRONG_SHAPE


def test_calls_of_the_responses_interface_are_read() -> None:
    output = [
        {"type": "function_call", "name": "f", "arguments": '{"b": 1, "a": 2}'},
        {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "web_search_call", "action": {"type": "search", "query": "q"}},
    ]
    row = answered(openai, {"output": output, "status": "completed"}).rows[0]

    assert row[:4] == ["a", "completed", 2, 'f({"a":2,"b":1})\nweb_search_call({"query":"q","type":"search"})']


def test_calls_of_a_stream_are_joined_from_their_pieces() -> None:
    case = BY_NAME["tool_stream"]
    table = case.adapter.answer(case.answer, case.answer_message).table

    assert table.rows[0][2:4] == [2, 'weather({"city":"Rome"})\nweather({})']


def test_a_call_of_the_older_kind_is_joined_too() -> None:
    pieces = [{"function_call": {"name": "f", "arguments": '{"a":'}}, {"function_call": {"arguments": " 1}"}}]
    chunks = [{"choices": [{"index": 0, "delta": piece}]} for piece in pieces]

    assert row(stream(*chunks))["called"] == 'f({"a":1})'


def test_prompts_with_several_choices_each_stand_beside_their_own() -> None:
    found = requested(openai, {"model": "m", "prompt": ["a", "b"], "n": 2})

    assert [row[0] for row in found.rows] == ["a", "a", "b", "b"]
    assert request_fault(openai, {"model": "m", "prompt": ["a", "b"], "n": 10**9}) is Fault.TOO_MANY_ROWS


def test_a_long_setting_of_many_prompts_is_refused() -> None:
    asked = {"model": "m" * 20_000, "prompt": ["a"] * 1_000}

    assert request_fault(openai, asked) is Fault.TOO_LARGE
    assert len(requested(openai, {**asked, "model": "m" * 10_000}).rows) == 1_000
    assert len(requested(openai, {**asked, "prompt": ["a"]}).rows) == 1
