from typing import Any

import yaml

from pipelines.lib.release.kubernetes_manifest import Served, kubernetes_manifest, service_url

SERVED = Served("smollm2-135m", "0a1b2c3d4e5f", "llm:0a1b2c3d4e5f-transformers", "reg.example/llm", "models")


def documents() -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in yaml.safe_load_all(kubernetes_manifest(SERVED))}


def test_the_image_is_of_the_release_and_the_token_of_a_secret() -> None:
    (container,) = documents()["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "reg.example/llm:0a1b2c3d4e5f"
    token = next(one for one in container["env"] if one["name"] == "LLM_SERVICE_TOKEN")
    assert "value" not in token
    assert token["valueFrom"]["secretKeyRef"]["name"] == "llama-mapper-llm"


def test_names_of_services_do_not_reach_the_settings_of_the_bento() -> None:
    assert documents()["Deployment"]["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_everything_selects_the_pods_of_this_release_and_no_other() -> None:
    found = documents()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector == {"app.kubernetes.io/instance": "llm-0a1b2c3d4e5f"} for selector in selectors)
    assert labels["app.kubernetes.io/instance"] == "llm-0a1b2c3d4e5f"


def test_only_the_mapper_reaches_it_and_it_reaches_nothing() -> None:
    policy = documents()["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    ((source,),) = [rule["from"] for rule in policy["ingress"]]
    assert source["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "mapper"}


def test_it_runs_as_nobody_special_and_writes_only_into_its_own_volumes() -> None:
    pod = documents()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounted = {one["name"] for one in container["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["volumes"]}


def test_the_url_is_that_of_its_own_service() -> None:
    service = documents()["Service"]
    name, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
    assert service_url(SERVED) == f"http://{name}.models.svc:{port}"
