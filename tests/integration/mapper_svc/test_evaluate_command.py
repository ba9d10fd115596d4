"""``python -m mapper_svc evaluate`` against a model server and a running mapper."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mapper_svc.__main__ import cli
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from tests.fixtures.fake_bento import TOKEN, FakeBento, running_fake_bento

LABELS = tuple(load_taxonomy("2026.11").labels)
THREAT, EMAIL, SAFE = "HARM.SPEECH.Threat", "PII.Contact.Email", "OTHER.Safe"
MEANINGS = {
    "wants to hurt somebody": {THREAT: 0.9},
    "may be about mail": {EMAIL: 0.5},
    "all is well": {SAFE: 0.95},
}
ROWS = [
    {"vendor": "openai_moderation", "raw": "harassment", "gold": "HARM.SPEECH.Harassment"},
    {"vendor": "in_house", "raw": "wants to hurt somebody", "gold": THREAT},
    {"vendor": "in_house", "raw": "may be about mail", "gold": EMAIL},
    {"vendor": "in_house", "raw": "credit card number", "gold": "PII.Financial.CreditCard"},
    {"vendor": "in_house", "raw": "all is well", "gold": SAFE},
    {"vendor": "in_house", "raw": "S10", "gold": "HARM.Other"},
    {"vendor": "in_house", "raw": '{"type":"wants to hurt"}', "gold": THREAT},
]


@pytest.fixture
def bento() -> Iterator[FakeBento]:
    with running_fake_bento(LABELS, meanings=MEANINGS) as fake:
        yield fake


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return file


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(
        cli, ["evaluate", *map(str, words)], env={"MAPPER_MODEL_TOKEN": TOKEN, "MAPPER_TOKEN": "t"}
    )
    assert done.exit_code == code, done.output
    return done.output


def figures(*words: object) -> Any:
    return json.loads(run(*words, "--json"))


def test_the_model_alone_is_judged_by_its_likeliest_label(bento: FakeBento, rows: Path) -> None:
    found = figures(rows, "--tier", "model", "--model-url", bento.url)
    assert found["rows"] == 7
    assert found["accuracy"] == pytest.approx(3 / 7, abs=1e-6), "guesses under the threshold count"
    assert found["coverage"] == pytest.approx(1 / 7, abs=1e-6), "safe is never taken from a model"
    assert found["precision"] == 1.0
    assert "S10" not in bento.asked_labels
    assert bento.asked[0][0] == ("openai_moderation", "harassment")


def test_the_edition_is_that_of_the_settings_unless_another_is_asked_for(rows: Path) -> None:
    unknown = {"MAPPER_TAXONOMY": "2020.01"}
    done = CliRunner().invoke(cli, ["evaluate", str(rows), "--tier", "rule"], env=unknown)
    assert done.exit_code == 1
    assert "there is no such edition; there are 2026.11" in done.output
    told = ["evaluate", str(rows), "--tier", "rule", "--edition", "2026.11"]
    assert CliRunner().invoke(cli, told, env=unknown).exit_code == 0


def test_everything_together_takes_rules_model_and_likeness(bento: FakeBento, rows: Path) -> None:
    found = figures(rows, "--model-url", bento.url)
    assert found["tiers"] == {"fallback": 4, "model": 1, "rule": 1, "semantic": 1}
    assert found["accuracy"] == pytest.approx(3 / 7, abs=1e-6)
    assert found["per_vendor"]["openai_moderation"]["accuracy"] == 1.0


def test_without_a_model_likeness_answers_alone(rows: Path) -> None:
    assert figures(rows, "--tier", "semantic")["tiers"] == {"fallback": 5, "semantic": 2}
    assert figures(rows, "--tier", "rule")["tiers"] == {"fallback": 6, "rule": 1}


def test_the_table_has_a_line_for_each_vendor_and_all(bento: FakeBento, rows: Path) -> None:
    table = run(rows, "--model-url", bento.url).splitlines()
    assert table[0].split() == ["vendor", "rows", "accuracy", "macro", "F1", "coverage", "precision", "ECE"]
    assert [line.split()[0] for line in table[1:4]] == ["in_house", "openai_moderation", "all"]
    assert table[4].startswith("answered by: ")


def test_a_server_that_is_of_no_use_ends_the_command_in_one_line(bento: FakeBento, rows: Path) -> None:
    bento.status = 500
    assert "cannot be used: failed" in run(rows, "--model-url", bento.url, code=1)
    assert "cannot be used: unreachable" in run(rows, "--model-url", "http://127.0.0.1:1", code=1)
    assert "the mapper gives no answer" in run(rows, "--url", "http://127.0.0.1:1", code=1)
    assert "the mapper answers 401" in run(rows, "--url", bento.url, code=1)


def test_options_that_do_not_go_together_are_refused(rows: Path) -> None:
    assert "--tier model needs --model-url" in run(rows, "--tier", "model", code=2)
    assert "--url asks a mapper as it runs" in run(rows, "--tier", "rule", "--url", "http://x", code=2)
    assert "--url asks a mapper as it runs" in run(
        rows, "--model-url", "http://x", "--url", "http://x", code=2
    )
