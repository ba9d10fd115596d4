"""Exports the contract of each service and their union: `<service>/openapi.json` and `docs/openapi.yaml`.

`--check` writes nothing and fails when a committed file differs from what the code says. In the union every
path names the server that answers it, every operation is tagged with its service, and the components of a
service begin with its name. A path that all services answer alike (/health/…) is there once, with all.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
UNION = ROOT / "docs" / "openapi.yaml"
SERVERS = {
    "orchestration_svc": "http://127.0.0.1:8080",
    "mapper_svc": "http://127.0.0.1:8081",
    "analysis_svc": "http://127.0.0.1:8082",
}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}

Node = dict[str, Any]


class UnionError(Exception):
    """The contracts contradict each other; the message says where."""


class _Dumper(yaml.SafeDumper):
    """Writes everything out: a contract with YAML anchors is hard to read and to compare."""

    def ignore_aliases(self, data: object) -> bool:
        return data is not None


def export(service: str) -> subprocess.Popen[str]:
    """Start the service's own export."""
    command = [sys.executable, "-m", service, "openapi"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def union(documents: dict[str, Node], servers: dict[str, str]) -> Node:
    """Join the contracts of several services in one document.

    Args:
        documents: OpenAPI document of each service by its name.
        servers: base URL of each service by its name.

    Raises:
        UnionError: two services differ in a path or security scheme that they share.
    """
    first = next(iter(documents.values()))
    joined: Node = {
        "openapi": first["openapi"],
        "info": {
            "title": "llama-mapper",
            "version": first["info"]["version"],
            "description": "The contracts of the three services in one document; each path names its server.",
        },
        "tags": [],
        "paths": {},
        "components": {},
    }
    for service, original in documents.items():
        document = _prefixed(original, service)
        joined["tags"].append({"name": service, "description": document["info"].get("description", "")})
        for path, item in document["paths"].items():
            _add_path(joined["paths"], path, item, service, servers[service])
        for kind, entries in document.get("components", {}).items():
            for name, entry in entries.items():
                key = name if kind == "securitySchemes" else f"{service}.{name}"
                known = joined["components"].setdefault(kind, {}).setdefault(key, entry)
                if known != entry:
                    raise UnionError(f"{service} means something else by the security scheme {name}")
    return joined


def _prefixed(node: Any, service: str) -> Any:  # noqa: ANN401 - a JSON value of any kind
    """Return a copy in which every reference to a component carries the service's name."""
    if isinstance(node, list):
        return [_prefixed(entry, service) for entry in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _prefixed(value, service) for key, value in node.items()}
    reference = copy.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/components/"):
        place, _, name = reference.rpartition("/")
        copy["$ref"] = f"{place}/{service}.{name}"
    return copy


def _add_path(paths: Node, path: str, item: Node, service: str, server: str) -> None:
    known = paths.get(path)
    if known is None:
        paths[path] = {"servers": []} | item
        for method in METHODS & item.keys():
            item[method]["operationId"] = f"{service}.{item[method]['operationId']}"
            item[method]["tags"] = [service]
    else:
        if _shape(known) != _shape(item):
            raise UnionError(f"{service} answers {path} otherwise than the service before it")
        for method in METHODS & item.keys():
            known[method]["tags"].append(service)
    paths[path]["servers"].append({"url": server, "description": service})


def _shape(item: Node) -> object:
    """Return what two services must agree on when they share a path."""
    return {
        method: {
            "parameters": [(p.get("name"), p.get("in")) for p in item[method].get("parameters", [])],
            "responses": sorted(item[method].get("responses", {})),
            "body": "requestBody" in item[method],
        }
        for method in METHODS & item.keys()
    }


def main() -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description="Export the contracts.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    check = parser.parse_args().check
    running = {service: export(service) for service in SERVERS}
    texts = {service: process.communicate()[0] for service, process in running.items()}
    if failed := [service for service, process in running.items() if process.returncode != 0]:
        print(f"the export of {', '.join(failed)} failed", file=sys.stderr)
        return 1
    wanted = {ROOT / service / "openapi.json": text.rstrip() + "\n" for service, text in texts.items()}
    joined = union({service: json.loads(text) for service, text in texts.items()}, SERVERS)
    wanted[UNION] = yaml.dump(joined, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is stale: run `make export` and commit it", file=sys.stderr)
        else:
            path.write_text(wanted[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
