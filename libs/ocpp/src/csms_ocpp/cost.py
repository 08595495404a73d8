"""What a message costs, told from its bytes alone: before it is parsed, and quickly.

Parsing and validating take time and memory for each value far more than for each byte: 4 MiB of text are parsed in
2 ms, 4 MiB of `{}` in 100 ms and 150 MB. The characters `{ [ , :` are nearly as many as the values, and counting them
takes 2 ms per MiB. Those inside of strings are counted too: what is refused wrongly for that is no message of OCPP.
"""

MAX_STRUCTURE = 200_000
"""Characters `{ [ , :` that a message may have. So many take up to 50 ms and 40 MiB to parse and validate. A day of
meter values every minute, eight values each, has 155,000 in 1.4 MB."""

BYTES_PER_VALUE = 8
"""What one of `{ [ , :` counts as in `cost`: a message as stations send them has about one in nine bytes."""


def structure(data: bytes) -> int:
    """Return how many of the characters `{ [ , :` a message has."""
    return data.count(b",") + data.count(b":") + data.count(b"{") + data.count(b"[")


def is_too_much(data: bytes) -> bool:
    """Whether a message has more than MAX_STRUCTURE, so that it must not be parsed. Free for short ones."""
    return len(data) > MAX_STRUCTURE and structure(data) > MAX_STRUCTURE


def cost(data: bytes) -> int:
    """Return what a message, inflated, will cost to read: its bytes, and 8 more for each of `{ [ , :`.

    To charge a station by. A usual message costs about twice its length; 1 MiB of cost is at most 15 ms. What is over
    MAX_STRUCTURE is not parsed, so that it costs no more. Takes under a microsecond for usual messages.
    """
    return len(data) + BYTES_PER_VALUE * min(structure(data), MAX_STRUCTURE)
