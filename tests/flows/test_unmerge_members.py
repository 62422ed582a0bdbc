"""A merge undone: what came along goes back, into its own lots; what came since stays."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.services import OrderFact, RefundFact
from core.errors import DomainError
from flows.merge import merge_members, unmerge_members
from flows.record import record, record_refunds
from members.errors import MergeRefused
from members.models import Consent, Identifier, Member, MemberMerge, MemberTag, Tag
from members.services import find_member, set_consent
from points.audit import verify_ledger
from points.errors import PointsReserved
from points.models import Account, EarnUse, Lot, Wallet
from points.queries import balances, holdings
from points.services import (
    expire_points,
    mature_points,
    plan_unmerge,
    reserve_points,
    reverse_transfer,
    spend_points,
)
from tests.factories import make_earn_rule, make_member, make_programme, make_wallet
from tests.points.helpers import assert_proved, give, hold, lots

SPRING, SUMMER, AUTUMN = date(2026, 4, 30), date(2026, 8, 31), date(2026, 11, 30)
DAY = timedelta(days=1)


@pytest.fixture
def wallet(db: None) -> Wallet:
    make_programme()
    return make_wallet()


def merge(kept: Member, merged: Member, at: datetime) -> MemberMerge:
    return merge_members(kept=kept, merged=merged, note="Same person", by="staff", at=at)


def undo(merge: MemberMerge, at: datetime) -> MemberMerge:
    return unmerge_members(merge=merge, note="Mother and daughter", by="lan", at=at)


def points(*members: Member) -> list[int]:
    found = balances([member.pk for member in members])
    return [found[member.pk] for member in members]


def order(number: str, member: Member, total: int, at: datetime) -> OrderFact:
    return OrderFact("till", number, member.pk, at, Decimal(total))


def refund(number: str, member: Member, total: int, at: datetime, of: str) -> RefundFact:
    return RefundFact("till", number, member.pk, at, Decimal(total), order_number=of)


def gone_back(merge: MemberMerge) -> list[int]:
    """Return what went back in the only wallet: back, short, expired."""
    ((_wallet, *figures),) = merge.gone_back["wallets"]
    return figures


def test_every_lot_goes_back_to_where_it_was(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(mai, 30, "a", now, SUMMER)
    give(binh, 20, "b", now, SPRING)
    give(binh, 50, "c", now, AUTUMN)
    ids = list(Lot.objects.filter(account__member=binh).values_list("pk", flat=True))
    merged = merge(mai, binh, now)

    undone = undo(merged, now + DAY)

    assert points(mai, binh) == [30, 70]
    assert lots(mai) == [(SUMMER, 30)]
    assert lots(binh) == [(SPRING, 20), (AUTUMN, 50)]
    open_lots = Lot.objects.filter(account__member=binh, remaining__gt=0)
    assert list(open_lots.values_list("pk", flat=True)) == ids
    assert gone_back(undone) == [70, 0, 0]
    assert (undone.undone_by, undone.undone_note) == ("lan", "Mother and daughter")
    binh.refresh_from_db()
    assert (binh.state, binh.merged_into) == ("active", None)
    assert_proved()


def test_a_repeat_changes_nothing(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(binh, 20, "b", now)
    merged = merge(mai, binh, now)
    first = undo(merged, now)

    again = undo(merged, now + DAY)

    assert again.undone_at == first.undone_at == now
    assert points(mai, binh) == [0, 20]


def test_what_was_spent_meanwhile_stays_missing_where_no_debt_is_allowed(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(mai, 10, "a", now, AUTUMN)
    give(binh, 20, "b", now, SPRING)
    give(binh, 30, "c", now, SUMMER)
    merged = merge(mai, binh, now)
    spend_points(member=mai, amount=45, key="gift", at=now)
    ids = {"merge_id": merged.pk, "kept_id": mai.pk, "merged_id": binh.pk}
    (plan,) = plan_unmerge(**ids)
    assert (plan.back, plan.short, plan.expired) == (15, 35, 0)

    undone = undo(merged, now)

    assert points(mai, binh) == [0, 15]
    assert lots(binh) == [(SUMMER, 15)]
    assert gone_back(undone) == [15, 35, 0]
    assert_proved()


def test_what_was_spent_meanwhile_becomes_a_debt_where_it_may(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_programme()
    make_wallet(allows_debt=True)
    give(mai, 10, "a", now, AUTUMN)
    give(binh, 20, "b", now, SPRING)
    merged = merge(mai, binh, now)
    spend_points(member=mai, amount=25, key="gift", at=now)

    undone = undo(merged, now)

    assert points(mai, binh) == [-15, 20]
    assert lots(binh) == [(SPRING, 20)]
    assert gone_back(undone) == [20, 0, 0]
    assert_proved()


def test_points_that_expired_meanwhile_are_nobodys_loss_but_theirs(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(mai, 100, "a", now, AUTUMN)
    give(binh, 20, "b", now, SPRING)
    give(binh, 30, "c", now, SUMMER)
    merged = merge(mai, binh, now)
    may = datetime(2026, 5, 2, 5, 0, tzinfo=now.tzinfo)
    assert expire_points(at=may).points == 20

    undone = undo(merged, may)

    assert points(mai, binh) == [100, 30]
    assert lots(mai) == [(AUTUMN, 100)]
    assert gone_back(undone) == [30, 0, 20]
    assert_proved()


def test_a_debt_goes_back_too(mai: Member, binh: Member, now: datetime) -> None:
    make_programme()
    make_wallet(allows_debt=True)
    give(mai, 30, "a", now, SUMMER)
    earned = give(binh, 50, "b", now, SPRING)
    spend_points(member=binh, amount=50, key="gift", at=now)
    reverse_transfer(transfer=earned, key="b:back", at=now)
    merged = merge(mai, binh, now)
    assert points(mai, binh) == [-20, 0]
    give(mai, 5, "c", now, AUTUMN)

    undone = undo(merged, now)

    assert points(mai, binh) == [35, -50]
    assert (SUMMER, 30) in lots(mai)
    assert gone_back(undone) == [-50, 0, 0]
    assert_proved()


def test_held_points_wait_for_their_own_member_again(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    first, second = (now + DAY).date(), (now + 9 * DAY).date()
    hold(binh, 40, "h", now, wallet=wallet, matures_on=first, ends=AUTUMN)
    hold(binh, 2, "i", now, wallet=wallet, matures_on=second, ends=AUTUMN)
    merged = merge(mai, binh, now)
    mature_points(at=now + DAY)
    assert [(h.balance, h.held) for h in holdings(mai)] == [(40, 2)]

    undo(merged, now + DAY)

    binh.refresh_from_db()
    assert [(h.balance, h.held) for h in holdings(mai)] == [(0, 0)]
    assert [(h.balance, h.held) for h in holdings(binh)] == [(40, 2)]
    mature_points(at=now + 9 * DAY)
    assert points(mai, binh) == [0, 42]
    assert_proved()


def test_a_refund_while_merged_is_kept_in_mind(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    make_earn_rule(wallet=wallet, amount=Decimal(1000))
    give(mai, 12, "mine", now, SUMMER)
    give(binh, 15, "old", now, SPRING)
    record([order("1", binh, 60_000, now), order("2", binh, 40_000, now)], at=now)
    merged = merge(mai, binh, now)
    record_refunds([refund("R", mai, 60_000, now, "1")], at=now)
    assert points(mai, binh) == [67, 0]

    undone = undo(merged, now)

    assert points(mai, binh) == [12, 55]
    assert set(lots(binh)) == {(SPRING, 15), (None, 40)}
    assert gone_back(undone) == [55, 0, 0]
    # And what comes back afterwards is between that order and its own member again.
    record_refunds([refund("R2", binh, 40_000, now, "2")], at=now)
    assert points(mai, binh) == [12, 15]
    assert_proved()


def test_the_kept_members_own_points_that_paid_for_a_refund_come_back_as_far_as_can_be(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    make_earn_rule(wallet=wallet, amount=Decimal(1000))
    record([order("1", binh, 60_000, now)], at=now)
    spend_points(member=binh, amount=60, key="gift", at=now)
    give(mai, 100, "mine", now, SUMMER)
    merged = merge(mai, binh, now)
    record_refunds([refund("R", mai, 60_000, now, "1")], at=now)
    assert points(mai, binh) == [40, 0]

    undone = undo(merged, now)

    # Binh has nothing to give back and may owe nothing: 60 stay missing at Mai's.
    assert points(mai, binh) == [40, 0]
    assert gone_back(undone) == [0, 60, 0]
    assert_proved()


def test_people_and_facts_part_and_what_happened_since_stays(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    Member.objects.filter(pk=binh.pk).update(province="Huế", gender="male")
    tea = Tag.objects.create(code="tea")
    MemberTag.objects.create(member=binh, tag=tea, tagged_at=now, source="staff")
    record([order("1", binh, 10_000, now)], at=now)
    merged = merge(mai, binh, now)
    record([order("2", binh, 5_000, now)], at=now)
    Member.objects.filter(pk=mai.pk).update(gender="female")

    undo(merged, now)

    kept, old = Member.objects.get(pk=mai.pk), Member.objects.get(pk=binh.pk)
    # What staff changed since is not touched.
    assert (kept.province, kept.gender) == ("", "female")
    assert list(old.orders.values_list("external_id", flat=True)) == ["1"]
    assert list(kept.orders.values_list("external_id", flat=True)) == ["2"]
    assert (old.purchases.num_orders, kept.purchases.num_orders) == (1, 1)
    assert find_member(phone="0987654321") == find_member(code="BINH") == old
    assert [tag.tag for tag in old.tags.all()] == [tea]
    assert not kept.tags.exists()


def test_consent_goes_back_unless_they_have_answered_since(
    wallet: Wallet, now: datetime
) -> None:
    kept, merged = make_member(), make_member(consent=False)
    for channel in ("", "sms"):
        Consent.objects.create(
            member=merged,
            purpose="marketing",
            channel=channel,
            is_given=False,
            changed_at=now,
            source="form",
        )
    done = merge(kept, merged, now)
    assert set(kept.consents.values_list("channel", "is_given")) == {
        ("", False),
        ("sms", False),
    }
    set_consent(
        member_ids=[kept.pk],
        purpose="marketing",
        channel="sms",
        is_given=True,
        source="till",
        at=now + DAY,
    )

    undo(done, now + DAY)

    rows = set(kept.consents.values_list("channel", "is_given", "source"))
    assert rows == {("", True, "test"), ("sms", True, "till")}
    assert merged.consents.count() == 2


def test_limits_of_rules_part(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    rule = make_earn_rule(wallet=wallet)
    for member, used in ((mai, 20), (binh, 25)):
        EarnUse.objects.create(
            rule=rule, member=member, period="all", starts_on=date(1970, 1, 1), points=used
        )
    merged = merge(mai, binh, now)
    assert EarnUse.objects.get(member=mai).points == 45

    undo(merged, now)

    assert EarnUse.objects.get(member=mai).points == 20
    assert EarnUse.objects.get(member=binh).points == 25


def test_the_last_merge_is_undone_first(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    an, chi = make_member(code="AN", name="An"), make_member(code="CHI", name="Chi")
    for member in (an, chi, binh, mai):
        give(member, 10, member.code, now)
    first = merge(binh, an, now)
    second = merge(mai, binh, now)
    third = merge(mai, chi, now)

    with pytest.raises(MergeRefused, match="Trần Văn Bình was merged into Nguyễn"):
        undo(first, now)
    with pytest.raises(MergeRefused, match="Chi was merged into Nguyễn"):
        undo(second, now)
    assert points(mai, binh, an, chi) == [40, 0, 0, 0]

    undo(third, now)
    undo(second, now)
    assert points(mai, binh, an, chi) == [10, 20, 0, 10]
    undo(first, now)
    assert points(mai, binh, an, chi) == [10, 10, 10, 10]
    assert_proved()


def test_refuses_while_a_till_holds_points(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(binh, 10, "a", now)
    merged = merge(mai, binh, now)
    reserve_points(member=mai, amount=5, source="till", reference="T", at=now)

    with pytest.raises(PointsReserved):
        undo(merged, now)

    assert MemberMerge.objects.get().stands
    assert points(mai, binh) == [5, 0]


def test_who_was_parted_can_be_merged_again(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(binh, 10, "a", now)
    undo(merge(mai, binh, now), now)

    again = merge(binh, mai, now)

    assert again.kept == binh
    assert points(mai, binh) == [0, 10]
    assert Identifier.objects.filter(member=binh).count() == 2
    assert_proved()


# --- Whatever happened before -------------------------------------------------------------


def _picture(member: Member) -> list[Any]:
    accounts = Account.objects.filter(member=member).order_by("pk")
    open_lots = Lot.objects.filter(account__member=member, remaining__gt=0)
    return [
        list(accounts.values_list("pk", "balance")),
        list(open_lots.order_by("pk").values_list("pk", "remaining")),
        [(h.balance, h.held) for h in holdings(member)],
    ]


def _something(chance: random.Random, member: Member, n: int, at: datetime) -> None:
    """Let one thing happen to a member; what cannot be is passed over."""
    what = chance.choice(["give", "spend", "buy", "refund", "undo", "hold"])
    amount, ends = chance.randint(1, 60), chance.choice([SPRING, SUMMER, AUTUMN, None])
    wallet = Wallet.objects.get()
    try:
        if what == "give":
            give(member, amount, f"g{n}", at, ends)
        elif what == "spend":
            spend_points(member=member, amount=amount, key=f"s{n}", at=at)
        elif what == "hold":
            hold(member, amount, f"h{n}", at, wallet=wallet, matures_on=at.date() + DAY)
        elif what == "buy":
            record([order(f"o{n}", member, amount * 1000, at)], at=at)
        elif what == "refund" and (sale := member.orders.order_by("?").first()):
            told = refund(f"r{n}", member, int(sale.total) // 2, at, sale.external_id)
            record_refunds([told], at=at)
        elif what == "undo":
            spent = Account.objects.get(member=member).transfers_out.filter(kind="spend")
            if last := spent.order_by("-pk").first():
                reverse_transfer(transfer=last, key=f"u{n}", at=at)
    except (DomainError, Account.DoesNotExist):
        pass


@pytest.mark.parametrize("debt", [False, True], ids=["no debt", "debt"])
@pytest.mark.parametrize("seed", range(6))
def test_merging_conserves_and_undoing_restores(
    seed: int, debt: bool, mai: Member, binh: Member, now: datetime
) -> None:
    make_programme()
    make_earn_rule(wallet=make_wallet(allows_debt=debt), amount=Decimal(1000))
    chance = random.Random(seed)
    for n in range(14):
        _something(chance, chance.choice([mai, binh]), n, now)
    before = [_picture(mai), _picture(binh)]
    total = sum(points(mai, binh))

    merged = merge(mai, binh, now)

    assert points(mai, binh) == [total, 0]
    assert verify_ledger().differences == []
    undo(merged, now)
    binh.refresh_from_db()
    assert [_balances(_picture(m)) for m in (mai, binh)] == [_balances(b) for b in before]
    if total >= 0 and min(points(mai, binh)) >= 0:
        assert [_picture(mai), _picture(binh)] == [
            _with_account(b, m) for b, m in zip(before, (mai, binh), strict=True)
        ]
    assert verify_ledger().differences == []


def _balances(picture: list[Any]) -> Any:
    return picture[2]


def _with_account(picture: list[Any], member: Member) -> list[Any]:
    """A merge gives the kept member an empty account where there was none."""
    accounts = picture[0] or list(
        Account.objects.filter(member=member).values_list("pk", "balance")
    )
    return [accounts, *picture[1:]]


@pytest.mark.parametrize("debt", [False, True], ids=["no debt", "debt"])
@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_while_merged_nothing_is_lost_or_made(
    seed: int, debt: bool, mai: Member, binh: Member, now: datetime
) -> None:
    make_programme()
    make_earn_rule(wallet=make_wallet(allows_debt=debt), amount=Decimal(1000))
    chance = random.Random(seed)
    people = [mai, binh, make_member(code="AN", name="An")]
    standing: list[MemberMerge] = []
    for n in range(40):
        move = chance.random()
        total = sum(points(*people))
        if move < 0.12:
            kept, merged = chance.sample(people, 2)
            for member in people:
                member.refresh_from_db()
            if kept.is_active and merged.is_active:
                standing.append(merge(kept, merged, now))
                assert sum(points(*people)) == total
        elif move < 0.22 and standing:
            undo(standing.pop(), now)
            assert sum(points(*people)) == total
        else:
            _something(chance, chance.choice(people), n, now)
        assert verify_ledger().differences == []
    mature_points(at=now + DAY)
    while standing:
        undo(standing.pop(), now + DAY)
    assert verify_ledger().differences == []
