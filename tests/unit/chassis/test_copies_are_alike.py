"""What stands in three copies stays one thing: the services share no code, so this shows where copies drift.

A difference is either mended, in all copies alike, or named below with its reason.
"""

import re
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SERVICES = ("orchestration_svc", "mapper_svc", "analysis_svc")

# Alike in all three but for the service's name.
ALIKE = (
    "adapters/audit_repository.py",
    "adapters/http_client.py",
    "adapters/schema.py",
    "adapters/structured_log.py",
    "adapters/token_verifier.py",
    "adapters/tracing.py",
    "adapters/valkey.py",
    "api/guards.py",
    "api/health.py",
    "api/injected.py",
    "api/request_context.py",
    "api/strict_request.py",
    "domain/background_work.py",
    "domain/own_task.py",
    "migrations/env.py",
    "server.py",
)

# Alike in mapper_svc and analysis_svc; orchestration_svc issues tokens, tenants and revocations itself.
ALIKE_IN_TWO = (
    "adapters/database.py",
    "adapters/isolated_call.py",
    "adapters/revocations.py",
    "adapters/signing_keys.py",
    "api/audit_controller.py",
    "api/audit_wire.py",
    "api/problems.py",
    "domain/access.py",
    "domain/errors.py",
)

# Alike in orchestration_svc and mapper_svc, which keep settings of tenants and follow news.
ALIKE_IN_AUDITED = ("adapters/tenant_settings_cache.py",)

# Alike in orchestration_svc and analysis_svc, which have workers and answer a request sent twice once.
ALIKE_IN_WORKING = (
    "adapters/clock.py",
    "adapters/fault_log.py",
    "adapters/idempotency_repository.py",
    "adapters/job_worker.py",
    "domain/idempotency.py",
)

# The same file by name, each with what is its service's own.
OWN = {
    "__init__.py": "empty",
    "__main__.py": "each has commands of its own",
    "adapters/__init__.py": "empty",
    "adapters/job_queue.py": "each has tasks of its own",
    "adapters/metrics.py": "each counts what it does",
    "adapters/plugin_points.py": "mappers and validators there, engines and models here",
    "adapters/settings_repository.py": "each keeps other settings",
    "adapters/tables.py": "each has its own tables",
    "adapters/taxonomy_files.py": "the mapper reads groups and aliases, the analysis severities",
    "api/__init__.py": "empty",
    "api/idempotent.py": "there a text is left out of what is kept, here there is none",
    "api/openapi_document.py": "each has its title and description",
    "api/plugins_controller.py": "each shows its own kinds",
    "api/settings_controller.py": "each shows its own defaults",
    "api/settings_wire.py": "each has its own settings of tenants",
    "api/wire.py": "each has its own requests",
    "app.py": "each is composed of its own parts",
    "domain/__init__.py": "empty",
    "domain/audit.py": "other acts, and in mapper and analysis the platform's chain",
    "domain/catalogue.py": "vendors there, frameworks here",
    "domain/change_settings.py": "labels are checked there, limits and policies here",
    "domain/chosen_settings.py": "each has its own settings of tenants",
    "domain/plugins.py": "mappers and validators there, engines and models here",
    "domain/ports.py": "each needs something else",
    "domain/tenant_settings.py": "each has its own settings of tenants",
    "migrations/__init__.py": "empty",
    "settings.py": "each has its own settings",
    "worker.py": "each does work of its own",
}


def neutral(service: str, name: str) -> str:
    """Return a copy with everything in it that is the service's name put aside."""
    short = service.removesuffix("_svc")
    text = (ROOT / service / name).read_text("utf-8").replace("llama-mapper", "PRODUCT")
    text = text.replace(service, "SERVICE_svc").replace(f"{short.upper()}_", "SERVICE_")
    return re.sub(rf"\b{short}\b", "SERVICE", text)


@pytest.mark.parametrize("name", ALIKE)
def test_copy_is_alike_in_all_three(name: str) -> None:
    texts = {service: neutral(service, name) for service in SERVICES}
    for one, other in combinations(SERVICES, 2):
        assert texts[one] == texts[other], f"mend {name} in {one} and {other} alike"


@pytest.mark.parametrize("name", ALIKE_IN_TWO)
def test_copy_is_alike_in_mapper_and_analysis(name: str) -> None:
    assert neutral("mapper_svc", name) == neutral("analysis_svc", name), f"mend {name} in both alike"


@pytest.mark.parametrize("name", ALIKE_IN_AUDITED)
def test_copy_is_alike_in_orchestration_and_mapper(name: str) -> None:
    assert neutral("orchestration_svc", name) == neutral("mapper_svc", name), f"mend {name} in both alike"


@pytest.mark.parametrize("name", ALIKE_IN_WORKING)
def test_copy_is_alike_in_orchestration_and_analysis(name: str) -> None:
    assert neutral("orchestration_svc", name) == neutral("analysis_svc", name), f"mend {name} in both alike"


def between(text: str, begin: str, end: str) -> str:
    return text[text.index(begin) : text.index(end, text.index(begin) + 1)]


@pytest.mark.parametrize(
    ("name", "begin", "end"),
    [
        ("settings.py", "def read_settings", "def describe"),
        ("settings.py", "def describe", "def example_settings"),
        ("adapters/metrics.py", "    def http_request", "    def "),
        ("adapters/metrics.py", "    def serve", "class MetricsServer"),
        (
            "adapters/database.py",
            "    @asynccontextmanager\n    async def _transaction",
            "    async def close",
        ),
        ("api/problems.py", "def decoding_fault", "def problem_response"),
        ("api/problems.py", "def _from_litestar", "EXCEPTION_HANDLERS"),
        ("api/problems.py", "def faults", "media_type=MEDIA_TYPE\n    )\n"),
        ("api/openapi_document.py", "class ExactStructs", "def docs_assets"),
        ("domain/audit.py", "def event_hash", "head=self._previous.hex()"),
        ("__main__.py", "@cli.command()\ndef serve", "@cli.command()\ndef openapi"),
    ],
)
def test_shared_part_of_a_differing_file_is_alike_in_all_three(name: str, begin: str, end: str) -> None:
    parts = {service: between(neutral(service, name), begin, end) for service in SERVICES}
    for one, other in combinations(SERVICES, 2):
        assert parts[one] == parts[other], f"mend {name} ({begin.strip()}) in {one} and {other} alike"


def test_every_file_of_the_same_name_is_alike_or_known_to_differ() -> None:
    names: dict[str, set[str]] = {}
    for service in SERVICES:
        for folder in ("", "adapters", "api", "domain", "migrations"):
            for path in (ROOT / service / folder).glob("*.py"):
                names.setdefault(str(path.relative_to(ROOT / service)), set()).add(service)
    shared = {name for name, services in names.items() if len(services) > 1}
    assert shared == {*ALIKE, *ALIKE_IN_TWO, *ALIKE_IN_AUDITED, *ALIKE_IN_WORKING, *OWN}
