"""What may be uploaded, by whom and how. Pure. Requirements: N01.FR.14 to .19, .21, .25 to .28."""

import base64
import binascii
import hmac
import re
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

VALID_FOR = timedelta(days=7)
"""So long after it was asked for a log can be uploaded; stations try again for days."""
MAX_NAME = 255
_ODD = re.compile(r"[^0-9A-Za-z ._+()@=,-]|^[^0-9A-Za-z]")
_DISPOSITION = re.compile(r'filename="([^"\\]*)"', re.IGNORECASE)


class UploadState(StrEnum):
    """How far an upload is."""

    EXPECTED = "Expected"
    RECEIVED = "Received"


class Credentials(NamedTuple):
    """What a station authenticates an upload with: made for one GetLog, and good for nothing else (N01.FR.17)."""

    user: str
    """The id of the upload."""
    password: str


def location(base: str, credentials: Credentials) -> str:
    """Return the URL that a station is given. It ends with a slash: the station appends the file's name (N01.FR.21).

    The credentials are in it (N01.FR.17, N01.FR.25); there is no query and no fragment (N01.FR.27, .28).
    """
    parts = urlsplit(base)
    user, password = credentials
    return f"{parts.scheme}://{user}:{password}@{parts.netloc}{parts.path.rstrip('/')}/{user}/"


def digest(password: str) -> bytes:
    """Return what is stored of a password. It is long and random: nobody can try all of them."""
    return sha256(password.encode()).digest()


def basic(header: str) -> Credentials | None:
    """Read an Authorization header; None: it is none of Basic authentication."""
    scheme, _, encoded = header.partition(" ")
    if scheme.casefold() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Credentials(user, password) if colon else None


def is_password(password: str, stored: bytes) -> bool:
    """Whether a password is the one of which this digest is stored."""
    return hmac.compare_digest(digest(password), stored)


def is_over(asked_at: datetime, now: datetime) -> bool:
    """Whether it is too late for an upload."""
    return now > asked_at + VALID_FOR


def file_name(path: str, disposition: str, otherwise: str) -> str | None:
    """Return the name of a file: from the end of the URL's path, else the header (N01.FR.19), else `otherwise`.

    It is shown and given to browsers: nothing hidden, nothing that means something to a shell or a terminal. Such
    characters become `_`, and the last MAX_NAME characters are kept. None: it is a path to somewhere else.
    """
    named = _DISPOSITION.search(disposition)
    name = path.removeprefix("/") or (named[1] if named else "") or otherwise
    return None if "/" in name or name in {".", ".."} else _ODD.sub("_", name[-MAX_NAME:])
