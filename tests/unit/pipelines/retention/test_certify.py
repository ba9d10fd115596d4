from pipelines.lib.retention.certify import summed


def test_a_certificate_is_also_of_the_batches_that_a_killed_run_left() -> None:
    killed = {"rows": {"analyses": 2, "findings": 4}, "run": "killed", "archive": ["a.gz", "00"]}
    ended = {"rows": {"analyses": 1, "findings": 0}, "run": "next"}
    assert summed([(5, killed), (9, ended)]) == {
        "rows": {"analyses": 3, "findings": 4},
        "batches": 2,
        "first_event": 5,
        "runs": ["killed", "next"],
        "archive": [["a.gz", "00"]],
    }
