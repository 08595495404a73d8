"""Tells from the bytes of a message what it will cost, quickly, and before it is parsed.

The number of values costs far more time and memory than the number of bytes: to parse 4 MiB of text takes 2 ms, but
4 MiB of `{}` take 100 ms and 150 MB. There are about as many of the characters `{ [ , :` as values, and to count them
takes 1 ms per MiB. Those inside of strings are counted too. A message that is refused for that is no message of OCPP.
"""

MAX_STRUCTURE = 200_000
"""Characters `{ [ , :` that any message may have. To parse and validate it whole takes up to 50 ms and 40 MiB."""

BYTES_PER_VALUE = 8
"""A message that can be read in pieces (`csms_ocpp.long_list`) may have one of `{ [ , :` in so many bytes. Stations'
messages have one in eight to ten bytes: a day with eight meter values every minute has 155,000 in 1.4 MB. In `cost`
one of these characters counts as so many bytes."""

_STRUCTURE = b"{[,:"
_OTHERS = bytes(set(range(256)) - set(_STRUCTURE))
_SHORT = 128
"""Bytes. In a shorter message it is quicker to count four times."""


def structure(data: bytes) -> int:
    """Return how many of the characters `{ [ , :` a message has."""
    if len(data) < _SHORT:
        return data.count(b",") + data.count(b":") + data.count(b"{") + data.count(b"[")
    return len(data.translate(None, _OTHERS))


def most_structure(size: int) -> int:
    """Return how many of the characters `{ [ , :` a message of so many bytes may have."""
    return max(MAX_STRUCTURE, size // BYTES_PER_VALUE)


def is_too_much(data: bytes) -> bool:
    """Whether a message has more of `{ [ , :` than it may, and must not be parsed. Costs nothing for short ones."""
    return len(data) > MAX_STRUCTURE and structure(data) > most_structure(len(data))


def cost(data: bytes) -> int:
    """Return what a message, inflated, will cost to read: its bytes, and 8 more for each of `{ [ , :`.

    A station is charged by it. A usual message costs about twice its length. 1 MiB of cost is at most 15 ms of work. A
    message that has more than it may costs no more, since it is not parsed. Takes under a microsecond for usual
    messages.
    """
    size = len(data)
    values = structure(data)
    if values > MAX_STRUCTURE:  # `most_structure` is never less
        values = min(values, most_structure(size))
    return size + BYTES_PER_VALUE * values
