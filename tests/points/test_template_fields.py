"""What a message may say about points."""

from datetime import date
from typing import Any

from django.utils import translation

from members.models import Member
from points.services import Grant, grant_points
from points.template_fields import points_fields
from tests import factories
from tests.conftest import NOW


def test_names_the_points_and_what_expires_soonest(
    mai: Member, binh: Member, django_assert_max_num_queries: Any
) -> None:
    Member.objects.update(language="en")
    factories.make_programme()
    factories.make_wallet()
    grants = [
        Grant(mai.pk, 1130, "later", date(2027, 3, 1)),
        Grant(mai.pk, 120, "soon", date(2026, 3, 20)),
    ]
    grant_points(grants=grants, at=NOW)

    with django_assert_max_num_queries(8), translation.override("vi"):
        found = points_fields([mai.pk, binh.pk], NOW)

    assert found == {
        mai.pk: {"points": "1.250", "expiring": "120 điểm expire after 20/03/2026"},
        binh.pk: {"points": "0", "expiring": "nothing in the coming 30 days"},
    }


def test_a_programme_of_money_alone_speaks_of_money(mai: Member) -> None:
    Member.objects.update(language="en")
    factories.make_programme()
    money = factories.make_wallet(code="cashback", name="Hoàn tiền", kind="cashback")
    grants = [Grant(mai.pk, 61_728, "g", date(2026, 3, 20))]
    grant_points(grants=grants, at=NOW, wallet=money)

    assert points_fields([mai.pk], NOW) == {
        mai.pk: {"points": "61.728 ₫", "expiring": "61.728 ₫ expire after 20/03/2026"}
    }
