"""What runs where, as manifests say: Kubernetes documents with their containers, services of compose files, images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.flow.events import is_example, is_test
from pipeaudit.read.node import Node
from pipeaudit.repository import Repository

_ASIDE = re.compile(
    r"(^|/)(node_modules|site-packages|third_party|vendor|vendored|\.github|tests?|crds?)/", re.IGNORECASE
)
_BEFORE_PRODUCTION = re.compile(
    r"(^|[/_.-])(dev|development|local|minikube|kind|sandbox|debug|override)([/_.-]|$)", re.IGNORECASE
)
# Images of databases, brokers and dashboards: they serve no model.
_SUPPORTING = re.compile(
    r"(^|[/_-])(postgres(ql)?|mysql|mariadb|redis|mongo(db)?|minio|mc|nginx|traefik|envoy|haproxy|kafka|zookeeper|rabbitmq|"
    r"elasticsearch|opensearch|kibana|logstash|grafana|prometheus|alertmanager|loki|jaeger|otel\S*|busybox|alpine|curl|"
    r"adminer|pgadmin\d?|memcached|vault|consul|etcd|node-exporter|cadvisor|statsd\S*|pushgateway|jupyter\S*|"
    r"airflow\S*|mlflow\S*|prefect\S*|localstack|weaviate|qdrant|chroma|milvus|keycloak|oauth2-proxy|registry|[\w.-]+-exporter|kube-state-metrics)(:|@|$)",
    re.IGNORECASE,
)


# Machinery of a cluster, by the names of workloads.
_MACHINERY = re.compile(
    r"controller|operator|manager|webhook|exporter|autoscaler|collector|aggregator|metrics|"
    r"(^|-)(client|db|database|cache|queue|broker)(-|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Workload:
    """A Kubernetes document that runs containers, or a service of a compose file (then `kind` is "compose")."""

    kind: str
    name: str
    node: Node
    containers: tuple[Node, ...]

    @property
    def path(self) -> str:
        return self.node.path

    @property
    def is_for_development(self) -> bool:
        return _BEFORE_PRODUCTION.search(self.path) is not None

    @property
    def supports(self) -> bool:
        """Whether all that it runs are databases, brokers, machinery of the cluster and the like."""
        if _MACHINERY.search(self.name):
            return True
        images = [container.get("image").text for container in self.containers if container.get("image").text]
        return bool(images) and all(_SUPPORTING.search(image) for image in images)


def documents(repository: Repository) -> list[Node]:
    """Kubernetes documents of the tree, those of tests and of others' code left out."""
    found: list[Node] = []
    for path in repository.paths:
        aside = is_test(path) or is_example(path) or _ASIDE.search(path) is not None
        if path.endswith((".yaml", ".yml")) and not aside:
            text = repository.text(path)
            if "apiVersion:" in text and "{{" not in text:
                found += [
                    node for node in repository.nodes(path) if node.get("kind").text and node.get("apiVersion").text
                ]
    return found


def workloads(repository: Repository) -> list[Workload]:
    found = []
    for document in documents(repository):
        containers = tuple(
            container
            for key, value in document.pairs()
            if key.raw in ("containers", "initContainers")
            for container in value.elements
        )
        if containers:
            name = document.get("metadata", "name").text
            found.append(Workload(document.get("kind").text, name, document, containers))
    return found


def services(repository: Repository) -> Iterator[Workload]:
    """Services of compose files."""
    for path in repository.glob("docker-compose*.y*ml", "compose*.y*ml"):
        if not is_test(path):
            for document in repository.nodes(path)[:1]:
                for key, body in document.items("services"):
                    yield Workload("compose", key.raw, body, (body,))
