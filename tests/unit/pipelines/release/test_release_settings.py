import pytest

from pipelines.release_settings import ReleaseSettings, Target, read_release_settings
from pipelines.settings import SettingsError


def test_without_anything_set_one_person_approves_and_this_machine_serves() -> None:
    assert read_release_settings({}) == ReleaseSettings()
    assert not ReleaseSettings().four_eyes
    assert ReleaseSettings().target is Target.LOCAL


def test_what_is_set_is_taken() -> None:
    found = read_release_settings(
        {"PIPELINES_FOUR_EYES": "true", "PIPELINES_TARGET": "kubernetes", "PIPELINES_CANARY_PERCENT": "5"}
    )
    assert (found.four_eyes, found.target, found.canary_percent) == (True, Target.KUBERNETES, 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIPELINES_FOUR_EYES", "perhaps"),
        ("PIPELINES_TARGET", "moon"),
        ("PIPELINES_CANARY_PERCENT", "100"),
        ("PIPELINES_NAMESPACE", "Not A Name"),
        ("PIPELINES_TRIAL_SECONDS", "0"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_release_settings({name: value})
