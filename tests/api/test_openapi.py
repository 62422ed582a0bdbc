from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


@pytest.fixture
def schema() -> dict[str, Any]:
    text: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return text


def test_the_committed_document_is_in_step() -> None:
    written = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=written)

    assert written.getvalue().strip() == DOCUMENT.read_text().strip(), (
        "Run: python manage.py spectacular --file docs/openapi.yaml"
    )


def operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [o for methods in schema["paths"].values() for o in methods.values()]


def test_every_operation_names_its_key_and_its_problems(schema: dict[str, Any]) -> None:
    for operation in operations(schema):
        if operation["tags"] == ["webhooks"]:
            continue
        assert operation["security"] == [{"TillKey": []}], operation["operationId"]
        for status in ("400", "401", "404", "503"):
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"]


def test_every_address_has_an_example_in_the_guide(schema: dict[str, Any]) -> None:
    guide = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()
    for operation in operations(schema):
        assert f"`{operation['operationId']}`" in guide


def test_the_document_is_served() -> None:
    response = Client().get("/api/schema/")

    assert response.status_code == 200
    assert yaml.safe_load(response.content)["info"]["title"] == "Loyalty API"


def test_the_page_has_no_script_of_its_own() -> None:
    response = Client().get("/api/docs/")

    page = response.content.decode()
    assert response.status_code == 200
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert page.count("<script") == page.count("<script src=")
    assert "cdn" not in page
