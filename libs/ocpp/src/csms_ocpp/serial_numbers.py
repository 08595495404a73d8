"""Serial numbers of stations in the common names (CN) of their certificates (A00.FR.405)."""

import re

from csms_ocpp.station_ids import key


def names(common_name: str, serial_number: str) -> bool:
    """Whether a certificate's CN is that of the station with this serial number.

    It is, when it is the serial number, or contains it as a whole word (see `has_word`). Upper and lower case are the
    same, as in identities.
    """
    return has_word(key(common_name), key(serial_number))


def has_word(text: str, word: str) -> bool:
    """Whether a text is this word, or contains it as a whole.

    No letter, digit, "-" or "_" may stand before or after it: station SN-1 must not pass for SN-10 or X-SN-1. A blank
    word is in no text.
    """
    if not word.strip():
        return False
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None
