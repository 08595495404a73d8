import pytest
from csms_runtime.passwords import digest, digests, matches
from hypothesis import given
from hypothesis import strategies as st

KEY = b"the deployment's key"
HEX = "00112233445566778899aabbccddeeff"


@given(st.text(min_size=1))
def test_the_stored_digest_is_among_those_of_the_password(password: str) -> None:
    raw = password.encode()
    assert matches(digest(KEY, "CS1", raw), digests(KEY, "CS1", raw))


def test_authorization_key_sent_as_bytes_or_as_digits() -> None:
    stored = digest(KEY, "CS1", HEX.encode())
    assert matches(stored, digests(KEY, "CS1", bytes.fromhex(HEX)))
    assert matches(stored, digests(KEY, "CS1", HEX.encode()))
    assert matches(stored, digests(KEY, "CS1", HEX.upper().encode()))


@pytest.mark.parametrize("key", [bytes(range(240, 256)), b"\xc3\x28" * 8, b"\x00" * 16, b"\xff" * 20])
def test_an_authorization_key_need_not_be_text(key: bytes) -> None:
    """Set as 32 to 40 hexadecimal digits, sent as the bytes, which are no UTF-8 (OCPP 1.6)."""
    stored = digest(KEY, "CS1", key.hex().encode())
    assert matches(stored, digests(KEY, "CS1", key))
    assert not matches(stored, digests(KEY, "CS1", key[:-1] + b"\x01"))
    assert not matches(stored, digests(KEY, "CS1", key + b"\x00"))


@pytest.mark.parametrize("password", ["pässwörd-0123456789", "0x" + HEX, HEX + "g", f" {HEX}"])
def test_text_is_compared_as_its_utf_8(password: str) -> None:
    stored = digest(KEY, "CS1", password.encode())
    assert digests(KEY, "CS1", password.encode()) == [stored]
    assert not matches(stored, digests(KEY, "CS1", password.encode("utf-16")))


def test_another_password_station_or_key_does_not_match() -> None:
    stored = digest(KEY, "CS1", b"0123456789abcdef")
    assert not matches(stored, digests(KEY, "CS1", b"0123456789abcdeF"))
    assert not matches(stored, digests(KEY, "CS2", b"0123456789abcdef"))
    assert not matches(stored, digests(b"another key", "CS1", b"0123456789abcdef"))


def test_station_and_password_do_not_run_together() -> None:
    assert digest(KEY, "CS1", b"1secret") != digest(KEY, "CS11", b"secret")


@pytest.mark.parametrize("password", [b"", b"short", b"ab" * 15, b"0" * 33, b"zz" * 16, b"\xff" * 32, b"0 " * 16])
def test_what_is_read_one_way_only(password: bytes) -> None:
    assert len(digests(KEY, "CS1", password)) == 1


def test_nothing_stored_matches_nothing() -> None:
    assert not matches(b"", digests(KEY, "CS1", b"x"))
    assert not matches(b"", [b""])
    assert not matches(digest(KEY, "CS1", b"x"), [])
