from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from api.models import TillKey
from members.models import Member
from tests.api.conftest import AN_ORDER, ORDERS, Till, problem

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/members/MAI/"


def refused(till: Till) -> bool:
    response = till.get(ADDRESS)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Api-Key realm="api"'
    return problem(response)["code"] == "authentication_failed"


def test_opens_the_door(till: Till, mai: Member) -> None:
    assert till.get(ADDRESS).status_code == 200


def test_may_come_in_a_header_of_its_own(till: Till, mai: Member) -> None:
    response = Client().get(ADDRESS, headers={"X-Api-Key": till.text})

    assert response.status_code == 200


def test_the_name_of_the_scheme_may_be_in_any_case(till: Till, mai: Member) -> None:
    response = Client().get(ADDRESS, headers={"Authorization": f"api-key  {till.text}"})

    assert response.status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer abc", "Basic abc", "Api-Key"])
def test_is_asked_for(mai: Member, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    response = Client().get(ADDRESS, headers=headers)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Api-Key realm="api"'


def test_the_sentence_says_which_header(mai: Member) -> None:
    response = Client().get(ADDRESS, headers={"Accept-Language": "en"})

    assert problem(response)["code"] == "not_authenticated"
    assert "Authorization: Api-Key" in problem(response)["detail"]


@pytest.mark.parametrize(
    "text", ["", "x", "é" * 41, "a\x00b", "12345678." + "x" * 32, "x" * 10000]
)
def test_nonsense_is_refused(till: Till, mai: Member, text: str) -> None:
    till.text = text

    assert refused(till)


def test_a_wrong_secret_is_refused(till: Till, mai: Member) -> None:
    prefix = till.text.partition(".")[0]
    till.text = f"{prefix}.{'x' * 32}"

    assert refused(till)


def test_a_revoked_key_is_refused(till: Till, mai: Member) -> None:
    TillKey.objects.update(revoked=True)

    assert refused(till)


def test_an_expired_key_is_refused(till: Till, mai: Member) -> None:
    TillKey.objects.update(expiry_date=timezone.now() - timedelta(seconds=1))

    assert refused(till)


def test_is_asked_for_before_the_body_is_read(mai: Member) -> None:
    response = Client().post(ORDERS, "{", content_type="application/json")

    assert response.status_code == 401


def test_a_key_of_the_session_kind_opens_nothing(mai: Member, admin_client: Client) -> None:
    assert admin_client.get(ADDRESS).status_code == 401
    response = admin_client.post(ORDERS, AN_ORDER, content_type="application/json")
    assert response.status_code == 401


def test_is_stored_only_as_a_hash(till: Till) -> None:
    secret = till.text.partition(".")[2]
    row = TillKey.objects.values().get()

    assert not any(secret in str(value) for value in row.values())
