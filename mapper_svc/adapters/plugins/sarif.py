"""Reads SARIF 2.1 logs, what scanners of code and secrets write: Semgrep, CodeQL, gitleaks, Trivy.

Only rule ids, levels, tags and counts are read; messages and snippets quote the code and are left alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mapper_svc.domain.plugins import MappedLabel, MappedOutput, SeenOutput

_RISK_OF_LEVEL = {"error": 0.9, "warning": 0.6, "note": 0.3, "none": 0.1}
_MAX_SEVERITY = 10.0
_NO_HIT = frozenset({"pass", "notApplicable", "informational"})
_CWE = re.compile(r"\bcwe[-_ /:]*0*(\d{1,5})\b", re.IGNORECASE)
_BY_CWE = {
    "SECURITY.CodeInjection": (74, 77, 78, 79, 80, 88, 89, 90, 91, 94, 95, 96, 98, 611, 643, 917, 943, 1336),
    "SECURITY.ResourceAbuse": (400, 407, 674, 770, 776, 834, 835, 1333),
    "SECURITY.SupplyChain": (427, 494, 502, 829, 937, 1035, 1104, 1357, 1395),
    "SECURITY.Malware": (506, 507, 509, 510, 511, 512),
    "SECRET.Password": (256, 257, 258, 259, 260, 521),
    "SECRET.Other": (312, 321, 522, 540, 615, 798),
    "PII.Other": (359,),
}  # fmt: skip
_LABEL_OF_CWE = {number: label for label, numbers in _BY_CWE.items() for number in numbers}
_BY_CWE_SURE = 0.9


@dataclass(frozen=True, slots=True)
class _Rule:
    tags: tuple[str, ...]
    severity: object
    level: object


class SarifMapper:
    """A mapper plugin. A rule that names a CWE known here is labelled by it; others go to the tiers by id.

    What the scanner's users suppressed, and what passed, is no finding.
    """

    name = "sarif"
    detectors = ("sarif", "semgrep", "codeql", "gitleaks", "trivy", "bandit", "checkov", "grype", "snyk_code")
    notes = {  # noqa: RUF012 - read only
        "cwe": "Labelled by the weakness (CWE) that the scanner's rule names.",
        "no_results": "a run of the scanner has no results",
        "failed_run": "a run of the scanner was not successful",
        "broken": "a run of the scanner is not as SARIF has it",
    }

    def read(self, seen: SeenOutput) -> MappedOutput | None:
        """Return what the log says, or None when it is no SARIF log."""
        log = seen.output
        if not isinstance(log, Mapping) or not str(log.get("version", "")).startswith("2."):
            return None
        runs = log.get("runs")
        if not isinstance(runs, list):
            return None
        labels: list[MappedLabel] = []
        unread = "" if runs else "no_results"
        for run in runs:
            fault = _fault(run)
            unread = unread or fault
            if fault != "broken":
                labels.extend(_labels(run))
        return MappedOutput(tuple(labels), nothing_found=not unread, unread=unread)


def _fault(run: object) -> str:
    if not isinstance(run, Mapping):
        return "broken"
    results = run.get("results")
    if results is None:
        return "no_results"  # the standard's word for: it was not scanned
    if not isinstance(results, list) or not all(isinstance(one, Mapping) for one in results):
        return "broken"
    invocations = run.get("invocations")
    if isinstance(invocations, list) and any(
        isinstance(one, Mapping) and one.get("executionSuccessful") is False for one in invocations
    ):
        return "failed_run"
    return ""


def _labels(run: Mapping[str, object]) -> Iterator[MappedLabel]:
    results = run.get("results")
    rules, ids = _rules(run)
    for result in results if isinstance(results, list) else []:
        if result.get("kind") in _NO_HIT or result.get("suppressions"):
            continue
        rule_id = _rule_id(result, ids)
        rule = rules.get(rule_id)
        label = _by_cwe(rule)
        yield MappedLabel(
            raw=rule_id or "rule without an id",
            label=label,
            score=_risk(result, rule),
            confidence=_BY_CWE_SURE,
            note="cwe" if label else "",
        )


def _rules(run: Mapping[str, object]) -> tuple[dict[str, _Rule], list[str]]:
    """Returns the driver's rules by id, and their ids in order, by which results may refer to them."""
    tool = run.get("tool")
    driver = tool.get("driver") if isinstance(tool, Mapping) else None
    declared = driver.get("rules") if isinstance(driver, Mapping) else None
    rules: dict[str, _Rule] = {}
    ids: list[str] = []
    for one in declared if isinstance(declared, list) else []:
        fields = one if isinstance(one, Mapping) else {}
        properties = fields.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        tags = properties.get("tags")
        configuration = fields.get("defaultConfiguration")
        rule_id = str(fields.get("id", ""))
        ids.append(rule_id)
        rules[rule_id] = _Rule(
            tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
            severity=properties.get("security-severity"),
            level=configuration.get("level") if isinstance(configuration, Mapping) else None,
        )
    return rules, ids


def _rule_id(result: Mapping[str, object], ids: list[str]) -> str:
    named = result.get("ruleId")
    if isinstance(named, str) and named.strip():
        return named.strip()
    rule = result.get("rule")
    index = result.get("ruleIndex", rule.get("index") if isinstance(rule, Mapping) else None)
    return ids[index] if type(index) is int and 0 <= index < len(ids) else ""


def _by_cwe(rule: _Rule | None) -> str | None:
    for tag in rule.tags if rule else ():
        for number in _CWE.findall(tag):
            if int(number) in _LABEL_OF_CWE:
                return _LABEL_OF_CWE[int(number)]
    return None


def _risk(result: Mapping[str, object], rule: _Rule | None) -> float:
    """Returns the risk in [0, 1]: the security severity if there is one, else what the level says."""
    severity = rule.severity if rule else None
    if isinstance(severity, str | int | float) and not isinstance(severity, bool):
        try:
            value = float(severity)
        except (ValueError, OverflowError):
            value = -1.0
        if 0 <= value <= _MAX_SEVERITY:
            return round(value / _MAX_SEVERITY, 4)
    level = result.get("level") or (rule.level if rule else None) or "warning"
    return _RISK_OF_LEVEL.get(str(level), _RISK_OF_LEVEL["error"])
