"""What people and machines see when a request fails, and what scripts a page may run."""

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory, override_settings
from django.urls import path

from loyalty_site import errors, urls
from loyalty_site.middleware import ConsoleScriptsMiddleware

pytestmark = pytest.mark.django_db


def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


def crowded(request: HttpRequest) -> HttpResponse:
    """Wait for a lock in vain, as PostgreSQL says it."""
    error = OperationalError("canceling statement due to lock timeout")
    cause = Exception()
    cause.sqlstate = "55P03"  # type: ignore[attr-defined]
    raise error from cause


class BrokenUrls:
    urlpatterns = [
        path("crowded/", crowded),
        path("api/v1/crowded/", crowded),
        path("broken/", broken),
        path("api/v1/broken/", broken),
        *urls.urlpatterns,
    ]
    handler400 = urls.handler400
    handler403 = urls.handler403
    handler404 = urls.handler404
    handler500 = urls.handler500


def test_a_missing_page_speaks_both_languages(client: Client) -> None:
    response = client.get("/there-is-nothing-here")

    assert response.status_code == 404
    page = response.content.decode()
    assert "Không tìm thấy trang" in page
    assert "There is nothing at this address." in page


def test_a_missing_api_address_answers_in_json(client: Client) -> None:
    response = client.get("/api/v1/there-is-nothing-here/")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@override_settings(ROOT_URLCONF=BrokenUrls)
def test_a_fault_shows_a_page_and_no_details(client: Client) -> None:
    client.raise_request_exception = False

    response = client.get("/broken/")

    assert response.status_code == 500
    page = response.content.decode()
    assert "Có lỗi ở phía chúng tôi" in page
    assert "ZeroDivisionError" not in page


@override_settings(ROOT_URLCONF=BrokenUrls)
def test_a_fault_of_the_api_answers_in_json(client: Client) -> None:
    client.raise_request_exception = False

    response = client.get("/api/v1/broken/")

    assert response.status_code == 500
    assert response.json()["code"] == "server_error"


@override_settings(ROOT_URLCONF=BrokenUrls)
def test_a_crowd_is_asked_to_come_again(client: Client) -> None:
    client.raise_request_exception = False

    page, machine = client.get("/crowded/"), client.get("/api/v1/crowded/")

    assert (page.status_code, machine.status_code) == (503, 503)
    assert int(page["Retry-After"]) > 0
    assert "Đang có quá nhiều người cùng lúc" in page.content.decode()
    assert machine["Retry-After"] == page["Retry-After"]
    assert machine.json()["code"] == "database_busy"


def test_a_form_without_its_token_is_explained() -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post("/i18n/setlang/", {"language": "en"})

    assert response.status_code == 403
    assert "Trang đã mở quá lâu" in response.content.decode()


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500", "503"])
def test_every_error_page_stands_on_its_own(name: str) -> None:
    page = render_to_string(f"{name}.html")

    assert "<link" not in page
    assert "<script" not in page
    assert 'lang="en"' in page


def test_bad_and_forbidden_requests_are_told_apart(rf: RequestFactory) -> None:
    request = rf.get("/api/v1/x/")

    assert errors.bad_request(request, ValueError()).status_code == 400
    assert errors.forbidden(request, ValueError()).status_code == 403


# --- The content policy -----------------------------------------------------------------


def policy(response: HttpResponse) -> dict[str, list[str]]:
    header = response["Content-Security-Policy"]
    parts = (directive.split() for directive in header.split("; "))
    return {name: values for name, *values in parts}


def test_pages_run_their_own_scripts_only(client: Client) -> None:
    found = policy(client.get("/there-is-nothing-here"))

    assert found["script-src"] == ["'self'"]
    assert found["object-src"] == ["'none'"]
    assert found["frame-ancestors"] == ["'none'"]


def test_the_console_alone_may_evaluate(client: Client) -> None:
    found = policy(client.get("/admin/login/"))

    assert "'unsafe-eval'" in found["script-src"]
    assert "'unsafe-inline'" not in found["script-src"]


def test_what_a_view_allows_is_kept(rf: RequestFactory) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        response._csp_update = {"script-src": ["'wasm-unsafe-eval'"]}  # type: ignore[attr-defined]
        return response

    response = ConsoleScriptsMiddleware(view)(rf.get("/admin/"))

    assert response._csp_update["script-src"] == ["'wasm-unsafe-eval'", "'unsafe-eval'"]  # type: ignore[attr-defined]
