"""Files that settings name: one that is not there is told at the start, in one line, and by the name of its setting."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel

_MADE_HERE = frozenset({"data_dir", "pki_dir"})
"""Directories, which are made where they are missing."""
_OF_DATABASE = frozenset({"sslrootcert", "sslcert", "sslkey"})
_NO_FILE = frozenset({"", "system"})


def fault(settings: BaseModel) -> str:
    """Say which file that the settings name cannot be read, and why; empty: all can."""
    for variable, path in _named(settings):
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else type(error).__name__
            return f"{variable} names {path}: {why}"
    return ""


def _named(settings: BaseModel) -> Iterator[tuple[str, Path]]:
    for name, value in settings:
        variable = f"CSMS_{name.upper()}"
        if name == "database_url" and value is not None:
            for parameter, path in parse_qsl(urlsplit(value.get_secret_value()).query):
                if parameter in _OF_DATABASE and path not in _NO_FILE:
                    yield f"{variable} ({parameter})", Path(path)
        elif name not in _MADE_HERE:
            yield from ((variable, path) for path in _paths(value))


def _paths(value: object) -> Iterator[Path]:
    match value:
        case Path():
            yield value
        case list():
            for item in value:
                yield from _paths(item)
        case BaseModel():
            for _, item in value:
                yield from _paths(item)
