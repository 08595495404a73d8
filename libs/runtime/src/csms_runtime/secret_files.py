"""Secrets out of files: what `CSMS_X` holds may stand in the file that `CSMS_X_FILE` names, for each secret setting.

That is how Kubernetes and Docker hand out secrets: a file shows neither in the process's environment nor in what a
`describe` of it prints.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError


@dataclass(frozen=True, slots=True)
class Secret:
    """Marks a setting that holds a secret, or names files that do. Settings of type SecretStr need no mark."""

    in_files: bool = False
    """The setting names files that hold the secret: there is no `_FILE` for it."""


SECRET = Secret()
KEY_FILES = Secret(in_files=True)


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting itself holds a secret, which a file may hold in its place."""
    return _holds_secret_text(field.annotation) or SECRET in field.metadata


def names_secret_files(field: FieldInfo) -> bool:
    """Whether the setting names files with secrets: private keys."""
    return KEY_FILES in field.metadata


def files_of(settings: type[BaseSettings]) -> list[Path]:
    """Return the files that the environment names for the secrets of these settings."""
    prefix = settings.model_config.get("env_prefix", "")
    variables = (f"{prefix}{name}_FILE".upper() for name, field in settings.model_fields.items() if is_secret(field))
    return [Path(path) for variable in variables if (path := os.environ.get(variable))]


class SecretFiles(PydanticBaseSettingsSource):
    """A source of settings: the files that `CSMS_*_FILE` name, each without the newline at its end.

    Raises SettingsError, which names the variable and the file and never what is in it.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """See PydanticBaseSettingsSource."""
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        path = os.environ.get(f"{variable}_FILE")
        if not path or not is_secret(field):
            return None, field_name, False
        if os.environ.get(variable):
            raise SettingsError(f"{variable} and {variable}_FILE are both set: only one of them may be")
        text = _text(f"{variable}_FILE", path)
        try:
            return self.prepare_field_value(field_name, field, text, value_is_complex=False), field_name, False
        except ValueError:
            raise SettingsError(f"{variable}_FILE names {path}, which does not hold JSON") from None

    def __call__(self) -> dict[str, Any]:
        """See PydanticBaseSettingsSource."""
        found = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {key: value for value, key, _ in found if value is not None}


def _text(variable: str, path: str) -> str:
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        raise SettingsError(f"{variable} names {path}: {why}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable} names {path}, which is not text in UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SettingsError(f"{variable} names {path}, which is empty")
    return text


def _holds_secret_text(annotation: object) -> bool:
    return annotation is SecretStr or any(map(_holds_secret_text, get_args(annotation)))
