from collections.abc import Mapping
from pathlib import Path

import msgspec

_DATA = Path(__file__).parent / "data"
_PREFIX = "PIPELINES_"


class SettingsError(Exception):
    """An environment variable holds what cannot be."""


class Settings(msgspec.Struct, frozen=True):
    """What a machine may want to be different, read from `PIPELINES_<FIELD>`.

    Attributes:
        data_root: folder that everything made is written under.
        feedback: folder of reviewed feedback; it may be missing.
        edition: edition of the taxonomy that the data are made for.
    """

    data_root: str = ".run/pipelines"
    feedback: str = str(_DATA / "feedback")
    edition: str = "2026.11"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the settings.

    Raises:
        SettingsError: a variable is set to nothing; names it.
    """
    given: dict[str, str] = {}
    for field in Settings.__struct_fields__:
        name = _PREFIX + field.upper()
        if name in environment:
            if not environment[name].strip():
                raise SettingsError(f"{name} is set to nothing: give it a value or leave it out")
            given[field] = environment[name]
    return Settings(**given)
