"""What stands against starting a process: told in one line that says what to do, never by a traceback."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

Settings = TypeVar("Settings")


class CannotStart(Exception):  # noqa: N818 what is the case
    """The process cannot start as it is configured, or as things are. The text is one line without secrets."""


class StoppedEarly(CannotStart):
    """The process was told to stop while it waited for what it needs. Nothing is wrong with that."""


class TaskDied(Exception):  # noqa: N818 what happened, as the log says it
    """A background task ended, by an error (the cause) or by returning, before it was told to."""


def reason(error: BaseException) -> str | None:
    """Return in one line why a process could not start, or go on, if an error is about that; None for any other error.

    Looks into groups of errors, and behind an error that says no more than which task ended.
    """
    if isinstance(error, CannotStart):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:  # a file that the settings name
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(reason, error.exceptions)), None)
    return reason(error.__cause__) if isinstance(error, TaskDied) and error.__cause__ is not None else None


def read(settings: Callable[[], Settings]) -> Settings:
    """Read settings from the environment. Raises CannotStart, which names the variables that are wrong."""
    try:
        return settings()
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise CannotStart("; ".join(_told(each["loc"], each["msg"]) for each in found)) from None
    except SettingsError as error:
        raise CannotStart(str(error)) from None


def _told(place: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not place:
        return text
    name, *below = place
    return f"CSMS_{str(name).upper()}{''.join(f'[{part}]' for part in below)}: {text}"
