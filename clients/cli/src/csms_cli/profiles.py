"""Which servers there are, and with which keys: a file in the user's configuration folder that only its owner reads."""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from csms_cli.errors import CommandError

DEFAULT_URL = "http://127.0.0.1:8080"
_OWNER_ALONE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Profile:
    """A server, and how to get a key for it."""

    url: str
    api_key: str | None = None
    api_key_file: str | None = None
    """A file with the key alone; it may change while it is used."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where commands go."""

    url: str
    api_key: str


class Profiles:
    """The file. Raises CommandError when it cannot be read or written, or when others may read it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(typer.get_app_dir("csms")) / "profiles.json"

    def all(self) -> dict[str, Profile]:
        """Return all profiles by name."""
        return {name: Profile(**fields) for name, fields in self._read().get("profiles", {}).items()}

    @property
    def current(self) -> str | None:
        """The one that is used where none is named."""
        found = self._read().get("current")
        return None if found is None else str(found)

    def put(self, name: str, profile: Profile) -> None:
        """Add one or change it; the first one becomes the current one."""
        told = self._read()
        told.setdefault("profiles", {})[name] = asdict(profile)
        told.setdefault("current", name)
        self._write(told)

    def use(self, name: str) -> None:
        """Make one the current one."""
        told = self._read()
        if name not in told.get("profiles", {}):
            raise CommandError(f"there is no profile {name}")
        self._write({**told, "current": name})

    def remove(self, name: str) -> None:
        """Forget one."""
        told = self._read()
        if told.get("profiles", {}).pop(name, None) is None:
            raise CommandError(f"there is no profile {name}")
        if told.get("current") == name:
            del told["current"]
        self._write(told)

    def _read(self) -> dict[str, Any]:
        try:
            if self.path.stat().st_mode & _OTHERS:
                raise CommandError(f"others may read {self.path}, which holds keys: chmod 600 {self.path}")
            told = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CommandError(f"{self.path} cannot be read: {type(error).__name__}") from error
        if not isinstance(told, dict):
            raise CommandError(f"{self.path} is no file of profiles")
        return told

    def _write(self, told: Mapping[str, Any]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = self.path.with_suffix(f".{os.getpid()}")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE), "w") as file:
                file.write(json.dumps(told, indent=2) + "\n")
            part.replace(self.path)
        except OSError as error:
            raise CommandError(f"{self.path} cannot be written: {error.strerror}") from error


def target(profiles: Profiles, environment: Mapping[str, str], *, profile: str | None, url: str | None) -> Target:
    """Return where commands go: options count more than the environment, and that more than profiles.

    Raises CommandError when there is no key, or no profile of that name.
    """
    name = profile or environment.get("CSMS_PROFILE") or profiles.current
    found = profiles.all().get(name) if name is not None else None
    if name is not None and found is None:
        raise CommandError(f"there is no profile {name}; there are: {', '.join(profiles.all()) or 'none'}")
    # A profile that is named counts more than a URL that stands in the environment.
    given = url or (None if profile else environment.get("CSMS_URL")) or (found.url if found else DEFAULT_URL)
    return Target(given.rstrip("/"), _key(environment, found, same=found is None or given == found.url, named=profile))


def _key(environment: Mapping[str, str], profile: Profile | None, *, same: bool, named: str | None) -> str:
    if named is None:
        if key := environment.get("CSMS_API_KEY"):
            return key
        if file := environment.get("CSMS_API_KEY_FILE"):
            return _key_in(file)
    if profile is not None and same:  # a key never goes to another server than its own
        if profile.api_key is not None:
            return profile.api_key
        if profile.api_key_file is not None:
            return _key_in(profile.api_key_file)
    raise CommandError("there is no key: set CSMS_API_KEY or CSMS_API_KEY_FILE, or `csms profiles set NAME --url URL`")


def _key_in(file: str) -> str:
    try:
        return Path(file).expanduser().read_text().strip()
    except (OSError, ValueError) as error:
        raise CommandError(f"the key in {file} cannot be read: {type(error).__name__}") from error
