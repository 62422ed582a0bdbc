"""A question that was put into words once answers what the query itself would."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Model
from django.forms.models import model_to_dict

from activities.models import Store
from api.authentication import KEY
from api.models import TillKey
from api.services import create_till_key
from core.models import Programme
from core.questions import Question, Told
from members.models import Member
from members.services import BY_CODE, BY_IDENTIFIER
from rewards.models import Voucher, VoucherUse
from rewards.using.checking import look_up
from rewards.using.groups import LOCKED
from tests import factories
from tests.rewards import using

pytestmark = pytest.mark.django_db


def values(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.fields}


def test_answers_every_field_as_the_query_does(mai: Member) -> None:
    assert [values(one) for one in BY_CODE.ask("MAI")] == [
        values(Member.objects.get(code="MAI"))
    ]


def test_answers_other_values_the_next_time(mai: Member, binh: Member) -> None:
    assert BY_CODE.ask_one("MAI") == mai
    assert BY_CODE.ask_one("BINH") == binh
    assert BY_CODE.ask_one("NOBODY") is None
    assert BY_CODE.ask_one("MAI' OR 1=1 --") is None


def test_takes_several_values(mai: Member, binh: Member) -> None:
    assert BY_IDENTIFIER.ask_one("phone", "+84912345678") == mai
    assert BY_IDENTIFIER.ask_one("phone", "+84987654321") == binh
    assert BY_IDENTIFIER.ask_one("card", "+84912345678") is None


def test_brings_what_is_selected_along(django_assert_num_queries: Any) -> None:
    store = Store.objects.create(code="HN1", name="Hà Nội")
    bound, text = create_till_key(name="bound", source="pos", store=store)
    free, other = create_till_key(name="free", source="web")
    with django_assert_num_queries(2):
        first, second = (KEY.ask_one(one.partition(".")[0]) for one in (text, other))
        assert first is not None
        assert second is not None
        assert first.store == store
        assert first.store.name == "Hà Nội"
        assert second.store is None
    assert values(first) == values(TillKey.objects.get(pk=bound.pk))
    assert second == free


def test_reads_what_is_stored_as_a_document_or_a_time(mai: Member, now: datetime) -> None:
    kind = using.make_type(valid_from=now, funder=None)
    using.limit(kind, 3, per="member", period="day")
    using.make_voucher(voucher_type=kind, member=mai, valid_until=now + timedelta(days=1))
    (use,) = using.use("AAAA1111", mai, now)
    with transaction.atomic():
        (asked,) = LOCKED.ask("pos", "HD-1")
    plain = VoucherUse.objects.select_related("voucher__voucher_type").get(pk=use.pk)
    assert values(asked) == values(plain)
    assert values(asked.voucher) == values(plain.voucher)
    assert values(asked.voucher.voucher_type) == values(plain.voucher.voucher_type)
    assert asked.voucher.voucher_type.terms == using.TWENTY_OFF
    assert asked.counted == [["member", "day"]]


def test_finds_many_codes_at_once(mai: Member, django_assert_num_queries: Any) -> None:
    kind, other = using.make_type(), using.make_type("other")
    using.limit(kind, 3)
    for number in range(10):
        using.make_voucher(f"AAAA111{number}", voucher_type=other if number else kind)
    with django_assert_num_queries(2):
        found = look_up([f"AAAA111{number}" for number in range(10)])
        told = [one.voucher.voucher_type.known_limits for one in found if one.voucher]
    assert [len(limits) for limits in told] == [1] + [0] * 9
    assert [one.voucher for one in found] == list(Voucher.objects.order_by("code"))


def test_a_row_can_be_changed_and_saved(mai: Member) -> None:
    asked = BY_CODE.ask_one("MAI")
    assert asked is not None
    assert not asked._state.adding
    asked.name = "Mai"
    asked.save(update_fields=["name"])
    mai.refresh_from_db()
    assert model_to_dict(mai)["name"] == "Mai"


def test_the_programme_is_read_anew_each_time() -> None:
    assert Programme.current().name == "Loyalty"
    factories.make_programme(name="Cà phê Sông")
    assert Programme.current().name == "Cà phê Sông"


def test_an_order_and_numbers(mai: Member, binh: Member) -> None:
    question = Question(
        lambda: Member.objects.filter(pk__gte=Told(0, "bigint")).order_by("-pk")
    )
    later = max(mai.pk, binh.pk)
    assert [one.pk for one in question.ask(later)] == [later]
    assert [one.pk for one in question.ask(0)] == sorted((mai.pk, binh.pk), reverse=True)
