import pytest

from pipelines.settings import SettingsError, read_settings


def test_settings_are_read_from_the_environment() -> None:
    settings = read_settings({"PIPELINES_DATA_ROOT": "/srv/data", "OTHER": "x"})
    assert (settings.data_root, settings.edition) == ("/srv/data", "2026.11")


def test_a_setting_without_a_value_is_named() -> None:
    with pytest.raises(SettingsError, match="PIPELINES_FEEDBACK"):
        read_settings({"PIPELINES_FEEDBACK": " "})
