"""Bundles: Rego of a tenant, and what it must be before it may ever be active. Uploaded Rego is hostile."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.policy_builtins import BUILTINS
from orchestration_svc.domain.policy_program import JsonObject

PACKAGE = "policy"
"""First word of the package of every module of a bundle; the rules are `data.policy.plan` and `.decision`."""
DATA = "bundle"
"""Where a bundle's data stand: `data.bundle`."""
RULES = ("plan", "decision")
TEST = "test_"
MODULES_MAX = 16
MODULE_BYTES_MAX = 64 * 1024
DATA_BYTES_MAX = 64 * 1024
RULES_MAX = 500
_NESTING_MAX = 64
_LINE_LENGTH_MAX = 1_000
_PATH = re.compile(r"[a-z0-9_]{1,64}(?:/[a-z0-9_]{1,64}){0,3}\.rego")


@dataclass(frozen=True, slots=True)
class PolicyBundle:
    """Rego and data of one policy.

    Attributes:
        tenant_id: whose it is.
        name: of the policy.
        modules: Rego source by path, such as ``policy.rego``.
        data: what the rules see as ``data.bundle``.
    """

    tenant_id: UUID
    name: str
    modules: Mapping[str, str]
    data: JsonObject = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over everything, in hexadecimal: names the bundle wherever it is loaded."""
        body = json.dumps([str(self.tenant_id), self.name, dict(self.modules), self.data], sort_keys=True)
        return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Called:
    """A function that a module calls, and the line where it does."""

    name: str
    module: str
    line: int


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What a parser says of a bundle.

    Attributes:
        packages: package of each module, by path.
        rules: full paths of all rules that are no functions, such as ``data.policy.plan``.
        functions: full paths of the bundle's own functions.
        calls: functions called that are not the bundle's own.
        escapes: references to data beyond the bundle, to rules by names that are not fixed, and words that
            no bundle may use; each a sentence with module and line.
        reads: fields of ``input`` that rules can read; None when that cannot be told, as of ``input[x]``.
    """

    packages: Mapping[str, str]
    rules: tuple[str, ...]
    functions: tuple[str, ...] = ()
    calls: tuple[Called, ...] = ()
    escapes: tuple[str, ...] = ()
    reads: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How one of a bundle's own tests ended."""

    __test__ = False
    rule: str
    passed: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validating a bundle found.

    Attributes:
        problems: (place, sentence) pairs; a bundle without any is valid.
        tests: outcomes of its own tests.
    """

    problems: tuple[tuple[str, str], ...]
    tests: tuple[TestOutcome, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether the bundle may be kept and activated."""
        return not self.problems


class PolicyEngine(Protocol):
    """Evaluates bundles, each apart from every other, within limits of time and memory."""

    async def inspect(self, bundle: PolicyBundle) -> BundleFacts:
        """Parse without evaluating; raises PolicyFault with module and line of what does not parse."""
        ...

    async def evaluate(self, bundle: PolicyBundle, rule: str, question: JsonObject) -> object:
        """Return the value of ``data.policy.<rule>``; raises PolicyFault when it has none or fails."""
        ...


def shape_problems(modules: Mapping[str, str], data: JsonObject) -> list[tuple[str, str]]:
    """Check what needs no parser: number, names, sizes, and nesting that could exhaust a parser's stack."""
    problems: list[tuple[str, str]] = []
    if not 1 <= len(modules) <= MODULES_MAX:
        problems.append(("modules", f"a bundle has 1 to {MODULES_MAX} modules"))
    for path, source in modules.items():
        if problem := _module_problem(path, source):
            problems.append((f"modules.{path[:80]}", problem))
    if problem := _data_problem(data):
        problems.append(("data", problem))
    return problems


def _module_problem(path: str, source: str) -> str | None:
    if not _PATH.fullmatch(path):
        return "a path is lower-case words, at most four levels, and ends in .rego"
    if not _is_text(source) or len(source.encode()) > MODULE_BYTES_MAX:
        return f"a module is at most {MODULE_BYTES_MAX} bytes of UTF-8 without a null"
    if any(len(line) > _LINE_LENGTH_MAX for line in source.splitlines()):
        return f"a line has at most {_LINE_LENGTH_MAX} characters"
    if _nesting(source) > _NESTING_MAX:
        return f"brackets are nested more than {_NESTING_MAX} deep"
    return None


def _data_problem(data: JsonObject) -> str | None:
    try:
        text = json.dumps(data, allow_nan=False, ensure_ascii=False)
    except (RecursionError, ValueError):
        return "the data are nested too deeply or hold what is no JSON"
    if not _is_text(text) or len(text.encode()) > DATA_BYTES_MAX:
        return f"the data are at most {DATA_BYTES_MAX} bytes of JSON"
    return f"the data are nested more than {_NESTING_MAX} deep" if _nesting(text) > _NESTING_MAX else None


def fact_problems(facts: BundleFacts) -> list[tuple[str, str]]:
    """Check what a parser found: packages, calls, references, and the rules there must be."""
    problems = [
        (f"modules.{path}", f"the package must be '{PACKAGE}' or begin with '{PACKAGE}.'")
        for path, package in facts.packages.items()
        if package != PACKAGE and not package.startswith(f"{PACKAGE}.")
    ]
    own = {*facts.functions, *facts.rules}
    problems += [
        (f"modules.{call.module}", f"line {call.line}: no policy may call '{call.name}'")
        for call in facts.calls
        if call.name not in BUILTINS and call.name not in own
    ]
    problems += [("modules", sentence) for sentence in facts.escapes]
    problems += [
        ("modules", f"there is no rule '{rule}' in package '{PACKAGE}'")
        for rule in RULES
        if f"data.{PACKAGE}.{rule}" not in facts.rules
    ]
    if len(facts.rules) + len(facts.functions) > RULES_MAX:
        problems.append(("modules", f"a bundle has at most {RULES_MAX} rules"))
    if not tests_of(facts):
        problems.append(("modules", f"a bundle brings a test: a rule whose name begins with '{TEST}'"))
    return problems


def tests_of(facts: BundleFacts) -> Sequence[str]:
    """Return the rules that are tests, each once, as full paths."""
    return [rule for rule in dict.fromkeys(facts.rules) if rule.rsplit(".", 1)[-1].startswith(TEST)]


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _nesting(source: str) -> int:
    # Brackets within strings count too: that only makes it stricter.
    depth = deepest = 0
    for sign in source:
        if sign in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in ")]}":
            depth = max(0, depth - 1)
    return deepest
