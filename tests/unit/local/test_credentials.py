import base64
from pathlib import Path

from deploy.local.credentials import load_credentials


def test_secrets_are_made_once_and_then_kept(tmp_path: Path) -> None:
    first = load_credentials(tmp_path)
    assert load_credentials(tmp_path).values == first.values
    assert len(set(first.values.values())) == len(first.values)


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    load_credentials(tmp_path)
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_a_missing_one_is_added_without_changing_the_others(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    path.write_text("# mine\nMAPPER_RUNTIME_PASSWORD=kept=as-it-is\n")
    credentials = load_credentials(tmp_path)
    assert credentials.runtime("mapper") == "kept=as-it-is"
    assert "ANALYSIS_RUNTIME_PASSWORD=" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_key_encryption_key_is_32_random_bytes(tmp_path: Path) -> None:
    assert len(base64.urlsafe_b64decode(load_credentials(tmp_path).key_encryption_key)) == 32
