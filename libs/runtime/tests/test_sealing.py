import pytest
from csms_runtime.sealing import CannotOpen, Sealer

KEY = b"a key for tests only"
PLAIN = b"correct horse battery"


def test_what_was_sealed_is_opened_by_whoever_has_the_key() -> None:
    sealed = Sealer(KEY).seal(PLAIN, "CS1", "7")
    assert PLAIN not in sealed
    assert len(sealed) == len(PLAIN) + 29
    assert Sealer(KEY).open(sealed, "CS1", "7") == PLAIN


def test_the_same_twice_looks_different() -> None:
    sealer = Sealer(KEY)
    assert sealer.seal(PLAIN, "CS1") != sealer.seal(PLAIN, "CS1")


@pytest.mark.parametrize("context", [(), ("CS2", "7"), ("CS1", "8"), ("CS1",), ("CS17",), ("CS1", "7", "")])
def test_it_opens_for_nothing_else(context: tuple[str, ...]) -> None:
    sealed = Sealer(KEY).seal(PLAIN, "CS1", "7")
    with pytest.raises(CannotOpen):
        Sealer(KEY).open(sealed, *context)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(CannotOpen, match="CSMS_SECRET_KEY"):
        Sealer(b"another key for tests").open(Sealer(KEY).seal(PLAIN, "CS1"), "CS1")


@pytest.mark.parametrize("at", [0, 5, 20, -1])
def test_what_was_changed_does_not_open(at: int) -> None:
    sealed = bytearray(Sealer(KEY).seal(PLAIN, "CS1"))
    sealed[at] ^= 1
    with pytest.raises(CannotOpen):
        Sealer(KEY).open(bytes(sealed), "CS1")


@pytest.mark.parametrize("nothing", [b"", b"\x01", b"\x01short", b"plain text that is long enough"])
def test_what_never_was_sealed_does_not_open(nothing: bytes) -> None:
    with pytest.raises(CannotOpen):
        Sealer(KEY).open(nothing, "CS1")
