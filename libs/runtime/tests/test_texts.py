import pytest
from csms_runtime.texts import for_terminal, is_storable, storable


@pytest.mark.parametrize("text", ["", "ä😀", "\\u0000", "\x01\x1b\n", "\uffff", "\ufffd"])
def test_storable(text: str) -> None:
    assert is_storable(text)
    assert storable(text) == text


@pytest.mark.parametrize(("text", "kept"), [("a\0b", "a\ufffdb"), ("\ud800\udfff", "\ufffd\ufffd")])
def test_what_cannot_be_stored_is_replaced(text: str, kept: str) -> None:
    assert not is_storable(text)
    assert storable(text) == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä\t😀", "plain ä\t😀"),
        ("\x1b[2J\x9b31m\x07", "\\x1b[2J\\x9b31m\\x07"),
        ("a\r\nINFO b\0", "a\\r\\nINFO b\\x00"),
        ("abc\u202efdp.exe\u2028", "abc\\u202efdp.exe\\u2028"),
        ("\ud800", "\\ud800"),
    ],
)
def test_controls_are_shown_as_escapes(text: str, shown: str) -> None:
    assert for_terminal(text) == shown
