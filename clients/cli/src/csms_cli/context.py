"""What all commands share: the server they speak to, and how they write."""

import os
from dataclasses import dataclass, field

import typer

from csms_cli.api import Api
from csms_cli.output import Output
from csms_cli.profiles import Profiles, target


@dataclass(slots=True)
class Context:
    """Made of the options before a command."""

    profile: str | None
    url: str | None
    output: Output
    profiles: Profiles = field(default_factory=Profiles)
    _api: Api | None = None

    @property
    def api(self) -> Api:
        """The server. Raises CommandError when there is no key for one."""
        if self._api is None:
            self._api = Api(target(self.profiles, os.environ, profile=self.profile, url=self.url))
        return self._api


def of(context: typer.Context) -> Context:
    """Return the context of a command."""
    found = context.find_object(Context)
    if found is None:
        raise RuntimeError("commands are called below the callback of the whole")
    return found


def group(about: str) -> typer.Typer:
    """Return a group of commands."""
    return typer.Typer(no_args_is_help=True, help=about, pretty_exceptions_enable=False)
