"""Whatever may be asked about members, the facts behind the answer can be told."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from members.models import Consent, Identifier, Member, Segment
from members.segments import FIELDS, Asked, Field, Moment, Operator, ValueKind
from members.segments import explain_members as explain
from members.services import set_consent
from tests import factories
from tests.rewards.helpers import make_reward, make_voucher_type
from tests.rewards.test_segment_fields import hold, redeem

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def value_of(field: Field, operator: Operator) -> Any:
    """Return a value that an operator can be asked with."""
    values = {
        ValueKind.NUMBER: 1,
        ValueKind.MONEY: Decimal(1000),
        ValueKind.TEXT: "x",
        ValueKind.CHOICE: "x",
        ValueKind.NONE: None,
    }
    value = values[operator.kind]
    if operator.kind is ValueKind.CHOICE and operator.choices and operator.choices():
        value = operator.choices()[0][0]
    if operator.also is None:
        return value
    choices = operator.also.choices() if operator.also.choices else ()
    return Asked(value, choices[0][0] if choices else operator.also.first)


@pytest.mark.parametrize("code", sorted(FIELDS))
def test_every_field_tells_each_member_something(
    code: str, mai: Member, binh: Member, now: datetime
) -> None:
    factories.make_wallet()
    Segment.objects.create(code="s", name="S", conditions={"all": []})
    field, moment = FIELDS[code], Moment.of(now)
    assert field.tell is not None, "say why a member matches"
    for operator in field.operators:
        asked = value_of(field, operator)
        told = field.tell([mai.pk, binh.pk], asked, moment)
        assert set(told) == {mai.pk, binh.pk}, operator.code
        assert all(told.values()), operator.code


def why(member: Member, now: datetime, field: str, question: str, **also: Any) -> str:
    node = {"field": field, "is": question, **also}
    return explain(node, member_ids=[member.pk], at=now)[member.pk]


def test_the_person(mai: Member, now: datetime) -> None:
    assert why(mai, now, "gender", "is", value="female") == "Gender: unknown"
    assert why(mai, now, "province", "is", value="Huế") == "Province: unknown"
    assert why(mai, now, "birthday_month", "this_month") == "Day of birth unknown"
    Member.objects.filter(pk=mai.pk).update(
        gender="female", province="Huế", birth_date=date(1990, 3, 5)
    )
    assert why(mai, now, "gender", "is", value="male") == "Gender: female"
    assert why(mai, now, "province", "is_not", value="Huế") == "Province: Huế"
    assert why(mai, now, "birthday_month", "is", value="3") == "Born 05/03/1990"
    assert why(mai, now, "state", "is", value="active") == "State: active"
    assert why(mai, now, "language", "is", value="vi") == "Language: Vietnamese"


def test_how_to_reach_the_person(mai: Member, now: datetime) -> None:
    works = "Has a phone number that works"
    assert why(mai, now, "has_phone", "yes") == f"{works}: yes"
    Identifier.objects.update(is_valid=False)
    assert why(mai, now, "has_phone", "no") == f"{works}: no"
    assert why(mai, now, "follows_oa", "no") == "Follows the Official Account: no"


def test_consent_and_the_channel_that_offers_take(mai: Member, now: datetime) -> None:
    Consent.objects.all().delete()
    assert why(mai, now, "marketing_consent", "yes") == "Allows offers: no"
    assert why(mai, now, "reachable", "no") == "Channel that offers take: none"
    set_consent(
        member_ids=[mai.pk], purpose="marketing", is_given=True, at=now, source="till"
    )
    by_phone = "Channel that offers take: Zalo by phone (ZNS)"
    assert why(mai, now, "reached_through", "is", value="sms") == by_phone
    sms = why(mai, now, "allows_offers_on", "yes", value="sms")
    assert sms == "Allows offers on a channel (SMS): yes"


def test_other_segments_by_their_names(mai: Member, now: datetime) -> None:
    Segment.objects.create(code="all", name="Everybody", conditions={"all": []})
    Segment.objects.create(code="none", name="Nobody", conditions={"any": []})
    assert why(mai, now, "segment", "is", value="all") == "Segment (Everybody): yes"
    assert why(mai, now, "segment", "is_not", value="none") == "Segment (Nobody): no"


def test_vouchers_and_rewards(mai: Member, now: datetime) -> None:
    off = make_voucher_type()
    ends = "voucher_ends_in_days"
    assert why(mai, now, ends, "at_most", value=9) == "no voucher that ends"
    # Usable through 4 March, and another one for longer.
    end = datetime(2026, 3, 4, 17, tzinfo=now.tzinfo)
    hold(mai, now, voucher_type=off, valid_until=end)
    hold(mai, now, voucher_type=off, valid_until=end + 9 * DAY)
    assert why(mai, now, ends, "at_most", value=9) == "a voucher ends on 04/03/2026"

    assert why(mai, now, "used_voucher", "no", value="off20") == "“off20” never used"


def test_rewards_are_counted_in_the_window(mai: Member, now: datetime) -> None:
    reward = make_reward()
    for days in (0, 3, 40):
        redeem(mai, reward, now - days * DAY)
    told = why(mai, now, "redemptions_within", "at_least", value=1, days=30)
    assert told == "2 rewards in the last 30 days"
    told = why(mai, now, "redemptions_within", "at_most", value=1, days=1)
    assert told == "1 reward in the last 1 days"


def test_speaks_vietnamese(mai: Member, now: datetime) -> None:
    with translation.override("vi"):
        told = why(mai, now, "state", "is", value="active")
    assert told == "Trạng thái: đang hoạt động"
