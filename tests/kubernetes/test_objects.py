"""What the chart renders to is held against the schemas of Kubernetes; nothing here needs a cluster."""

from collections import Counter
from copy import deepcopy
from typing import Literal

import kubernetes_validate
import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.kubernetes.chart import CHART, container, examples, names, of_kind, read_yaml

pytestmark = pytest.mark.process

OLDEST = "1.30"
NEWEST = kubernetes_validate.latest_version()
OF_OTHERS = "keda.sh/"
"""Objects of operators, which Kubernetes has no schema for."""


class Strict(BaseModel):
    """Nothing but the fields that are named."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Reference(Strict):
    name: str


class TemporalQueue(Strict):
    """The metadata of KEDA's scaler `temporal`, which are all text."""

    endpoint: str
    namespace: str
    taskQueue: str
    queueTypes: Literal["workflow", "activity"]
    targetQueueSize: str = Field(pattern=r"^\d+$")
    tlsServerName: str | None = None


class Trigger(Strict):
    type: Literal["temporal"]
    metadata: TemporalQueue
    authenticationRef: Reference | None = None


class ScaledObject(Strict):
    scaleTargetRef: Reference
    minReplicaCount: int = Field(ge=1)
    maxReplicaCount: int
    triggers: list[Trigger] = Field(min_length=1)


class SecretTarget(Strict):
    parameter: Literal["apiKey", "ca", "cert", "key"]
    name: str = Field(min_length=1)
    key: str


class TriggerAuthentication(Strict):
    secretTargetRef: list[SecretTarget] = Field(min_length=1)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("example", names())
def test_example_renders_to_objects_that_kubernetes_knows(example: str, version: str) -> None:
    manifests = [each for each in examples()[example].manifests if OF_OTHERS not in each["apiVersion"]]

    assert manifests
    for each in manifests:
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_field_that_kubernetes_does_not_know_is_found(version: str) -> None:
    manifest = deepcopy(of_kind("Deployment", examples()["smallest"].manifests)["worker"])
    container(manifest["spec"]["template"])["livenessprobe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError, match="'livenessprobe' was unexpected"):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_chart_asks_for_the_oldest_kubernetes_its_objects_were_held_against() -> None:
    assert read_yaml(CHART / "Chart.yaml")["kubeVersion"] == f">={OLDEST}.0-0"


@pytest.mark.parametrize("example", names())
def test_helm_has_nothing_against_the_chart(example: str) -> None:
    rendering = examples()[example]

    assert (rendering.refused, rendering.findings) == ("", ["icon is recommended"])


@pytest.mark.parametrize("example", names())
def test_no_two_objects_of_a_kind_share_a_name(example: str) -> None:
    manifests = examples()[example].manifests
    named = Counter((each["kind"], each["metadata"]["name"]) for each in manifests)

    assert set(named.values()) == {1}
    assert {each["metadata"]["namespace"] for each in manifests} == {"calls"}


@pytest.mark.parametrize("example", ["roles", "cloud"])
def test_objects_for_keda_have_only_fields_it_knows(example: str) -> None:
    manifests = examples()[example].manifests
    scaled = of_kind("ScaledObject", manifests)
    authentications = of_kind("TriggerAuthentication", manifests)

    assert scaled
    for each in authentications.values():
        TriggerAuthentication.model_validate(each["spec"])
    for name, each in scaled.items():
        spec = ScaledObject.model_validate(each["spec"])
        assert spec.scaleTargetRef.name == f"apollo-{name}"
        assert name in of_kind("Deployment", manifests)
        assert spec.minReplicaCount < spec.maxReplicaCount
        referred = {trigger.authenticationRef.name for trigger in spec.triggers if trigger.authenticationRef}
        assert referred == {f"apollo-{each}" for each in authentications}
