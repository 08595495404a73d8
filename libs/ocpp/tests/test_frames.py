import orjson
import pytest
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.fitness import unfit
from csms_ocpp.frames import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Send,
    canonical_code,
    encode,
    encode_error,
)
from csms_ocpp.parsing import FrameError, parse
from csms_ocpp.versions import VERSIONS, Version
from hypothesis import given
from hypothesis import strategies as st

V16, V201, V21 = VERSIONS.values()


def refusal(data: str | bytes, version: Version = V201) -> FrameError:
    with pytest.raises(FrameError) as caught:
        parse(data, version)
    return caught.value


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_reads_the_basic_frames(version: Version) -> None:
    assert parse('[2,"a","Heartbeat",{}]', version) == Call("a", "Heartbeat", {}, b"{}")
    assert parse(b'[3,"a",{"x":1}]', version) == CallResult("a", {"x": 1}, b'{"x":1}')
    assert parse('[4,"a","GenericError","no",{"x":1}]', version) == CallError("a", "GenericError", "no", b'{"x":1}')


def test_reads_the_frames_of_21() -> None:
    assert parse('[5,"a","GenericError","",{}]', V21) == CallResultError("a", "GenericError", "")
    assert parse('[6,"a","NotifyPeriodicEventStream",{}]', V21) == Send("a", "NotifyPeriodicEventStream", {}, b"{}")


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ('[2,"a","X",{"n":123456789012345678901234567890}]', b'{"n":123456789012345678901234567890}'),
        ('[2,"a","X",{"n":1.10,"n":1e2}]', b'{"n":1.10,"n":1e2}'),
        (' [ 2 ,\n"a\\"],\\\\" , "X" , { "k" : "],]" } ] \r\n', b'{ "k" : "],]" }'),
        ('[2,"ä","X",[1,[2]]]', b"[1,[2]]"),
        ('[2,"a","X","]"]', b'"]"'),
        ('[2,"a","X",null]', b"null"),
    ],
)
def test_a_calls_payload_keeps_its_bytes(text: str, raw: bytes) -> None:
    frame = parse(text, V201)
    assert isinstance(frame, Call)
    assert frame.raw == raw


def test_a_results_payload_keeps_its_bytes() -> None:
    frame = parse('[3, "a", {"n": 1.0} ]', V201)
    assert isinstance(frame, CallResult)
    assert frame.raw == b'{"n": 1.0}'


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**53), 2**53)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.text('abc"\\,[] é', min_size=1, max_size=36), st.text(max_size=64), JSON)
def test_slicing_equals_parsing(message_id: str, action: str, payload: object) -> None:
    call = parse(orjson.dumps([2, message_id, action, payload], option=orjson.OPT_INDENT_2), V201)
    assert isinstance(call, Call)
    assert (call.message_id, call.action, orjson.loads(call.raw)) == (message_id, action, payload)
    result = parse(orjson.dumps([3, message_id, payload]), V201)
    assert isinstance(result, CallResult)
    assert orjson.loads(result.raw) == payload


@pytest.mark.parametrize(
    "data",
    ["", "[", "nonsense", '{"a":1}', "2", "null", "[]", b"\xff\xfe", '["\ud800"]', "[NaN]", "[" * 2000 + "]" * 2000],
)
@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_what_is_no_array_is_answered_without_an_id(data: str | bytes, version: Version) -> None:
    error = refusal(data, version)
    assert (error.code, error.message_id, error.answer) == (ErrorCode.RPC_FRAMEWORK_ERROR, "-1", True)


@pytest.mark.parametrize("message_id", [None, 1, True, ["a"], "", "x" * 37, "a\nb", "a\x00"], ids=repr)
def test_unreadable_ids(message_id: object) -> None:
    error = refusal(orjson.dumps([2, message_id, "Heartbeat", {}]))
    assert (error.code, error.message_id) == (ErrorCode.RPC_FRAMEWORK_ERROR, "-1")


def test_the_longest_id() -> None:
    assert parse(orjson.dumps([2, "x" * 36, "Heartbeat", {}]), V201).message_id == "x" * 36


@pytest.mark.parametrize(
    "frame",
    [
        [2, "a"],
        [2, "a", "X"],
        [2, "a", "X", {}, {}],
        [2, "a", 5, {}],
        ["2", "a", "X", {}],
        [2.0, "a", "X", {}],
        [True, "a", "X", {}],
    ],
)
def test_calls_of_the_wrong_shape_are_answered_with_their_id(frame: list[object]) -> None:
    error = refusal(orjson.dumps(frame))
    assert (error.code, error.message_id, error.answer) == (ErrorCode.RPC_FRAMEWORK_ERROR, "a", True)


def test_an_incomplete_call_of_16_is_a_protocol_error() -> None:
    assert refusal('[2,"a","Heartbeat"]', V16).code is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(("version", "answer"), [(V16, False), (V201, True), (V21, False)])
def test_unknown_message_types(version: Version, answer: bool) -> None:  # noqa: FBT001
    error = refusal('[9,"a",{}]', version)
    assert (error.code, error.message_id, error.answer) == (ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, "a", answer)


def test_an_unknown_message_type_without_id_is_ignored() -> None:
    assert not refusal("[9]").answer
    assert not refusal("[9,{}]").answer


@pytest.mark.parametrize("kind", [5, 6])
def test_the_types_of_21_are_unknown_before(kind: int) -> None:
    assert refusal(f'[{kind},"a","X","",{{}}]', V201).code is ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED
    assert not refusal(f'[{kind},"a","X","",{{}}]', V16).answer


@pytest.mark.parametrize(
    "data", ["[3]", "[3,5,{}]", "[4]", "[4,null]", "[5]", "[6]", '[6,"a"]', '[6,"a","X"]', "[6,1,2,3]"]
)
def test_broken_answers_and_sends_get_no_answer(data: str) -> None:
    assert not refusal(data, V21).answer


def test_answers_that_lack_parts_are_read() -> None:
    assert parse('[4,"a"]', V201) == CallError("a", "GenericError", "")
    assert parse('[4,"-1",5,null,[]]', V201) == CallError("-1", "GenericError", "")
    assert parse(orjson.dumps([4, "a", "x" * 999, "y" * 999]), V201) == CallError("a", "x" * 255, "y" * 255)


@pytest.mark.parametrize("data", ['[3,"a"]', '[3,"a",{},1]'])
def test_a_result_without_a_payload_names_its_call(data: str) -> None:
    error = refusal(data)
    assert (error.message_id, error.meant, error.answer) == ("a", CallResult, False)


@pytest.mark.parametrize("unit", ["a", "\\n", "\\u00e4"])
def test_a_long_action_is_cut_and_its_payload_left(unit: str) -> None:
    frame = parse(f'[2,"a","{unit * 100_000}",{{"x":1}}]', V201)
    assert isinstance(frame, Call)
    assert (len(frame.action), frame.payload, frame.raw) == (65, None, b"null")


def test_nothing_of_broken_input_is_repeated() -> None:
    for data in (
        '{"password":"secret"',
        '["secret","secret",{}]',
        '[2,"secretsecretsecretsecretsecretsecretsecret","X",{}]',
    ):
        error = refusal(data)
        assert "secret" not in f"{error}{error.__cause__}" or error.message_id == "secret"
    assert "secret" not in repr(parse('[2,"a","X",{"password":"secret"}]', V201))


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (Call('"', "X", {}, b'{"a":1.0}'), '[2,"\\"","X",{"a":1.0}]'),
        (CallResult("a", {}, b"{}"), '[3,"a",{}]'),
        (CallError("a", "GenericError", 'a"b'), '[4,"a","GenericError","a\\"b",{}]'),
        (CallResultError("a", "GenericError", "", b'{"a":1}'), '[5,"a","GenericError","",{"a":1}]'),
        (Send("a", "X", {}, b"{}"), '[6,"a","X",{}]'),
    ],
)
def test_encoding(frame: Call | CallResult | CallError | CallResultError | Send, text: str) -> None:
    assert encode(frame) == text


def test_errors_are_spelled_cut_and_bare() -> None:
    error = OcppError(ErrorCode.FORMAT_VIOLATION, "x" * 300, {"secret": 1})
    assert orjson.loads(encode_error("a", error, V16.spelling)) == [4, "a", "FormationViolation", "x" * 255, {}]
    assert orjson.loads(encode_error("a", error, V21.spelling, of_result=True)) == [
        5,
        "a",
        "FormatViolation",
        "x" * 255,
        {},
    ]


def test_codes_are_read_in_either_spelling() -> None:
    assert canonical_code(CallError("a", "OccurenceConstraintViolation", "")) == "OccurrenceConstraintViolation"
    assert canonical_code(CallError("a", "VendorError", "")) == "VendorError"


@pytest.mark.parametrize(("levels", "fit"), [(10, True), (250, True), (260, False), (1000, False)])
def test_nesting_that_nobody_could_write_again_is_unfit(levels: int, fit: bool) -> None:  # noqa: FBT001
    raw = b'{"a":' * levels + b"1" + b"}" * levels
    assert (unfit(orjson.loads(raw), raw) is None) is fit


def test_many_brackets_are_not_deep_ones() -> None:
    raw = b"[" + b",".join([b"{}"] * 1000) + b"]"
    assert unfit(orjson.loads(raw), raw) is None


@pytest.mark.parametrize(
    ("raw", "fit"), [(b'"\\u0000"', False), (b'"a\\\\\\u0000"', False), (b'"\\\\u0000"', True), (b'"\\u0001"', True)]
)
def test_nul_is_unfit(raw: bytes, fit: bool) -> None:  # noqa: FBT001
    assert (unfit(orjson.loads(raw), raw) is None) is fit
