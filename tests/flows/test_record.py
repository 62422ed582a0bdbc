"""What happens when a purchase happens, told end to end."""

from datetime import datetime, timedelta
from decimal import Decimal

from activities.models import Order
from activities.services import OrderFact
from flows.record import record
from members.models import Member
from points.audit import verify_ledger
from points.models import Transfer
from points.queries import balances, history
from tests.factories import make_earn_rule, make_wallet


def fact(member: Member, number: str, total: int, at: datetime) -> OrderFact:
    return OrderFact("pos", number, member.pk, at, Decimal(total))


def test_a_purchase_becomes_points(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet())

    (answer,) = record([fact(mai, "A1", 125000, now)], at=now)

    assert (answer.outcome, answer.points) == ("new", 12)
    assert balances([mai.pk]) == {mai.pk: 12}
    (line,) = history(mai)
    assert (line.amount, line.rule_name, line.source_id) == (
        12,
        "Tích điểm",
        answer.order_id,
    )


def test_telling_it_again_answers_the_same_points(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet())
    (first,) = record([fact(mai, "A1", 125000, now)], at=now)

    (again,) = record([fact(mai, "A1", 125000, now)], at=now)

    assert (again.outcome, again.points, again.order_id) == ("known", 12, first.order_id)
    assert Transfer.objects.count() == 1


def test_other_content_gives_nothing(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet())
    record([fact(mai, "A1", 125000, now)], at=now)

    (answer,) = record([fact(mai, "A1", 999000, now)], at=now)

    assert (answer.outcome, answer.code, answer.points) == ("refused", "conflict", 0)
    assert balances([mai.pk]) == {mai.pk: 12}


def test_a_cancelled_order_is_kept_and_gives_nothing(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet())

    (answer,) = record([fact(mai, "A1", 125000, now)._replace(status="cancelled")], at=now)

    assert (answer.outcome, answer.points) == ("new", 0)
    assert Order.objects.get().status == "cancelled"


def test_a_late_purchase_lands_on_its_own_day(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet())
    then = now - timedelta(days=400)

    record([fact(mai, "A1", 125000, then)], at=now)

    assert Transfer.objects.get().happened_at == then


def test_one_bad_fact_does_not_take_the_others_with_it(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_earn_rule(wallet=make_wallet())

    answers = record(
        [
            fact(mai, "A1", 50000, now),
            fact(mai, "A2", -1, now),
            fact(binh, "A3", 70000, now),
        ],
        at=now,
    )

    assert [a.outcome for a in answers] == ["new", "refused", "new"]
    assert balances([mai.pk, binh.pk]) == {mai.pk: 5, binh.pk: 7}
    assert verify_ledger().ok


def test_works_before_there_is_a_programme(mai: Member, now: datetime) -> None:
    (answer,) = record([fact(mai, "A1", 50000, now)], at=now)
    assert (answer.outcome, answer.points) == ("new", 0)
