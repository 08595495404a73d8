"""What a message costs, told from its bytes alone: before it is parsed, and quickly.

Parsing and validating take time and memory for each value far more than for each byte: 4 MiB of text are parsed in
2 ms, 4 MiB of `{}` in 100 ms and 150 MB. The characters `{ [ , :` are nearly as many as the values, and counting them
takes 1 ms per MiB. Those inside of strings are counted too: what is refused wrongly for that is no message of OCPP.
"""

MAX_STRUCTURE = 200_000
"""Characters `{ [ , :` that any message may have: so many take up to 50 ms and 40 MiB to parse and validate whole."""

BYTES_PER_VALUE = 8
"""Bytes for each of `{ [ , :` from which on a message may have more of them, if it can be read in pieces
(`csms_ocpp.long_list`): stations' messages have one in eight to ten bytes. A day of meter values every minute, eight
values each, has 155,000 in 1.4 MB. In `cost`, what one of these characters counts."""

_STRUCTURE = b"{[,:"
_OTHERS = bytes(set(range(256)) - set(_STRUCTURE))
_SHORT = 4096
"""Bytes; counting four times is quicker for what is shorter."""


def structure(data: bytes) -> int:
    """Return how many of the characters `{ [ , :` a message has."""
    if len(data) < _SHORT:
        return data.count(b",") + data.count(b":") + data.count(b"{") + data.count(b"[")
    return len(data.translate(None, _OTHERS))


def most_structure(size: int) -> int:
    """Return how many of the characters `{ [ , :` a message of so many bytes may have."""
    return max(MAX_STRUCTURE, size // BYTES_PER_VALUE)


def is_too_much(data: bytes) -> bool:
    """Whether a message has more than it may, so that it must not be parsed. Free for short ones."""
    return len(data) > MAX_STRUCTURE and structure(data) > most_structure(len(data))


def cost(data: bytes) -> int:
    """Return what a message, inflated, will cost to read: its bytes, and 8 more for each of `{ [ , :`.

    To charge a station by. A usual message costs about twice its length; 1 MiB of cost is at most 15 ms. What has more
    than it may is not parsed, so that it costs no more. Takes under a microsecond for usual messages.
    """
    size = len(data)
    values = structure(data) if size < _SHORT else min(structure(data), most_structure(size))
    return size + BYTES_PER_VALUE * values
