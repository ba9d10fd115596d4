import json
from pathlib import Path

import msgspec
import pytest

from pipelines.lib.golden.table_rows import TABLE, table_rows, write_table_rows

ONE = """
some_vendor:
  - payload: {hits: {$label: $level, $rest: 0}, said: "a $label"}
    levels: [{value: 0.5, risk: [0.4, 0.6]}, {value: true, risk: [0.9, 1]}]
    labels: {PII.Person.Name: [name], PII.Contact.Email: [mail]}
"""


def test_every_label_at_every_level_with_the_rest_of_the_labels_filled_in(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text(ONE, encoding="utf-8")

    rows = table_rows(tmp_path / TABLE)["some_vendor"]

    assert [row.output for row in rows] == [
        {"hits": {"name": 0.5, "mail": 0}, "said": "a name"},
        {"hits": {"name": True, "mail": 0}, "said": "a name"},
        {"hits": {"mail": 0.5, "name": 0}, "said": "a mail"},
        {"hits": {"mail": True, "name": 0}, "said": "a mail"},
    ]
    assert rows[3].expected.findings == {"PII.Contact.Email": (0.9, 1)}
    assert rows[3].id == "some_vendor/t004"


def test_rows_written_by_hand_stay_and_earlier_rows_of_the_table_go(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text(ONE, encoding="utf-8")
    file = tmp_path / "some_vendor.jsonl"
    by_hand = '{"id": "some_vendor/h001", "why":  "kept as it was written"}'
    file.write_text(f'{by_hand}\n{{"id": "some_vendor/t009"}}\n', encoding="utf-8")

    assert write_table_rows(tmp_path) == {"some_vendor": 4}

    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == by_hand
    assert [json.loads(line)["id"] for line in lines[1:]] == [f"some_vendor/t00{n}" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "broken", ["v: [{payload: 1}]", "v: []\nw: 3", "v: [{payload: 1, levels: [], labels: {}}]"]
)
def test_a_table_of_another_shape_is_refused(tmp_path: Path, broken: str) -> None:
    (tmp_path / TABLE).write_text(broken, encoding="utf-8")

    with pytest.raises(msgspec.ValidationError):
        table_rows(tmp_path / TABLE)
