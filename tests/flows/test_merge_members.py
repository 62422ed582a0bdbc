"""Two members become one: everything comes along, nothing is lost, split or doubled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from activities.models import Order
from activities.services import ActivityFact, OrderFact, RefundFact
from campaigns.models import Campaign, Enrolment
from core.approvals import approve_change
from core.models import ChangeRequest
from flows.import_members import ImportOptions, import_members
from flows.merge import ask_to_merge, merge_members
from flows.record import record, record_activities, record_refunds
from members.errors import MergeRefused
from members.models import Consent, Identifier, Member, MemberMerge, MemberTag, Tag
from members.segments import members_matching
from members.services import MemberFact, find_member, find_member_ids, save_members
from messaging.models import Message
from points.errors import PointsReserved
from points.models import EarnCap, EarnRule, EarnUse, Hold, Transfer, Wallet
from points.queries import balances, history, holdings
from points.rules import publish_rule
from points.services import (
    adjust_points,
    celebrate,
    mature_points,
    release_points,
    reserve_points,
    reverse_transfer,
    spend_points,
)
from tests.factories import (
    make_earn_rule,
    make_member,
    make_programme,
    make_template,
    make_wallet,
)
from tests.points.helpers import assert_proved, give, hold, lots

SPRING, SUMMER, AUTUMN = date(2026, 4, 30), date(2026, 8, 31), date(2026, 11, 30)
DAY = timedelta(days=1)


@pytest.fixture
def wallet(db: None) -> Wallet:
    make_programme()
    return make_wallet()


def merge(kept: Member, merged: Member, at: datetime) -> MemberMerge:
    return merge_members(kept=kept, merged=merged, note="Same person", by="staff", at=at)


def order(number: str, member: Member, total: int, at: datetime, **more: Any) -> OrderFact:
    return OrderFact("till", number, member.pk, at, Decimal(total), **more)


def refund(number: str, member: Member, total: int, at: datetime, of: str) -> RefundFact:
    return RefundFact("till", number, member.pk, at, Decimal(total), order_number=of)


def points(*members: Member) -> list[int]:
    found = balances([member.pk for member in members])
    return [found[member.pk] for member in members]


def earning(wallet: Wallet, **fields: Any) -> EarnRule:
    """One point for each thousand dong."""
    return make_earn_rule(wallet=wallet, points=1, amount=Decimal(1000), **fields)


# --- The ledger --------------------------------------------------------------------------


def test_every_lot_comes_with_its_last_day(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(mai, 30, "a", now, SUMMER)
    give(binh, 20, "b", now, SPRING)
    give(binh, 50, "c", now, AUTUMN)
    give(binh, 5, "d", now)

    merged = merge(mai, binh, now)

    assert points(mai, binh) == [105, 0]
    assert set(lots(mai)) == {(SUMMER, 30), (SPRING, 20), (AUTUMN, 50), (None, 5)}
    assert lots(binh) == []
    moved = Transfer.objects.get(kind=Transfer.Kind.MERGE)
    assert (moved.amount, moved.source_type, moved.source_id) == (75, "merge", merged.pk)
    assert [entry.amount for entry in history(mai)] == [75, 30]
    # First-expiring first spent, whoever brought it.
    spend_points(member=mai, amount=40, key="gift", at=now)
    assert set(lots(mai)) == {(SUMMER, 10), (AUTUMN, 50), (None, 5)}
    assert_proved()


def test_a_debt_moves_and_is_repaid(mai: Member, binh: Member, now: datetime) -> None:
    make_programme()
    make_wallet(allows_debt=True)
    give(mai, 30, "a", now, SUMMER)
    earned = give(binh, 50, "b", now, SPRING)
    spend_points(member=binh, amount=50, key="gift", at=now)
    reverse_transfer(transfer=earned, key="b:back", at=now)
    assert points(mai, binh) == [30, -50]

    merge(mai, binh, now)

    assert points(mai, binh) == [-20, 0]
    assert lots(mai) == []
    give(mai, 25, "c", now, AUTUMN)
    assert lots(mai) == [(AUTUMN, 5)]
    assert_proved()


def test_held_points_go_on_waiting_for_the_kept_member(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    later = (now + 3 * DAY).date()
    hold(binh, 40, "h", now, wallet=wallet, matures_on=later, ends=AUTUMN)

    merge(mai, binh, now)

    assert [(h.balance, h.held) for h in holdings(mai)] == [(0, 40)]
    assert [(h.balance, h.held) for h in holdings(Member.objects.get(pk=binh.pk))] == [
        (0, 0)
    ]
    assert mature_points(at=now + 3 * DAY).points == 40
    assert points(mai, binh) == [40, 0]
    assert lots(mai) == [(AUTUMN, 40)]
    assert Hold.objects.get().remaining == 0
    assert_proved()


def test_refuses_while_a_till_holds_points_of_either(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    for member in (mai, binh):
        give(member, 50, member.code, now)
    for member in (mai, binh):
        held = reserve_points(
            member=member, amount=5, source="till", reference=member.code, at=now
        )
        with pytest.raises(PointsReserved, match=f"reference {member.code}"):
            merge(mai, binh, now)
        release_points(reservation=held, at=now)

    assert points(mai, binh) == [50, 50]
    assert not MemberMerge.objects.exists()
    binh.refresh_from_db()
    assert binh.state == Member.State.ACTIVE
    merge(mai, binh, now)
    assert points(mai, binh) == [100, 0]


def test_points_without_activity_live_as_long_as_the_livelier_account(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_programme()
    make_wallet(expiry_policy=Wallet.Expiry.INACTIVITY, expiry_months=6)
    give(mai, 10, "a", now - 100 * DAY)
    give(binh, 10, "b", now)

    merge(mai, binh, now)

    account = mai.accounts.get()
    assert account.active_on == now.date()


def test_each_wallet_moves_by_itself(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    other = make_wallet(code="cashback", name="Hoàn tiền", kind=Wallet.Kind.CASHBACK)
    give(binh, 10, "a", now)
    adjust_points(
        member=binh, amount=7000, key="k", at=now, note="x", actor="s", wallet=other
    )

    merge(mai, binh, now)

    assert {h.wallet.code: h.balance for h in holdings(mai)} == {
        "points": 10,
        "cashback": 7000,
    }
    assert_proved()


# --- Goods that come back afterwards ------------------------------------------------------


def test_a_refund_takes_points_from_the_kept_member_from_their_own_lot(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    earning(wallet)
    give(binh, 15, "old", now, SPRING)
    give(mai, 12, "mine", now, SPRING)
    record([order("1", binh, 60_000, now)], at=now)
    merge(mai, binh, now)
    assert points(mai, binh) == [87, 0]

    told = record_refunds([refund("R1", binh, 60_000, now + DAY, "1")], at=now + DAY)

    assert told[0].unmatched == 0
    assert points(mai, binh) == [27, 0]
    # The order's points had no last day; those that end in spring are untouched.
    assert sorted(lots(mai)) == [(SPRING, 12), (SPRING, 15)]
    reversal = Transfer.objects.get(reverses__source_type="order")
    assert reversal.from_account.member == binh
    assert_proved()


def test_a_refund_of_spent_points_becomes_the_kept_members_debt(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_programme()
    earning(make_wallet(allows_debt=True))
    record([order("1", binh, 60_000, now)], at=now)
    merge(mai, binh, now)
    spend_points(member=mai, amount=50, key="gift", at=now)

    record_refunds([refund("R1", mai, 60_000, now, "1")], at=now)

    assert points(mai, binh) == [-50, 0]
    assert_proved()


def test_a_refund_takes_what_is_there_where_no_debt_is_allowed(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    earning(wallet)
    record([order("1", binh, 60_000, now)], at=now)
    merge(mai, binh, now)
    spend_points(member=mai, amount=50, key="gift", at=now)

    record_refunds([refund("R1", mai, 60_000, now, "1")], at=now)

    assert points(mai, binh) == [0, 0]
    assert list(mai.refunds.values_list("points_taken", "points_short")) == [(10, 50)]
    assert_proved()


def test_points_spent_before_come_back_to_the_kept_member(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(binh, 20, "a", now, SPRING)
    give(binh, 30, "b", now, AUTUMN)
    spent = spend_points(member=binh, amount=40, key="gift", at=now)
    merge(mai, binh, now)
    assert points(mai, binh) == [10, 0]

    reverse_transfer(transfer=spent, key="gift:back", at=now)

    assert points(mai, binh) == [50, 0]
    assert sorted(lots(mai)) == [(SPRING, 20), (AUTUMN, 10), (AUTUMN, 20)]
    assert_proved()


def test_an_order_that_matured_before_the_merge_is_refunded(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    earning(wallet, hold=EarnRule.Hold.DAYS, hold_days=2)
    record([order("1", binh, 10_000, now), order("2", binh, 20_000, now)], at=now)
    mature_points(at=now + 2 * DAY)
    record([order("3", binh, 40_000, now + 2 * DAY)], at=now + 2 * DAY)
    merge(mai, binh, now + 2 * DAY)
    assert [(h.balance, h.held) for h in holdings(mai)] == [(30, 40)]

    at = now + 3 * DAY
    record_refunds(
        [refund("R2", mai, 20_000, at, "2"), refund("R3", mai, 30_000, at, "3")], at=at
    )

    assert [(h.balance, h.held) for h in holdings(mai)] == [(10, 10)]
    assert mature_points(at=now + 4 * DAY).points == 10
    assert points(mai, binh) == [20, 0]
    assert_proved()


# --- Facts about the old member -----------------------------------------------------------


def test_facts_and_their_sums_move(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    record([order("1", mai, 10_000, now - 9 * DAY)], at=now)
    record([order("2", binh, 25_000, now - 2 * DAY)], at=now)
    record_refunds([refund("R", binh, 5_000, now - DAY, "2")], at=now)

    merge(mai, binh, now)

    assert mai.orders.count() == 2
    assert mai.refunds.count() == 1
    mai.refresh_from_db()
    assert mai.purchases.num_orders == 2
    assert mai.purchases.spend == Decimal(30_000)
    assert mai.purchases.last_order_on == (now - 2 * DAY).date()
    binh.purchases.refresh_from_db()
    assert (binh.purchases.num_orders, binh.purchases.last_order_on) == (0, None)


def test_the_old_code_phone_and_card_find_the_kept_member(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    Identifier.objects.create(member=binh, kind=Identifier.Kind.CARD, value="777")

    merge(mai, binh, now)

    assert find_member(code="BINH") == mai
    assert find_member(phone="0987654321") == mai
    assert find_member(card="777") == mai
    codes, phones = find_member_ids(codes=["BINH", "MAI"], phones=["+84987654321"])
    assert codes == {"BINH": mai.pk, "MAI": mai.pk}
    assert phones == {"+84987654321": mai.pk}


def test_an_order_told_with_the_old_number_is_the_kept_members(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    earning(wallet)
    before = [order("1", binh, 10_000, now)]
    record(before, at=now)
    merge(mai, binh, now)

    answer = record([order("2", binh, 7_000, now)], at=now)
    again = record(before, at=now)

    assert (answer[0].outcome, answer[0].points) == ("new", 7)
    assert Order.objects.get(external_id="2").member == mai
    # The very order that was told of the old member before is a repeat, no conflict.
    assert (again[0].outcome, again[0].points) == ("known", 10)
    assert points(mai, binh) == [17, 0]
    assert_proved()


def test_an_order_of_the_old_member_can_still_be_called_off(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    earning(wallet)
    record([order("1", binh, 10_000, now)], at=now)
    merge(mai, binh, now)

    record([order("1", binh, 10_000, now, status="cancelled")], at=now)

    assert points(mai, binh) == [0, 0]
    assert_proved()


def test_repeats_of_refunds_and_activities_are_known(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    apps.get_model("activities", "ActivityType").objects.create(code="review", name="R")
    record([order("1", binh, 10_000, now)], at=now)
    returned = [refund("R", binh, 4_000, now, "1")]
    review = [ActivityFact("review", "web", "A", binh.pk, now)]
    record_refunds(returned, at=now)
    record_activities(review, at=now)
    merge(mai, binh, now)

    assert record_refunds(returned, at=now)[0].outcome == "known"
    assert record_activities(review, at=now)[0].saved.outcome == "known"
    assert mai.activities.count() == 1


def test_a_verb_that_still_holds_the_old_member_moves_the_kept_ones_points(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(binh, 40, "a", now)
    first = spend_points(member=binh, amount=10, key="gift", at=now)
    merge(mai, binh, now)

    assert spend_points(member=binh, amount=10, key="gift", at=now) == first
    spend_points(member=binh, amount=25, key="other", at=now)

    assert points(mai, binh) == [5, 0]
    assert_proved()


def test_a_file_that_names_the_old_member_updates_the_kept_one(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    merge(mai, binh, now)

    saved = save_members(
        [MemberFact(code="BINH", phone="0987654321", province="Huế")],
        source="import:file",
        at=now,
    )

    assert (saved[0].member_id, saved[0].outcome) == (mai.pk, "updated")
    mai.refresh_from_db()
    assert (mai.code, mai.province) == ("MAI", "Huế")


def test_opening_balances_are_not_given_again(
    mai: Member, binh: Member, wallet: Wallet, now: datetime, tmp_path: Path
) -> None:
    file = tmp_path / "members.csv"
    file.write_text("member_id,phone,points\nMAI,0912345678,100\nBINH,0987654321,40\n")
    options = ImportOptions(quiet=True)
    import_members(file, options=options, at=now)
    merge(mai, binh, now)

    report = import_members(file, options=options, at=now)

    assert (report.rejected, report.points) == (0, 0)
    assert points(mai, binh) == [140, 0]


def test_a_birthday_is_celebrated_once(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    make_earn_rule(
        wallet=wallet,
        code="birthday",
        trigger=EarnRule.Trigger.BIRTHDAY,
        method=EarnRule.Method.FIXED,
        points=20,
    )
    Member.objects.filter(pk=binh.pk).update(birth_date=date(1990, 3, 2))
    assert celebrate(at=now).points == 20
    merge(mai, binh, now)
    mai.refresh_from_db()
    assert mai.birth_date == date(1990, 3, 2)

    assert celebrate(at=now).points == 0

    assert points(mai, binh) == [20, 0]


def test_limits_of_rules_count_both(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    rule = EarnRule.objects.create(
        code="capped", name="Tích", wallet=wallet, points=1, amount=Decimal(1000)
    )
    EarnCap.objects.create(rule=rule, limit=50, period=EarnCap.Period.DAY)
    publish_rule(rule, at=now - DAY, by="test")
    record([order("1", mai, 20_000, now), order("2", binh, 25_000, now)], at=now)

    merge(mai, binh, now)

    assert EarnUse.objects.get(member=mai).points == 45
    assert record([order("3", mai, 20_000, now)], at=now)[0].points == 5


# --- The person ---------------------------------------------------------------------------


def test_blanks_are_filled_and_what_is_known_stays(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    Member.objects.filter(pk=binh.pk).update(
        province="Huế", gender="male", joined_at=mai.joined_at - 30 * DAY
    )

    merge(mai, binh, now)

    kept = Member.objects.get(pk=mai.pk)
    assert (kept.name, kept.province, kept.gender) == ("Nguyễn Thị Mai", "Huế", "male")
    assert kept.joined_at == mai.joined_at - 30 * DAY
    old = Member.objects.get(pk=binh.pk)
    assert (old.state, old.merged_into, old.code) == ("merged", kept, "BINH")


def answers(member: Member) -> dict[tuple[str, str], bool]:
    rows = member.consents.values_list("purpose", "channel", "is_given")
    return {(purpose, channel): given for purpose, channel, given in rows}


def consent(member: Member, channel: str, given: bool, at: datetime) -> None:
    Consent.objects.create(
        member=member,
        purpose="marketing",
        channel=channel,
        is_given=given,
        changed_at=at,
        source="form",
    )


@pytest.mark.parametrize(
    ("kept_says", "merged_says", "together"),
    [
        ({"": True}, {"": False}, {"": False}),
        ({"": False}, {"": True}, {"": False}),
        ({}, {"": True}, {"": True}),
        ({"": True}, {}, {"": True}),
        # A refusal for every channel reaches the channel that the other had allowed.
        ({"sms": True}, {"": False}, {"": False, "sms": False}),
        # A refusal of one channel stays one.
        ({"": True}, {"sms": False}, {"": True, "sms": False}),
        ({"": True, "sms": False}, {"": True, "sms": True}, {"": True, "sms": False}),
    ],
)
def test_a_refusal_on_either_side_wins(
    kept_says: dict[str, bool],
    merged_says: dict[str, bool],
    together: dict[str, bool],
    wallet: Wallet,
    now: datetime,
) -> None:
    kept, merged = make_member(consent=False), make_member(consent=False)
    for member, says in ((kept, kept_says), (merged, merged_says)):
        for channel, given in says.items():
            consent(member, channel, given, now)

    merge(kept, merged, now)

    assert answers(kept) == {("marketing", ch): given for ch, given in together.items()}


def test_tags_move_once(mai: Member, binh: Member, wallet: Wallet, now: datetime) -> None:
    both, one = Tag.objects.create(code="vip"), Tag.objects.create(code="tea")
    for member, tag in ((mai, both), (binh, both), (binh, one)):
        MemberTag.objects.create(member=member, tag=tag, tagged_at=now, source="staff")

    merge(mai, binh, now)

    assert sorted(mai.tags.values_list("tag__code", flat=True)) == ["tea", "vip"]


def test_a_merged_member_is_in_no_audience(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    everyone: dict[str, Any] = {"all": []}
    assert members_matching(everyone, at=now).count() == 2

    merge(mai, binh, now)

    assert list(members_matching(everyone, at=now)) == [mai]


def test_waiting_messages_are_called_off_and_sent_ones_stay(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    template = make_template()
    for key, state in (("waits", "pending"), ("went", "sent")):
        Message.objects.create(
            key=key,
            member=binh,
            template=template,
            channel="zalo_phone",
            state=state,
            due_at=now,
        )

    merged = merge(mai, binh, now)

    waits, went = Message.objects.get(key="waits"), Message.objects.get(key="went")
    assert (waits.state, waits.reason, waits.member) == ("cancelled", "merged", binh)
    assert (went.state, went.member) == ("sent", binh)
    assert merged.moved["messages"] == [waits.pk]


def test_nobody_goes_through_one_campaign_twice(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    back, care = (
        Campaign.objects.create(code=code, name=code) for code in ("back", "care")
    )

    def enrol(campaign: Campaign, member: Member, episode: str) -> Enrolment:
        return Enrolment.objects.create(
            campaign=campaign, member=member, episode=episode, entered_at=now
        )

    own = enrol(back, mai, "2026-01-01")
    doubled = enrol(back, binh, "2025-12-01")
    moving = enrol(care, binh, "2025-12-01")

    merge(mai, binh, now)

    for enrolment in (own, doubled, moving):
        enrolment.refresh_from_db()
    assert (own.state, own.member) == ("active", mai)
    assert (doubled.state, doubled.member) == ("left", mai)
    assert (moving.state, moving.member) == ("active", mai)


# --- Who can be merged --------------------------------------------------------------------


def test_a_repeat_answers_the_first(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(binh, 10, "a", now)
    first = merge(mai, binh, now)

    assert merge(mai, binh, now + DAY) == first
    assert points(mai, binh) == [10, 0]
    assert Transfer.objects.filter(kind=Transfer.Kind.MERGE).count() == 1


def test_chains_lead_to_the_last(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    earning(wallet)
    an = make_member(code="AN", name="An", phone="0901111222")
    record([order("1", an, 60_000, now)], at=now)
    give(an, 9, "x", now, SPRING)
    merge(binh, an, now)
    merge(mai, binh, now)
    assert points(mai, binh, an) == [69, 0, 0]

    assert find_member(code="AN") == find_member(phone="0901111222") == mai
    assert record([order("2", an, 5_000, now)], at=now)[0].points == 5
    record_refunds([refund("R", an, 60_000, now, "1")], at=now)

    assert points(mai, binh, an) == [14, 0, 0]
    assert set(lots(mai)) == {(SPRING, 9), (None, 5)}
    assert_proved()


def refused(kept: Member, merged: Member, at: datetime) -> str:
    before = MemberMerge.objects.count(), Transfer.objects.count()
    with pytest.raises(MergeRefused) as refusal:
        merge(kept, merged, at)
    assert (MemberMerge.objects.count(), Transfer.objects.count()) == before
    return str(refusal.value)


def test_refuses_what_cannot_be(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    an = make_member(code="AN", name="An")

    assert refused(mai, mai, now) == "A member cannot be merged with themselves."
    merge(mai, binh, now)
    assert "merged before" in refused(an, binh, now)
    assert "merged before" in refused(binh, an, now)
    Member.objects.filter(pk=an.pk).update(state=Member.State.BLOCKED)
    assert "not active" in refused(mai, an, now)
    fresh = make_member(code="NEW")
    with pytest.raises(MergeRefused, match="few words"):
        merge_members(kept=mai, merged=fresh, note=" ", by="staff", at=now)


def test_the_database_refuses_what_goes_around_the_verb(
    mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    for changes in (
        {"state": "merged"},
        {"merged_into": mai},
        {"state": "merged", "merged_into": binh},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Member.objects.filter(pk=binh.pk).update(**changes)
    merge(mai, binh, now)
    with pytest.raises(IntegrityError), transaction.atomic():
        MemberMerge.objects.create(
            kept=mai, merged=binh, note="x", merged_at=now, merged_by="x"
        )


def test_many_points_need_a_second_person(
    mai: Member, binh: Member, wallet: Wallet, staff: User, now: datetime
) -> None:
    Wallet.objects.update(approval_above=100)
    give(binh, 101, "a", now)

    asked = ask_to_merge(kept=mai, merged=binh, note="Same", by=staff, at=now)
    again = ask_to_merge(kept=mai, merged=binh, note="Same", by=staff, at=now)

    assert isinstance(asked, ChangeRequest)
    assert asked == again
    assert points(mai, binh) == [0, 101]
    chief = User.objects.create_superuser("chief", password="x")
    approve_change(asked, by=chief, at=now)
    assert points(mai, binh) == [101, 0]
    assert MemberMerge.objects.get().merged_by == "staff + chief"


def test_few_points_need_one_person(
    mai: Member, binh: Member, wallet: Wallet, staff: User, now: datetime
) -> None:
    Wallet.objects.update(approval_above=100)
    give(binh, 100, "a", now)

    assert isinstance(
        ask_to_merge(kept=mai, merged=binh, note="Same", by=staff, at=now), MemberMerge
    )
    assert points(mai, binh) == [100, 0]


# --- Nothing is forgotten -----------------------------------------------------------------

# What a merge does with every model that points at a member.
DECIDED = {
    "members.Identifier.member": "moves",
    "members.Consent.member": "joined: a refusal wins",
    "members.MemberTag.member": "moves, unless the kept member has it",
    "members.ListEntry.member": "moves, unless the kept member is on the list",
    "members.SegmentMember.member": "found anew by the next refresh",
    "members.SegmentChange.member": "what stood, stands",
    "activities.RfmScore.member": "compared anew by the next night",
    "members.Member.merged_into": "the link itself",
    "members.HistoricalMember.merged_into": "what stood, stands",
    "members.MemberMerge.kept": "the record",
    "members.MemberMerge.merged": "the record",
    "activities.Order.member": "moves",
    "activities.Refund.member": "moves",
    "activities.Activity.member": "moves",
    "activities.PurchaseSummary.member": "added up anew",
    "messaging.Message.member": "stays as history; what waits is called off",
    "points.Account.member": "stays, and is emptied by a movement",
    "points.BackTestMember.member": "stays: what a test said then",
    "points.EarnUse.member": "counted among the kept member's",
    "rewards.GivenBenefit.member": "moves",
    "rewards.Redemption.member": "moves",
    "rewards.Voucher.member": "moves",
    "rewards.VoucherUse.member": "moves",
    "rewards.Fulfilment.member": "moves",
    "rewards.Booking.member": "moves",
    "rewards.RewardChoice.member": "moves, where the kept member made none",
    "rewards.HandoutMember.member": "stays: who was chosen then",
    "rewards.Tally.member": "counted among the kept member's",
    "tiers.MemberTier.member": "judged anew, both of them",
    "tiers.TierChange.member": "what stood, stands",
    "campaigns.Enrolment.member": "moves; doubled ones end",
    "campaigns.CounterPass.member": "counted among the kept member's",
    "campaigns.Happening.member": "moves",
    "till.TillAct.member": "what stood, stands",
}


def links_to_members(models: Sequence[Any]) -> set[str]:
    return {
        f"{model._meta.label}.{field.name}"
        for model in models
        for field in model._meta.get_fields()
        if field.concrete and field.is_relation and field.related_model is Member
    }


def test_every_link_to_a_member_is_decided_on() -> None:
    assert links_to_members(list(apps.get_models())) == DECIDED.keys()


def test_a_new_link_would_be_found() -> None:
    assert "activities.Order.member" in links_to_members([Order])
    assert links_to_members([Wallet]) == set()
