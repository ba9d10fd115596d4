from uuid import uuid4

from prometheus_client import generate_latest

from mapper_svc.adapters.metrics import Metrics


def test_past_a_hundred_tenants_the_rest_share_one_series_and_nothing_is_lost() -> None:
    metrics = Metrics()
    for _ in range(150):
        metrics.model_asked(str(uuid4()), tokens=2, seconds=0.5)
    told = generate_latest(metrics.registry).decode()
    series = [line for line in told.splitlines() if line.startswith("mapper_model_tokens_total{")]
    assert len(series) == 101
    assert 'mapper_model_tokens_total{tenant="other"} 100.0' in series
    assert 'mapper_model_tenant_seconds_total{tenant="other"} 25.0' in told
