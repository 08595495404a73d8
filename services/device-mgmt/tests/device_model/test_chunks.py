import orjson
import pytest
from csms_device_mgmt.device_model.chunks import ENVELOPE_BYTES, ChunkLimits, parse_limit, split
from hypothesis import given
from hypothesis import strategies as st


def test_no_limits_no_split() -> None:
    assert split([1, 2, 3], ChunkLimits()) == [[1, 2, 3]]


def test_five_items_with_a_limit_of_four() -> None:
    assert split([1, 2, 3, 4, 5], ChunkLimits(items=4)) == [[1, 2, 3, 4], [5]]


def test_nothing_to_split() -> None:
    assert split([], ChunkLimits(items=4)) == []


def test_bytes_count() -> None:
    element = "x" * 50
    assert split([element] * 3, ChunkLimits(size=ENVELOPE_BYTES + 110)) == [[element, element], [element]]


def test_too_large_element_is_sent_alone() -> None:
    assert split(["a", "x" * 500, "b"], ChunkLimits(size=200)) == [["a"], ["x" * 500], ["b"]]


@given(
    st.lists(st.text(max_size=40), max_size=30),
    st.one_of(st.none(), st.integers(1, 6)),
    st.one_of(st.none(), st.integers(400, 900)),
)
def test_order_is_kept_and_limits_hold(elements: list[str], items: int | None, size: int | None) -> None:
    chunks = split(elements, ChunkLimits(items, size))
    assert [element for chunk in chunks for element in chunk] == elements
    assert all(chunks)
    assert items is None or all(len(chunk) <= items for chunk in chunks)
    frame = [2, "0" * 36, "SetVariables"]
    frames = [orjson.dumps([*frame, {"setVariableData": chunk}]) for chunk in chunks]
    assert size is None or all(len(encoded) <= size for encoded in frames)


@pytest.mark.parametrize(
    ("value", "limit"), [("4", 4), ("0", None), ("-1", None), ("", None), (None, None), ("x", None)]
)
def test_parse_limit(value: str | None, limit: int | None) -> None:
    assert parse_limit(value) == limit
