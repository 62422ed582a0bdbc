"""The frame that a phone keeps: nothing personal in it, nothing from elsewhere."""

import json
import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from core.models import Programme
from members.models import Member
from tests.portal.conftest import SignIn

pytestmark = pytest.mark.django_db
PAGES = [
    "/",
    "/card/",
    "/points/",
    "/history/",
    "/rewards/",
    "/rewards/x/",
    "/vouchers/",
    "/redemptions/",
    "/me/",
    "/offline/",
    "/m/x/",
]


@pytest.mark.parametrize("path", ["/offline/", "/service-worker.js", "/icon.svg"])
def test_is_the_same_for_everyone(
    mai: Member, client: Client, signed_in: SignIn, path: str
) -> None:
    for_mai = signed_in(mai).get(path)

    assert for_mai.status_code == 200
    assert for_mai.content == client.get(path).content
    assert "Thị Mai" not in for_mai.content.decode()


def test_the_worker_keeps_only_the_frame(client: Client) -> None:
    response = client.get("/service-worker.js")
    text = response.content.decode()
    kept = re.search(r"FRAME = \[(.*)\];", text)

    assert response["Content-Type"].startswith("text/javascript")
    assert "no-cache" in response["Cache-Control"]
    assert kept is not None
    paths = [json.loads(f'"{path}"') for path in re.findall(r'"([^"]*)"', kept[1])]
    assert paths[-1] == "/offline/"
    assert all(path.startswith("/static/") for path in paths[:-1])
    assert all(finders.find(path.removeprefix("/static/")) for path in paths[:-1])


def test_the_worker_s_cache_is_new_when_the_brand_changes(client: Client) -> None:
    before = client.get("/service-worker.js").content
    Programme.objects.update(brand_color="#0a5cff")

    assert client.get("/service-worker.js").content != before


def test_the_manifest_names_the_programme(client: Client) -> None:
    response = client.get("/manifest.webmanifest")

    assert response["Content-Type"] == "application/manifest+json"
    assert response.json()["name"] == "Cà phê Sông"
    assert response.json()["theme_color"] == "#8a4b2a"


def test_the_icon_holds_the_initial_and_nothing_that_runs(client: Client) -> None:
    Programme.objects.update(name="<svg onload=alert(1)>")
    response = client.get("/icon.svg")

    assert response["Content-Type"] == "image/svg+xml"
    assert ">&lt;</text>" in response.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_pages_allow_no_script_but_our_own(
    mai: Member, signed_in: SignIn, path: str
) -> None:
    response = signed_in(mai).get(path)
    page = response.content.decode()
    policy = response["Content-Security-Policy"]

    assert "script-src 'self';" in f"{policy};"
    assert "unsafe-eval" not in policy
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r'\son\w+="', page) == []
    # Nothing is fetched from anywhere else.
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', page) == []


@pytest.mark.parametrize(
    "path", ["/offline/", "/service-worker.js", "/manifest.webmanifest", "/icon.svg"]
)
def test_refuses_other_methods(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", "/"),
        ("/rewards/", "/rewards/"),
        ("/vouchers/", "/rewards/"),
        ("/redemptions/", "/rewards/"),
        ("/card/", "/card/"),
        ("/points/", "/points/"),
        ("/history/", "/points/"),
        ("/me/", "/me/"),
    ],
)
def test_the_bar_says_where_one_is(
    mai: Member, signed_in: SignIn, path: str, place: str
) -> None:
    bar = signed_in(mai).get(path).content.decode().partition('class="bar"')[2]

    assert re.findall(r'href="([^"]*)" aria-current="page"', bar) == [place]
    assert re.findall(r'<a[^>]* href="([^"]*)"', bar) == [
        "/",
        "/rewards/",
        "/card/",
        "/points/",
        "/me/",
    ]
