"""From one edition of the taxonomy to the next: nothing is lost, and what needs a decision is not guessed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.remap_files import load_remap
from mapper_svc.adapters.taxonomy_files import TAXONOMY_DIR, load_taxonomy
from mapper_svc.adapters.vendor_files import VENDORS_DIR, load_vendors
from mapper_svc.adapters.vendor_migration import plan_vendor_migration, write_vendor_migration
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.editions.compare import compare_editions
from mapper_svc.domain.editions.remap import Remap
from mapper_svc.domain.taxonomy import Taxonomy
from mapper_svc.editions_command import editions

DATA = Path(__file__).parents[2] / "data" / "editions"
REMAP = DATA / "2026.11_to_2027.05.yaml"

RENAMED = """  PII.Digital.Username:
    to: PII.Digital.Account
    reason: "account numbers are meant too"
"""


@pytest.fixture(scope="module")
def old() -> Taxonomy:
    return load_taxonomy("2026.11")


@pytest.fixture(scope="module")
def new() -> Taxonomy:
    return load_taxonomy("2027.05", DATA)


@pytest.fixture(scope="module")
def remap(old: Taxonomy, new: Taxonomy) -> Remap:
    return load_remap(REMAP, old, new)


@pytest.fixture
def vendors(tmp_path: Path) -> Path:
    """A copy of every vendor file that comes with the service."""
    return Path(shutil.copytree(VENDORS_DIR, tmp_path / "vendors"))


def test_every_old_label_has_a_new_one_or_a_decision_to_make(
    old: Taxonomy, new: Taxonomy, remap: Remap
) -> None:
    for label in old.labels:
        now = remap.candidates(label)
        assert now, label
        assert set(now) <= new.labels.keys(), label
    assert remap.target("PII.Digital.Username") == "PII.Digital.Account"
    assert remap.target("HARM.CRIME.Fraud") is None
    assert remap.target("SECRET.Password") == "SECRET.Password"


def edited(tmp_path: Path, before: str, after: str) -> Path:
    text = REMAP.read_text()
    assert before in text
    path = tmp_path / REMAP.name
    path.write_text(text.replace(before, after, 1))
    return path


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (RENAMED, "  {}\n", r"PII\.Digital\.Username is no label of 2027\.05, and no change says"),
        ("to: PII.Digital.Account", "to: PII.Digital.Nothing", "is no label of 2027.05"),
        ("to: PII.Digital.Account", "to: PII.Digital.IPAddress", "it is merged into that"),
        ("  PII.Digital.Username:", "  PII.Digital.Userame:", "is no label of 2026.11"),
        ("  HARM.VIOLENCE.Graphic:", "  HARM.VIOLENCE.Physical:", "is still a label of 2027.05"),
        ("  HARM.VIOLENCE.Graphic:", "  PII.Digital.Username:", "is already renamed on line 5"),
        ("  HARM.VIOLENCE.Graphic:", "  OTHER.Unknown:", "the mapper itself gives"),
        ("[HARM.CRIME.Scam, HARM.CRIME.Manipulation]", "[HARM.CRIME.Scam]", "at least two"),
        ('"S15": HARM.CRIME.Manipulation', '"S15": HARM.CRIME.Cyber', "none of the labels it can become"),
        ("instead: OTHER.Unknown", "to: OTHER.Unknown", "is no field here"),
        ('    reason: "a mood is no finding"\n', "", "reason is missing"),
        ('to: "2027.05"', 'to: "2028.01"', "must be '2027.05'"),
    ],
)  # fmt: skip
def test_remap_that_is_not_total_or_contradicts_an_edition_is_refused(
    old: Taxonomy, new: Taxonomy, tmp_path: Path, before: str, after: str, fault: str
) -> None:
    with pytest.raises(DataFaultError, match=fault) as caught:
        load_remap(edited(tmp_path, before, after), old, new)
    assert str(caught.value).startswith(f"{REMAP.name}:")


def test_two_labels_renamed_to_one_are_a_merge(old: Taxonomy, new: Taxonomy, tmp_path: Path) -> None:
    twice = '  QUALITY.Sentiment:\n    to: PII.Digital.Account\n    reason: "no"\nmerged:\n'
    text = edited(tmp_path, "merged:\n", twice).read_text()
    path = tmp_path / "twice.yaml"
    path.write_text(text.partition("removed:")[0])
    with pytest.raises(DataFaultError, match="two labels in one are merged"):
        load_remap(path, old, new)


def test_report_tells_all_that_changes(
    old: Taxonomy, new: Taxonomy, remap: Remap, catalogue: Catalogue
) -> None:
    report = compare_editions(old, new, remap, catalogue.vendors.values())
    assert {one.label: one.kind for one in report.changed} == {
        "PII.Digital.Username": "renamed",
        "HARM.VIOLENCE.Graphic": "merged",
        "HARM.CRIME.Fraud": "split",
        "QUALITY.Sentiment": "removed",
    }
    assert set(report.added) == {
        "PII.Digital.Account",
        "HARM.CRIME.Scam",
        "HARM.CRIME.Manipulation",
        "QUALITY.Repetition",
    }
    assert [one.name for one in report.reworded] == ["HARM.VIOLENCE.Physical"]
    assert [(one.name, one.before, one.after) for one in report.reweighed] == [
        ("SECURITY.SupplyChain", "0.7", "0.8")
    ]
    assert [one.name for one in report.aliases] == ["PII.Handle", "PII.TaxId"]
    assert not report.unaccounted
    assert not report.undecided
    gone = old.labels.keys() - new.labels.keys()
    every = [rule.to for vendor in catalogue.vendors.values() for rule in vendor.labels.values()]
    assert len(report.rows) == sum(label in gone for label in every)


def test_report_without_a_remap_names_what_is_unaccounted_for(
    old: Taxonomy, new: Taxonomy, catalogue: Catalogue
) -> None:
    report = compare_editions(old, new, Remap("2026.11", "2027.05", {}), catalogue.vendors.values())
    assert set(report.unaccounted) == old.labels.keys() - new.labels.keys()
    assert {row.before for row in report.undecided} == set(report.unaccounted)


def test_vendor_files_of_the_new_edition_load_and_only_labels_changed(
    old: Taxonomy, new: Taxonomy, remap: Remap, vendors: Path
) -> None:
    before = {path.name: path.read_text() for path in vendors.iterdir()}
    write_vendor_migration(plan_vendor_migration(vendors, remap, old, new))
    mapped = {vendor.id: vendor for vendor in load_vendors(new, vendors)}
    assert mapped["openai_moderation"].labels["violence/graphic"].to == "HARM.VIOLENCE.Physical"
    assert mapped["go_emotions"].labels["anger"].to == "HARM.SPEECH.Toxicity"
    assert mapped["go_emotions"].labels["joy"].to == "OTHER.Unknown"
    # What S15 means differs between the two editions of one vendor's table: vendor first, label second.
    assert mapped["nvidia_content_safety_23"].labels["S15"].to == "HARM.CRIME.Manipulation"
    assert mapped["nvidia_nemotron_content_safety_22"].labels["S15"].to == "HARM.CRIME.Scam"
    for path in vendors.iterdir():
        was, now = before[path.name].splitlines(), path.read_text().splitlines()
        for one, other in zip(was, now, strict=True):
            assert one == other or one.rpartition(": ")[0] == other.rpartition(": ")[0]
    assert len(list(vendors.iterdir())) == len(before)


def test_migrating_again_changes_nothing(old: Taxonomy, new: Taxonomy, remap: Remap, vendors: Path) -> None:
    write_vendor_migration(plan_vendor_migration(vendors, remap, old, new))
    again = plan_vendor_migration(vendors, remap, old, new)
    assert (again.texts, again.rows, again.diff) == ({}, (), "")


def test_migration_cut_off_between_two_files_goes_on(
    old: Taxonomy, new: Taxonomy, remap: Remap, vendors: Path
) -> None:
    plan = plan_vendor_migration(vendors, remap, old, new)
    first = next(iter(plan.texts))
    first.write_text(plan.texts[first])
    rest = plan_vendor_migration(vendors, remap, old, new)
    assert rest.texts.keys() == plan.texts.keys() - {first}
    write_vendor_migration(rest)
    assert load_vendors(new, vendors)


def test_every_way_to_write_a_row_is_rewritten(
    old: Taxonomy, new: Taxonomy, remap: Remap, tmp_path: Path
) -> None:
    (tmp_path / "odd.yaml").write_text(
        'vendor: odd\ntitle: "Ünï → ぎ"\nsource: "x"\nedition: "1"\n'
        "general: 'PII.Digital.Username'   # kept\n"
        "labels:\n"
        '  "ゲ": "PII.Digital.Username"\n'
        "  b: {to: PII.Digital.Username, threshold: 0.4}\n"
        "  c:\n    confidence: 0.5\n    to: PII.Digital.Username\n",
    )
    plan = plan_vendor_migration(tmp_path, remap, old, new)
    (text,) = plan.texts.values()
    assert text.count("PII.Digital.Account") == 4
    assert "Username" not in text
    assert "'PII.Digital.Account'   # kept" in text
    assert '"ゲ": "PII.Digital.Account"' in text


def test_row_of_a_split_label_that_nobody_decided_stops_everything(
    old: Taxonomy, new: Taxonomy, vendors: Path, tmp_path: Path
) -> None:
    partial = load_remap(edited(tmp_path, '        "S16": HARM.CRIME.Scam\n', ""), old, new)
    plan = plan_vendor_migration(vendors, partial, old, new)
    assert [(row.vendor, row.raw, row.after) for row in plan.undecided] == [
        ("nvidia_content_safety_23", "S16", None)
    ]
    with pytest.raises(ValueError, match="undecided"):
        write_vendor_migration(plan)


def test_default_of_a_split_decides_the_rows_that_nobody_else_did(
    old: Taxonomy, new: Taxonomy, vendors: Path, tmp_path: Path
) -> None:
    default = "HARM.CRIME.Manipulation]\n    default: HARM.CRIME.Scam\n"
    path = edited(tmp_path, "HARM.CRIME.Manipulation]\n", default)
    path.write_text(path.read_text().replace('        "S16": HARM.CRIME.Scam\n', ""))
    loaded = load_remap(path, old, new)
    assert not plan_vendor_migration(vendors, loaded, old, new).undecided
    assert loaded.candidates("HARM.CRIME.Fraud") == ("HARM.CRIME.Scam", "HARM.CRIME.Manipulation")


def test_label_of_neither_edition_is_refused_by_name(
    old: Taxonomy, new: Taxonomy, remap: Remap, vendors: Path
) -> None:
    path = vendors / "openai_moderation.yaml"
    path.write_text(path.read_text().replace("HARM.VIOLENCE.Graphic", "HARM.VIOLENCE.Gore"))
    with pytest.raises(DataFaultError, match=r"openai_moderation\.yaml:\d+: .*HARM\.VIOLENCE\.Gore"):
        plan_vendor_migration(vendors, remap, old, new)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Both editions in one folder, as the command line takes them."""
    for path in (TAXONOMY_DIR / "2026.11.yaml", DATA / "2027.05.yaml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def command(folder: Path, name: str, *more: str, remap: Path | None = REMAP) -> Result:
    named = [] if remap is None else ["--remap", str(remap)]
    return CliRunner().invoke(
        editions, [name, "2026.11", "2027.05", "--editions", str(folder), *named, *more]
    )


def test_diff_command_prints_a_report_for_people_and_for_machines(folder: Path) -> None:
    told = command(folder, "diff")
    assert told.exit_code == 0, told.output
    assert "renamed   PII.Digital.Username -> PII.Digital.Account" in told.output
    assert (
        "openai_moderation: violence/graphic: HARM.VIOLENCE.Graphic -> HARM.VIOLENCE.Physical" in told.output
    )
    report: dict[str, Any] = json.loads(command(folder, "diff", "--json").output)
    assert len(report["rows"]) == 41


def test_diff_command_fails_while_a_label_is_unaccounted_for(folder: Path) -> None:
    told = command(folder, "diff", remap=None)
    assert told.exit_code == 1
    assert "MISSING   PII.Digital.Username" in told.output
    assert "4 labels into 2026.11_to_2027.05.yaml" in told.output


def test_migrate_vendors_writes_only_when_it_is_told_to(folder: Path, vendors: Path) -> None:
    before = {path: path.read_text() for path in vendors.iterdir()}
    shown = command(folder, "migrate-vendors", "--vendors", str(vendors))
    assert shown.exit_code == 0, shown.output
    assert '-  "violence/graphic": HARM.VIOLENCE.Graphic' in shown.output
    assert {path: path.read_text() for path in vendors.iterdir()} == before
    done = command(folder, "migrate-vendors", "--vendors", str(vendors), "--write")
    assert "8 files, 41 rows rewritten" in done.output
    again = command(folder, "migrate-vendors", "--vendors", str(vendors), "--write")
    assert "0 files, 0 rows rewritten" in again.output


def test_migrate_vendors_tells_of_a_decision_for_a_row_that_is_not_there(
    folder: Path, vendors: Path, tmp_path: Path
) -> None:
    path = edited(tmp_path, '"anger"', '"angre"')
    told = command(folder, "migrate-vendors", "--vendors", str(vendors), "--write", remap=path)
    assert told.exit_code == 1
    assert "go_emotions: angre: the remap decides this row" in told.output


def test_migrate_stored_wants_to_know_whose_rows(folder: Path, tmp_path: Path) -> None:
    assert command(folder, "migrate-stored").exit_code == 2
    listed = tmp_path / "tenants"
    listed.write_text("nonsense\n")
    told = command(folder, "migrate-stored", "--tenants", str(listed))
    assert told.exit_code == 1
    assert "line 1 of the tenants names no tenant id" in told.output
