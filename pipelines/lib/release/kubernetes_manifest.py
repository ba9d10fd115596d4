"""What is applied to a cluster to serve a release: written, never applied from here."""

from dataclasses import dataclass
from typing import Any

import yaml

_PORT = 3000
_USER = 1034
"""The user that BentoML's images run as."""


@dataclass(frozen=True, slots=True)
class Served:
    """What the manifest is for.

    Attributes:
        recipe: name of the recipe.
        release: the release's id; the tag of the image.
        bento: tag of the Bento that the image is made of.
        image: the image without its tag.
        namespace: where it goes.
        replicas: how many.
    """

    recipe: str
    release: str
    bento: str
    image: str
    namespace: str
    replicas: int = 2


def kubernetes_manifest(served: Served) -> str:
    """Returns the manifest as YAML: deployment, service, disruption budget and network policy.

    Each release has a deployment and a service of its own, so that the mapper can send a part of the
    tenants to the next one while the last one answers. The service token comes from the secret
    `llama-mapper-llm`.
    """
    documents = [_deployment(served), _service(served), _budget(served), _network_policy(served)]
    said = f"# The image is made of the Bento {served.bento}: bentoml containerize {served.bento}\n"
    return said + yaml.safe_dump_all(documents, sort_keys=False)


def service_url(served: Served) -> str:
    """Returns the base URL of the release inside the cluster."""
    return f"http://{_name(served)}.{served.namespace}.svc:{_PORT}"


def _name(served: Served) -> str:
    return f"llm-{served.release}"


def _labels(served: Served) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "llama-mapper-llm",
        "app.kubernetes.io/instance": _name(served),
        "app.kubernetes.io/version": served.release,
        "app.kubernetes.io/part-of": "llama-mapper",
    }


def _metadata(served: Served) -> dict[str, Any]:
    return {
        "name": _name(served),
        "namespace": served.namespace,
        "labels": _labels(served),
        "annotations": {"llama-mapper/recipe": served.recipe, "llama-mapper/bento": served.bento},
    }


def _selector(served: Served) -> dict[str, str]:
    return {"app.kubernetes.io/instance": _name(served)}


def _deployment(served: Served) -> dict[str, Any]:
    container = {
        "name": "llm",
        "image": f"{served.image}:{served.release}",
        "ports": [{"name": "http", "containerPort": _PORT}],
        "env": [
            {
                "name": "LLM_SERVICE_TOKEN",
                "valueFrom": {"secretKeyRef": {"name": "llama-mapper-llm", "key": "token"}},
            },
            {"name": "LLM_DATA_ROOT", "value": "/data"},
            {"name": "HF_HUB_OFFLINE", "value": "1"},
        ],
        "startupProbe": _probe("/livez", period=5, failures=60),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=5, failures=2),
        "resources": {
            "requests": {"cpu": "1", "memory": "1500Mi"},
            "limits": {"memory": "3Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108 - of the container
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(served),
        "spec": {
            "replicas": served.replicas,
            "selector": {"matchLabels": _selector(served)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": _labels(served)},
                "spec": {
                    "automountServiceAccountToken": False,
                    # A service named llm-… would otherwise put LLM_…_SERVICE_HOST into the environment,
                    # and the Bento refuses every LLM_ variable that is no setting of its own.
                    "enableServiceLinks": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": _USER,
                        "fsGroup": _USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                    "volumes": [{"name": name, "emptyDir": {}} for name in ("data", "scratch")],
                },
            },
        },
    }


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": period, "failureThreshold": failures}


def _service(served: Served) -> dict[str, Any]:
    ports = [{"name": "http", "port": _PORT, "targetPort": "http"}]
    spec = {"selector": _selector(served), "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(served), "spec": spec}


def _budget(served: Served) -> dict[str, Any]:
    spec = {"minAvailable": 1, "selector": {"matchLabels": _selector(served)}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(served),
        "spec": spec,
    }


def _network_policy(served: Served) -> dict[str, Any]:
    """Only the mapper reaches the model, and the model reaches nothing."""
    mapper = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "mapper"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(served),
        "spec": {
            "podSelector": {"matchLabels": _selector(served)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [mapper], "ports": [{"port": _PORT}]}],
            "egress": [],
        },
    }
