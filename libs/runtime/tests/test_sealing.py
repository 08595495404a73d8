import pytest
from csms_runtime import metrics
from csms_runtime.sealing import CannotOpen, Sealer
from csms_runtime.secret_keys import SecretKeys

KEYS = SecretKeys(b"a key for tests only")
PLAIN = b"correct horse battery"


def test_what_was_sealed_is_opened_by_whoever_has_the_key() -> None:
    sealed = Sealer(KEYS).seal(PLAIN, "CS1", "7")
    assert PLAIN not in sealed
    assert len(sealed) == len(PLAIN) + 29
    assert Sealer(KEYS).open(sealed, "CS1", "7") == PLAIN


def test_the_same_twice_looks_different() -> None:
    sealer = Sealer(KEYS)
    assert sealer.seal(PLAIN, "CS1") != sealer.seal(PLAIN, "CS1")


@pytest.mark.parametrize("context", [(), ("CS2", "7"), ("CS1", "8"), ("CS1",), ("CS17",), ("CS1", "7", "")])
def test_it_opens_for_nothing_else(context: tuple[str, ...]) -> None:
    sealed = Sealer(KEYS).seal(PLAIN, "CS1", "7")
    with pytest.raises(CannotOpen):
        Sealer(KEYS).open(sealed, *context)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(CannotOpen, match="CSMS_SECRET_KEY"):
        Sealer(SecretKeys(b"another key for tests")).open(Sealer(KEYS).seal(PLAIN, "CS1"), "CS1")


@pytest.mark.parametrize("at", [0, 5, 20, -1])
def test_what_was_changed_does_not_open(at: int) -> None:
    sealed = bytearray(Sealer(KEYS).seal(PLAIN, "CS1"))
    sealed[at] ^= 1
    with pytest.raises(CannotOpen):
        Sealer(KEYS).open(bytes(sealed), "CS1")


@pytest.mark.parametrize("nothing", [b"", b"\x01", b"\x01short", b"plain text that is long enough"])
def test_what_never_was_sealed_does_not_open(nothing: bytes) -> None:
    with pytest.raises(CannotOpen):
        Sealer(KEYS).open(nothing, "CS1")


def test_a_former_key_opens_and_does_not_seal() -> None:
    both = Sealer(SecretKeys(b"another key for tests", KEYS.every))
    used = metrics.SECRET_KEY_OTHERS_USED.labels("sealed")
    before = used._value.get()
    assert both.open(Sealer(KEYS).seal(PLAIN, "CS1"), "CS1") == PLAIN
    assert used._value.get() == before + 1
    sealed = both.seal(PLAIN, "CS1")
    assert both.open(sealed, "CS1") == PLAIN
    assert used._value.get() == before + 1
    with pytest.raises(CannotOpen):
        Sealer(KEYS).open(sealed, "CS1")
