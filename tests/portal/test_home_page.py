"""Home: my card, what ends soon, the latest lines; for others the way in."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.clock import local_date
from core.models import Programme
from members.models import Member
from points.models import Wallet
from points.services import Grant, grant_points, spend_points
from tests.portal.conftest import SignIn

pytestmark = pytest.mark.django_db


def give(member: Member, amount: int, *, days: int | None = None, key: str = "g") -> None:
    now = timezone.now()
    expires_on = local_date(now) + timedelta(days=days) if days is not None else None
    grant = Grant(member_id=member.pk, amount=amount, key=key, expires_on=expires_on)
    grant_points(grants=[grant], at=now)


def test_shows_the_card_the_balance_and_the_lines(
    mai: Member, card: str, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 1250)
    spend_points(member=mai, amount=80, key="s", at=timezone.now(), note="Trà đào")
    page = signed_in(mai).get("/").content.decode()

    assert "Nguyễn Thị Mai" in page
    assert "1234 5678 9012" in page
    assert "<strong>1.170</strong>" in page
    assert "−80" in page
    assert "Trà đào" in page
    assert "+1.250" in page


def test_says_what_ends_soon_and_when(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 120, days=9, key="near")
    give(mai, 500, days=31, key="far")
    client = signed_in(mai)
    page = client.get("/", headers={"accept-language": "en"}).content.decode()
    last_day = local_date(timezone.now()) + timedelta(days=9)

    assert "<strong>120 điểm</strong>" in page
    assert f"{last_day:%d/%m/%Y}" in page
    assert "9 days left" in page


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "today is the last day"), (1, "1 day left"), (30, "30 days left")],
)
def test_names_the_days_that_are_left(
    mai: Member, wallet: Wallet, signed_in: SignIn, days: int, words: str
) -> None:
    give(mai, 120, days=days)
    page = signed_in(mai).get("/", headers={"accept-language": "en"}).content.decode()

    assert words in page


def test_says_nothing_of_points_that_end_later(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 120, days=31)

    assert 'class="soon"' not in signed_in(mai).get("/").content.decode()


def test_an_empty_account_says_what_to_do_first(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    page = signed_in(mai).get("/").content.decode()

    assert 'class="empty"' in page
    assert "<strong>0</strong>" in page


def test_works_before_the_programme_is_set_up(mai: Member, signed_in: SignIn) -> None:
    Programme.objects.all().delete()

    assert signed_in(mai).get("/").status_code == 200


def test_a_visitor_sees_the_way_in_and_nobody_s_points(
    mai: Member, wallet: Wallet, client: Client
) -> None:
    give(mai, 1250)
    response = client.get("/")
    page = response.content.decode()

    assert response.status_code == 200
    assert 'action="/sign-in/"' in page
    assert "1.250" not in page
    assert "Thị Mai" not in page


def test_a_stranger_sees_only_their_own(
    mai: Member, binh: Member, card: str, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 1250)
    page = signed_in(binh).get("/").content.decode()

    assert "Trần Văn Bình" in page
    assert "1.250" not in page
    assert "Thị Mai" not in page
    assert "1234 5678 9012" not in page


@pytest.mark.parametrize("state", [Member.State.BLOCKED, Member.State.LEFT])
def test_who_is_no_longer_active_is_signed_out_at_once(
    mai: Member, wallet: Wallet, signed_in: SignIn, state: str
) -> None:
    client = signed_in(mai)
    Member.objects.filter(pk=mai.pk).update(state=state)

    assert 'action="/sign-in/"' in client.get("/").content.decode()


def test_is_kept_by_no_cache(mai: Member, wallet: Wallet, signed_in: SignIn) -> None:
    response = signed_in(mai).get("/")

    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]


def test_refuses_other_methods(client: Client) -> None:
    assert client.post("/").status_code == 405


def test_runs_nothing_that_a_name_holds(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    Member.objects.filter(pk=mai.pk).update(name='<script>alert("x")</script>')
    Programme.objects.update(name='"><img src=x onerror=alert(1)>', unit_name="<b>xu</b>")
    page = signed_in(mai).get("/").content.decode()

    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>xu" not in page


def test_asks_the_database_no_more_for_many_lines(
    mai: Member,
    wallet: Wallet,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(mai)
    give(mai, 10)
    with django_assert_num_queries(13):
        client.get("/")
    for n in range(200):
        give(mai, 10, days=n, key=f"g{n}")
    with django_assert_num_queries(13):
        client.get("/")
