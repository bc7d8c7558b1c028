"""The chart as Helm renders it, and how to ask for parts of what comes out."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
WITH_PODS = {"Deployment", "Job"}
_PATIENCE_SECONDS = 60

Manifest = dict[str, Any]


class Rendering(BaseModel):
    """What Helm makes of some values: the text of each template, or why it refuses them."""

    files: dict[str, str] = {}
    findings: list[str] = []
    refused: str = ""

    @cached_property
    def manifests(self) -> list[Manifest]:
        """The objects that Kubernetes would be handed."""
        return [each for text in self.files.values() for each in yaml.safe_load_all(text) if each]


def composed() -> dict[str, Any]:
    """Return the services of the compose file."""
    services: dict[str, Any] = read_yaml(ROOT / "docker-compose.yml")["services"]
    return services


def read_yaml(path: Path) -> Any:
    """Return the content of a file."""
    return yaml.safe_load(path.read_text())


def render(values: Sequence[Mapping[str, object]]) -> list[Rendering]:
    """Return what Helm makes of each of the values, on top of the chart's own."""
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.kubernetes.helm", str(CHART)],
        input=json.dumps(values),
        capture_output=True,
        check=True,
        cwd=ROOT,
        text=True,
        timeout=_PATIENCE_SECONDS,
    )
    return [Rendering.model_validate(each) for each in json.loads(done.stdout)]


@cache
def examples() -> dict[str, Rendering]:
    """Return what the chart's examples render to, by their names."""
    return dict(zip(names(), render([read_yaml(path) for path in EXAMPLES]), strict=True))


def names() -> list[str]:
    """Return the names of the examples."""
    return [path.stem for path in EXAMPLES]


def every_manifest() -> list[Manifest]:
    """Return the objects of all examples."""
    return [manifest for rendering in examples().values() for manifest in rendering.manifests]


def of_kind(kind: str, manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return the objects of one kind, by their names without the release's."""
    return {_name(each): each for each in manifests if each["kind"] == kind}


def pods(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return the templates of pods, by the part they belong to."""
    return {_name(each): each["spec"]["template"] for each in manifests if each["kind"] in WITH_PODS}


def every_pod() -> Iterator[Manifest]:
    """Yield the template of each pod in all examples."""
    for rendering in examples().values():
        yield from pods(rendering.manifests).values()


def container(pod: Manifest) -> Manifest:
    """Return a pod's only container."""
    [only] = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"]).removeprefix("apollo-")
