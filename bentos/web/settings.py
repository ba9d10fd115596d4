"""Settings of a Bento: a frozen Struct, read once from the environment."""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

_QUOTED = re.compile(r"^Invalid enum value .*$", re.DOTALL)
T = TypeVar("T", bound=msgspec.Struct)


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the environment variable and never its value."""


def read_settings(environ: Mapping[str, str], prefix: str, kind: type[T]) -> T:
    """Reads each field from the variable of its name with the prefix; an empty variable counts as unset.

    Raises:
        SettingsError: a variable is missing, wrong or unknown.
    """
    names = {f"{prefix}{field.name.upper()}": field.name for field in msgspec.structs.fields(kind)}
    given = {name: value for name, value in environ.items() if name.startswith(prefix) and value}
    unknown = sorted(given.keys() - names.keys())
    if unknown:
        raise SettingsError(f"{unknown[0]} is no setting; there are {', '.join(sorted(names))}")
    try:
        return msgspec.convert({names[name]: value for name, value in given.items()}, kind, strict=False)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        # msgspec quotes the value of an enumeration; a setting may be a secret in the wrong place.
        message = _QUOTED.sub("not one of the allowed values", message)
        variable = f"{prefix}{place.rstrip('`').upper()}" if place else prefix
        raise SettingsError(f"{variable}: {message}") from None


def check_token(token: str, *, anonymous: bool, prefix: str) -> None:
    """Refuses to serve whoever asks unless that was said.

    Raises:
        SettingsError: there is no token, and callers without one were not allowed.
    """
    if not token and not anonymous:
        raise SettingsError(
            f"{prefix}SERVICE_TOKEN is missing: set it, or {prefix}ALLOW_ANONYMOUS=1 to answer everybody"
        )
