"""Serial numbers of stations in the common names (CN) of their certificates (A00.FR.405)."""

import re


def names(common_name: str, serial_number: str) -> bool:
    """Whether a certificate's CN is that of the station with this serial number.

    It is when it is the serial number, or contains it as a whole word: what comes before and after it is no letter, no
    digit, no "-" and no "_", so that station SN-1 cannot pass for SN-10 or X-SN-1. An empty serial number is nobody's.
    """
    if not serial_number.strip():
        return False
    return re.search(rf"(?<![\w-]){re.escape(serial_number)}(?![\w-])", common_name) is not None
