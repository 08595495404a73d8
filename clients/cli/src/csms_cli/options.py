"""Options and arguments that several commands have."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from csms_cli.errors import CommandError

Station = Annotated[str, typer.Argument(help="The station's identity.", metavar="STATION")]
Most = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")]
All = Annotated[bool, typer.Option("--all", help="All of them, however many.")]
Payload = Annotated[str, typer.Argument(help="JSON, or @FILE, or - for standard input.", metavar="PAYLOAD")]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def most(limit: int, *, everything: bool) -> int | None:
    """Return how many items are wanted; None: all."""
    return None if everything else limit


def payload(text: str) -> Any:  # noqa: ANN401 any JSON value
    """Return the JSON value of an argument. Raises CommandError."""
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).expanduser().read_text()
        return json.loads(text)
    except OSError as error:
        raise CommandError(f"{text[1:]} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError("the payload is no JSON") from error


def moment(text: str | None) -> str | None:
    """Return a time for the API: RFC 3339 as it is; a date is its beginning in UTC; 30m, 12h, 7d: so long ago.

    Raises CommandError.
    """
    if text is None:
        return None
    if text[:-1].isdecimal() and text[-1] in _UNITS:
        ago = timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        return (datetime.now(tz=UTC) - ago).isoformat()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is no time: 2026-01-31, 2026-01-31T14:05:00+01:00, 30m, 12h or 7d") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()
