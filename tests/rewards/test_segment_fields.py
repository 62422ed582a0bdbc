"""Groups of members by the rewards they took and the vouchers they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from members.models import Member, Segment
from members.segments import explain_members, members_matching, validate_conditions
from members.segments.uses import used_by
from rewards.models import Redemption, Voucher, VoucherUse
from tests.rewards.helpers import make_reward, make_voucher_type

DAY = timedelta(days=1)


def who(now: datetime, field: str, operator: str, **values: Any) -> set[str]:
    node = {"field": field, "is": operator, **values}
    validate_conditions(node)
    met = set(members_matching(node, at=now).values_list("code", flat=True))
    others = members_matching({"not": node}, at=now).values_list("code", flat=True)
    assert met | set(others) == {"MAI", "BINH"}
    assert not met & set(others)
    few = members_matching(node, at=now, few=True)
    assert set(few.values_list("code", flat=True)) == met
    return met


def hold(member: Member, now: datetime, **fields: Any) -> Voucher:
    return Voucher.objects.create(
        **{
            "code": f"V{Voucher.objects.count()}",
            "voucher_type": make_voucher_type() if "voucher_type" not in fields else None,
            "member": member,
            "state": "issued",
            "max_uses": 1,
            "issued_at": now,
            **fields,
        }
    )


def test_only_vouchers_that_can_be_used_count(
    mai: Member, binh: Member, now: datetime
) -> None:
    off = make_voucher_type()
    hold(mai, now, voucher_type=off, valid_until=now + DAY)
    hold(binh, now, voucher_type=off, uses=1)
    hold(binh, now, voucher_type=off, valid_until=now)
    hold(binh, now, voucher_type=off, valid_from=now + DAY)
    hold(binh, now, voucher_type=off, state="cancelled")

    assert who(now, "has_voucher", "yes", value="off20") == {"MAI"}
    assert who(now, "has_voucher", "no", value="off20") == {"BINH"}
    node = {"field": "has_voucher", "is": "yes", "value": "off20"}
    why = explain_members(node, member_ids=[mai.pk, binh.pk], at=now)
    assert why == {
        mai.pk: "1 usable vouchers “off20”",
        binh.pk: "0 usable vouchers “off20”",
    }


def test_a_voucher_ends_on_its_last_day(mai: Member, binh: Member, now: datetime) -> None:
    off = make_voucher_type()
    # Through 4 March: ends with the first instant of the 5th.
    end = datetime(2026, 3, 4, 17, tzinfo=UTC)
    hold(mai, now, voucher_type=off, valid_until=end)
    hold(binh, now, voucher_type=off)

    assert who(now, "voucher_ends_in_days", "at_most", value=2) == {"MAI"}
    assert who(now, "voucher_ends_in_days", "at_most", value=1) == set()


def test_used_vouchers(mai: Member, binh: Member, now: datetime) -> None:
    off = make_voucher_type()
    for member, state, days in ((mai, "used", 5), (binh, "held", 0)):
        VoucherUse.objects.create(
            voucher=hold(member, now, voucher_type=off),
            member=member,
            source="t",
            reference=str(member.pk),
            state=state,
            happened_at=now,
            happened_on=now.date(),
            held_until=now,
            used_at=now - days * DAY,
        )

    assert who(now, "used_voucher", "yes", value="off20") == {"MAI"}
    assert who(now, "used_voucher", "yes_within", value="off20", days=5) == {"MAI"}
    assert who(now, "used_voucher", "yes_within", value="off20", days=4) == set()
    node = {"field": "used_voucher", "is": "yes", "value": "off20"}
    assert explain_members(node, member_ids=[mai.pk, binh.pk], at=now) == {
        mai.pk: "“off20” used on 25/02/2026",
        binh.pk: "“off20” never used",
    }


def redeem(member: Member, reward: Any, at: datetime, state: str = "unpaid") -> None:
    number = Redemption.objects.count()
    Redemption.objects.create(
        code=f"R{number}",
        key=str(number),
        reward=reward,
        member=member,
        state=state,
        pay_until=at,
        redeemed_at=at,
        redeemed_on=at.date(),
        ended_at=at,
    )


def test_rewards_taken(mai: Member, binh: Member, now: datetime) -> None:
    reward = make_reward()
    redeem(mai, reward, now - 3 * DAY)
    redeem(mai, reward, now)
    redeem(binh, reward, now, "cancelled")
    code = reward.code

    assert who(now, "redeemed", "yes", value=code) == {"MAI"}
    assert who(now, "redeemed", "no", value=code) == {"BINH"}
    assert who(now, "redeemed", "no_within", value=code, days=0) == {"BINH"}
    assert who(now, "redemptions_within", "at_least", value=2, days=3) == {"MAI"}
    assert who(now, "redemptions_within", "at_least", value=2, days=2) == set()
    assert who(now, "redemptions_within", "at_most", value=1, days=3) == {"BINH"}
    assert who(now, "redemptions_within", "at_least", value=0, days=0) == {"MAI", "BINH"}


def test_rewards_and_vouchers_for_a_segment_are_uses_of_it(db: None) -> None:
    segment = Segment.objects.create(code="oa", name="OA")
    reward = make_reward(audience=segment)
    kind = make_voucher_type("only", terms={"segment_ids": [segment.pk]})
    assert {(use.page, use.pk) for use in used_by(["oa"])["oa"]} >= {
        ("rewards_reward", reward.pk),
        ("rewards_vouchertype", kind.pk),
    }
