import orjson
from csms_device_mgmt.json import loads


def test_text_stays():
    value = {"a": "\\u0000 as text", "b": "ä", "c": "1.0"}
    assert loads(orjson.dumps(value)) == value


def test_integral_numbers_become_integers():
    found = loads(b'{"evseId": 1.0, "list": [1e3, -0.0], "value": 1.5, "huge": 1e20, "text": "1.0"}')
    assert found == {"evseId": 1, "list": [1000, 0], "value": 1.5, "huge": 1e20, "text": "1.0"}
    assert isinstance(found["evseId"], int)
    assert isinstance(found["list"][0], int)
    assert isinstance(found["huge"], float)  # as an integer it could not be written again
