"""The description, its page, and the API held against it."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.world import SECRET, World, a_batch_body, a_campaign_body, bearer, created
from tests.examples import examples

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


BOUNDED = examples(
    10,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


async def test_every_answer_to_generated_requests_is_one_that_is_described(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])
    call = await world.dial_first(batch)
    listed = await world.client.post("/api/v1/suppressions", json={"phone_number": "+14155550199"})
    entry = created(listed)
    token = created(await world.client.post("/api/v1/tokens", json={"name": "spare"}))
    hook = created(await world.client.post("/api/v1/webhook-endpoints", json={"url": "https://a.example"}))
    test = await world.client.post(f"/api/v1/webhook-endpoints/{hook['endpoint_id']}/test")
    known = {
        "endpoint_id": hook["endpoint_id"],
        "delivery_id": test.json()["delivery_id"],
        "campaign_id": campaign["campaign_id"],
        "batch_id": batch["batch_id"],
        "contact_id": call.contact_id,
        "execution_id": call.execution_id,
        "suppression_id": entry["suppression_id"],
        "token_id": token["token_id"],
    }
    schema = schemathesis.openapi.from_asgi("/openapi.json", world.app)
    operations = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    statuses: set[int] = set()

    for operation in operations:

        @BOUNDED
        @given(case=operation.as_strategy(), is_known=st.booleans())
        def hold_against_description(case: schemathesis.Case[Any], is_known: bool) -> None:
            if is_known:
                case.path_parameters.update({name: known[name] for name in case.path_parameters})
            answer = case.call(headers=dict(bearer(SECRET)))
            case.validate_response(answer, checks=CHECKS)
            statuses.add(answer.status_code)

        hold_against_description()

    assert len(operations) > 15
    assert {200, 404, 422} <= statuses


async def test_description_names_bodies_problems_and_the_token(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()

    create = document["paths"]["/api/v1/batches/"]["post"]
    body = create["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/BatchCreate"}
    assert set(create["responses"]) == {
        "201",
        "401",
        "403",
        "404",
        "408",
        "409",
        "413",
        "415",
        "422",
        "429",
        "503",
    }
    assert create["security"] == [{"token": []}]
    assert "security" not in document["paths"]["/webhooks/call-status"]["post"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert not [path for path in document["paths"] if path.endswith("/contacts/")]


async def test_whatever_reads_a_body_names_the_bodies_it_refuses(world: World) -> None:
    paths = (await world.client.get("/openapi.json")).json()["paths"]

    readers = {
        f"{method} {path}": {"408", "413", "415", "422"} - set(operation["responses"])
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }
    assert len(readers) > 8
    assert {reader: missing for reader, missing in readers.items() if missing} == {}


async def test_description_names_both_forms_of_an_upload_and_the_file_of_an_export(world: World) -> None:
    paths = (await world.client.get("/openapi.json")).json()["paths"]

    upload = paths["/api/v1/batches/upload"]["post"]["requestBody"]["content"]
    form = upload["multipart/form-data"]
    export = paths["/api/v1/batches/{batch_id}/export.csv"]["get"]
    assert upload["application/json"]["schema"] == {"$ref": "#/components/schemas/BatchCreate"}
    assert form["schema"] == {"$ref": "#/components/schemas/BatchForm"}
    assert form["encoding"]["metadata"] == {"contentType": "application/json"}
    assert list(paths["/api/v1/batches/"]["post"]["requestBody"]["content"]) == ["application/json"]
    assert export["responses"]["200"]["content"] == {"text/csv": {"schema": {"type": "string"}}}
    assert set(export["responses"]) == {"200", "401", "404", "422", "429", "503"}


async def test_description_lists_every_chapter_in_the_order_of_reading(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()

    used = {tag for path in document["paths"].values() for each in path.values() for tag in each["tags"]}
    listed = [each["name"] for each in document["tags"]]
    assert listed[0] == "campaigns"
    assert sorted(listed) == sorted(used)


async def test_described_examples_are_accepted(world: World) -> None:
    schemas = (await world.client.get("/openapi.json")).json()["components"]["schemas"]
    (campaign_example,) = schemas["CampaignCreate"]["examples"]
    (batch_example,) = schemas["BatchCreate"]["examples"]

    campaign = await world.client.post("/api/v1/campaigns/", json=a_campaign_body(**campaign_example))
    campaign_id = campaign.json()["campaign_id"]
    batch = await world.client.post(
        "/api/v1/batches/", json={**a_batch_body(campaign_id), **batch_example, "campaign_id": campaign_id}
    )

    assert (campaign.status_code, batch.status_code) == (201, 201)


async def test_docs_page_and_all_its_assets_come_from_this_server(world: World) -> None:
    page = await world.client.get("/docs", headers={"Authorization": ""})

    assert page.status_code == 200
    assert "//" not in page.text.replace("<!-- ", "").split("<script>")[0]
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"/docs/{asset}" in page.text
        answer = await world.client.get(f"/docs/{asset}")
        assert (answer.status_code, len(answer.content) > 1000) == (200, True)
