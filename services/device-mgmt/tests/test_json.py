import orjson
import pytest
from csms_device_mgmt.json import loads, unfit


def test_nul_characters_are_left_out_everywhere():
    value = {"a\0": ["b\0c", {"d": "\0"}], "e": 1.5, "f": None}
    assert loads(orjson.dumps(value)) == {"a": ["bc", {"d": ""}], "e": 1.5, "f": None}


def test_other_text_stays():
    value = {"a": "\\u0000 as text", "b": "ä"}
    assert loads(orjson.dumps(value)) == value


@pytest.mark.parametrize("value", ["a\0b", {"a\0": 1}, ["\ud800"], 2**64, [[2**70]]])
def test_unfit(value):
    assert unfit(value)


@pytest.mark.parametrize("value", [None, {}, [], "ä", 2**53, {"a": [1.5, True]}])
def test_fit(value):
    assert unfit(value) is None


def test_integral_numbers_become_integers():
    found = loads(b'{"evseId": 1.0, "list": [1e3, -0.0], "value": 1.5, "huge": 1e20, "text": "1.0"}')
    assert found == {"evseId": 1, "list": [1000, 0], "value": 1.5, "huge": 1e20, "text": "1.0"}
    assert isinstance(found["evseId"], int)
    assert isinstance(found["list"][0], int)
    assert isinstance(found["huge"], float)  # as an integer it could not be written again
