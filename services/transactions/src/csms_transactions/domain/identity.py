"""The id a transaction has in our API and tables."""

from hashlib import blake2b

_DIGEST_BYTES = 16


def transaction_key(station_id: str, transaction_id: str) -> str:
    """Our id of a station's transaction: 32 hexadecimal digits, the same for ever.

    Stations' transaction ids are unique only per station (E01.FR.08). A digest of both needs no look-up: whoever has
    an event knows the row it belongs to.
    """
    name = f"{len(station_id)}:{station_id}{transaction_id}"
    return blake2b(name.encode(), digest_size=_DIGEST_BYTES).hexdigest()
