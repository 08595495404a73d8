import orjson
from csms_device_mgmt.json import canonical, integers, loads, size_of


def test_text_stays():
    value = {"a": "\\u0000 as text", "b": "ä", "c": "1.0"}
    assert loads(orjson.dumps(value)) == value


def test_integral_numbers_become_integers():
    found = loads(b'{"evseId": 1.0, "list": [1e3, -0.0], "value": 1.5, "huge": 1e20, "text": "1.0"}')
    assert found == {"evseId": 1, "list": [1000, 0], "value": 1.5, "huge": 1e20, "text": "1.0"}
    assert isinstance(found["evseId"], int)
    assert isinstance(found["list"][0], int)
    assert isinstance(found["huge"], float)  # as an integer it could not be written again


def test_a_parsed_value_gets_integers():
    found = integers({"a": [7.0, 1e3], "b": 0.5, "c": "7.0"})
    assert orjson.dumps(found) == b'{"a":[7,1000],"b":0.5,"c":"7.0"}'


def test_what_cannot_be_written_stays():
    assert integers({"a": 2**70}) == {"a": 2**70}
    assert size_of({"a": 2**70}) == 0
    assert size_of({"a": 1}) == 7


def test_integral_numbers_are_found_anywhere_in_a_long_text():
    for length in range(65_536 - 8, 65_536 + 4):
        assert loads(b'["' + b"a" * length + b'",1.0]')[1].__class__ is int


def test_the_same_value_is_the_same_bytes():
    value = {"b": [1.0, 1e3, -0.0, 1.5, 1e22], "a": {"text": "1.0"}}
    assert canonical(value) == canonical(loads(orjson.dumps(value)))
    assert canonical({"b": [1], "a": 16.0}) == canonical({"a": 16, "b": [1.0]})
    assert canonical({"a": 1}) != canonical({"a": "1"})
