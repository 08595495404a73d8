"""The Prefer header (RFC 7240), as far as the API knows it."""

from typing import Annotated

from fastapi import Header

RESPOND_ASYNC = "respond-async"
"""As `Preference-Applied` repeats it."""
Prefer = Annotated[str | None, Header(max_length=255, description="respond-async: do not wait for the station")]


def wants_async(prefer: str | None) -> bool:
    """Whether a Prefer header asks not to wait (RFC 7240, section 4.1)."""
    return any(_name(preference) == RESPOND_ASYNC for preference in (prefer or "").split(","))


def _name(preference: str) -> str:
    return preference.split(";", maxsplit=1)[0].strip().lower()
