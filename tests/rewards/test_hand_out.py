"""A benefit for many members by hand: seen, approved, given once each, taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from importlib import import_module
from threading import Barrier
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from core.approvals import (
    AlreadyDecided,
    NotAllowed,
    approve_change,
    reject_change,
    withdraw_change,
)
from core.errors import InvalidInput
from core.models import ChangeRequest, Programme
from flows.merge import merge_members
from members.models import Member, MemberTag, Segment, Tag
from points.queries import balances
from rewards.handouts import (
    Chosen,
    ask_handout,
    choose_list,
    choose_segment,
    choose_tag,
    continue_handout,
    run_handout,
    running,
    stop_handout,
    take_back_handout,
    what_it_means,
    work_on_handouts,
)
from rewards.handouts.running import HandoutClosed
from rewards.models import Benefit, GivenBenefit, Handout, HandoutMember, Voucher
from tests import factories
from tests.points.helpers import assert_proved
from tests.rewards import using
from tests.rewards.helpers import make_benefit, make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd(db: None) -> list[Member]:
    factories.make_programme()
    factories.make_wallet()
    return [factories.make_member(code=f"M{number:02}") for number in range(10)]


def everyone() -> Chosen:
    return Chosen(Member.objects.filter(state="active"), "everyone")


def ask(
    benefit: Benefit, by: User, now: datetime, *, key: str = "k1", chosen: Any = None
) -> Handout | ChangeRequest:
    return ask_handout(
        benefit=benefit,
        chosen=chosen or everyone(),
        name="Store opening",
        key=key,
        by=by,
        at=now,
    )


def handed_out(benefit: Benefit, by: User, now: datetime, **more: Any) -> Handout:
    asked = ask(benefit, by, now, **more)
    assert isinstance(asked, Handout)
    done = run_handout(asked.pk, chunk=3)
    assert done is not None
    return done


def outcomes(handout: Handout) -> dict[str, int]:
    told: dict[str, int] = {}
    for outcome in HandoutMember.objects.filter(handout=handout).values_list(
        "outcome", flat=True
    ):
        told[outcome] = told.get(outcome, 0) + 1
    return told


# --- who ----------------------------------------------------------------------------------


def test_a_list_names_members_by_code_phone_and_card(
    mai: Member, binh: Member, crowd: list[Member]
) -> None:
    chosen = choose_list("MAI\n0987 654 321\n\nM01, M01; nobody\tMAI")
    assert set(chosen.members) == {mai, binh, crowd[1]}
    assert list(chosen.unknown) == ["nobody"]


def test_a_list_has_an_end(db: None) -> None:
    with pytest.raises(InvalidInput):
        choose_list("\n".join(map(str, range(5001))))


def test_tags_and_groups_leave_out_who_is_blocked(
    crowd: list[Member], now: datetime
) -> None:
    tag = Tag.objects.create(code="vip", name="VIP")
    for member in crowd[:3]:
        MemberTag.objects.create(member=member, tag=tag, tagged_at=now)
    Member.objects.filter(pk=crowd[0].pk).update(state=Member.State.BLOCKED)
    segment = Segment.objects.create(
        code="all", name="VIP", conditions={"field": "tag", "is": "has", "value": "vip"}
    )

    assert set(choose_tag(tag).members) == {crowd[1], crowd[2]}
    assert set(choose_segment(segment, at=now).members) == {crowd[1], crowd[2]}


# --- what it means ------------------------------------------------------------------------


def test_the_cost_and_the_budget_are_told_before(crowd: list[Member]) -> None:
    benefit = make_benefit(value=Decimal(15_000), budget=4)
    meaning = what_it_means(benefit, everyone())
    assert (meaning.count, meaning.cost, meaning.room) == (10, Decimal(150_000), 4)
    assert meaning.is_short
    assert not meaning.waits


# --- giving -------------------------------------------------------------------------------


def test_each_gets_it_once(crowd: list[Member], staff: User, now: datetime) -> None:
    done = handed_out(make_benefit(), staff, now)

    assert (done.state, done.num_given, done.num_refused) == ("done", 10, 0)
    assert Voucher.objects.filter(member__in=crowd).count() == 10
    given = GivenBenefit.objects.filter(source="staff", source_id=done.pk)
    assert set(given.values_list("note", "actor")) == {("Store opening", "staff")}
    # Asked again, worked on again: nothing more.
    assert ask(make_benefit_again(), staff, now) == done
    assert run_handout(done.pk) is None
    assert GivenBenefit.objects.count() == 10


@pytest.mark.parametrize("turns", [0, 1])
def test_two_who_are_one_person_get_it_once(
    crowd: list[Member], staff: User, now: datetime, turns: int
) -> None:
    """Merged before the first chunk, or after one of the two has had it."""
    asked = ask(make_benefit(), staff, now)
    assert isinstance(asked, Handout)
    for _turn in range(turns):
        run_handout(asked.pk, deadline=0.0, chunk=3)
    merge_members(kept=crowd[9], merged=crowd[0], at=now, note="one person", by="staff")

    done = run_handout(asked.pk, chunk=3)

    assert done is not None
    assert (done.state, done.num_given, done.num_refused) == ("done", 9, 1)
    assert GivenBenefit.objects.count() == 9
    refused = HandoutMember.objects.get(outcome="refused")
    assert refused.reason == "Is one person with another member who is chosen."


def make_benefit_again() -> Benefit:
    return Benefit.objects.get()


def test_points_for_many_are_points_in_the_ledger(
    crowd: list[Member], staff: User, now: datetime
) -> None:
    handed_out(make_benefit("points", amount=30), staff, now)
    assert set(balances([member.pk for member in crowd]).values()) == {30}
    assert_proved()


def test_who_is_chosen_is_written_down(
    crowd: list[Member], staff: User, now: datetime
) -> None:
    asked = ask(make_benefit(), staff, now)
    late = factories.make_member(code="LATE")
    Member.objects.filter(pk=crowd[0].pk).update(state=Member.State.BLOCKED)
    run_handout(asked.pk)

    assert not Voucher.objects.filter(member=late).exists()
    assert not Voucher.objects.filter(member=crowd[0]).exists()
    asked.refresh_from_db()
    assert (asked.num_given, asked.num_refused) == (9, 1)


def test_a_budget_bounds_it_and_says_so(
    crowd: list[Member], staff: User, now: datetime
) -> None:
    done = handed_out(make_benefit(budget=4), staff, now)
    assert (done.state, done.num_given, done.num_refused) == ("done", 4, 6)
    refused = HandoutMember.objects.filter(handout=done, outcome="refused")
    assert {"budget" in row.reason for row in refused} == {True}


def test_nobody_and_no_occasion_are_refused(
    crowd: list[Member], staff: User, now: datetime
) -> None:
    benefit = make_benefit()
    for chosen in (Chosen(Member.objects.none(), ""), choose_list("nobody")):
        with pytest.raises(InvalidInput):
            ask(benefit, staff, now, chosen=chosen)
    with pytest.raises(InvalidInput):
        ask_handout(benefit=benefit, chosen=everyone(), name=" ", key="k", by=staff, at=now)
    assert not Handout.objects.exists()


def test_what_fails_goes_on_where_it_was(
    crowd: list[Member], staff: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(make_benefit(), staff, now)
    real, calls = running.give_benefits, []

    def fail_once(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("the machine stops here")
        return real(*args, **kwargs)

    monkeypatch.setattr(running, "give_benefits", fail_once)
    broken = run_handout(asked.pk, chunk=3)
    assert broken is not None
    assert (broken.state, broken.num_given) == ("running", 3)
    assert outcomes(broken) == {"given": 3, "open": 7}

    assert run_handout(asked.pk) is None  # it rests for a moment
    Handout.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    done = run_handout(asked.pk, chunk=3)
    assert done is not None
    assert (done.state, done.num_given) == ("done", 10)
    assert GivenBenefit.objects.count() == 10


def test_five_failures_end_it_and_staff_let_it_go_on(
    crowd: list[Member], staff: User, now: datetime
) -> None:
    asked = ask(make_benefit(), staff, now)
    Handout.objects.update(failures=4, leased_until=timezone.now() - timedelta(1))
    assert run_handout(asked.pk) is None
    asked.refresh_from_db()
    assert asked.state == "failed"

    continue_handout(asked)
    assert not work_on_handouts(seconds=5)
    asked.refresh_from_db()
    assert (asked.state, asked.num_given) == ("done", 10)


def test_it_can_be_stopped_and_go_on(
    crowd: list[Member], staff: User, now: datetime
) -> None:
    asked = ask(make_benefit(), staff, now)
    run_handout(asked.pk, deadline=0, chunk=4)
    stopped = stop_handout(asked)
    assert (stopped.state, stopped.num_given) == ("stopped", 4)
    assert run_handout(asked.pk) is None
    with pytest.raises(HandoutClosed):
        stop_handout(asked)

    continue_handout(stopped)
    done = run_handout(asked.pk)
    assert done is not None
    assert (done.state, done.num_given) == ("done", 10)


# --- taking back --------------------------------------------------------------------------


def test_the_unused_is_taken_back_and_the_used_stays(
    crowd: list[Member], staff: User, now: datetime
) -> None:
    kind = make_voucher_type(terms=using.TWENTY_OFF)
    benefit = make_benefit(voucher_type=kind, budget=20)
    done = handed_out(benefit, staff, now)
    used = Voucher.objects.get(member=crowd[0])
    using.use(used.code, crowd[0], timezone.now())

    take_back_handout(done)
    back = run_handout(done.pk, chunk=4)

    assert back is not None
    assert (back.state, back.num_back, back.num_kept) == ("taken_back", 9, 1)
    assert outcomes(back) == {"back": 9, "kept": 1}
    assert Voucher.objects.filter(state="issued").get() == used
    benefit.refresh_from_db()
    assert benefit.taken == 1
    with pytest.raises(HandoutClosed):
        take_back_handout(back)


# --- a second person ----------------------------------------------------------------------


@pytest.fixture
def checker(db: None) -> User:
    return User.objects.create_superuser("checker", "c@example.com", "checker-password")


@pytest.mark.parametrize(("bound", "waits"), [(149_999, True), (150_000, False)])
def test_above_the_bound_a_second_person_approves(
    crowd: list[Member],
    staff: User,
    checker: User,
    now: datetime,
    bound: int,
    waits: bool,
) -> None:
    Programme.objects.update(gift_approval_above=bound)
    benefit = make_benefit(value=Decimal(15_000))

    asked = ask(benefit, staff, now)

    assert isinstance(asked, ChangeRequest) is waits
    if not isinstance(asked, ChangeRequest):
        return
    assert ask(benefit, staff, now) == asked
    assert not work_on_handouts(seconds=1)
    assert not GivenBenefit.objects.exists()
    approve_change(asked, by=checker, at=now)
    work_on_handouts(seconds=5)
    handout = Handout.objects.get()
    assert (handout.state, handout.num_given) == ("done", 10)
    assert handout.actor == "staff + checker"


@pytest.fixture
def asked(crowd: list[Member], staff: User, now: datetime) -> ChangeRequest:
    """A handout for the crowd that waits for a second person."""
    Programme.objects.update(gift_approval_above=1)
    asked = ask(make_benefit(value=Decimal(15_000)), staff, now)
    assert isinstance(asked, ChangeRequest)
    return asked


def page_of(console: Client, handout: Handout) -> str:
    return console.get(f"/admin/rewards/handout/{handout.pk}/change/").content.decode()


def nobody_got_anything(handout: Handout) -> bool:
    assert not work_on_handouts(seconds=1)
    for verb in (stop_handout, continue_handout, take_back_handout):
        with pytest.raises(HandoutClosed):
            verb(handout)
    return not GivenBenefit.objects.exists() and outcomes(handout) == {"open": 10}


def test_what_is_rejected_is_closed(
    asked: ChangeRequest, console: Client, checker: User, staff: User, now: datetime
) -> None:
    handout = Handout.objects.get()
    assert "Waits for a second person" in page_of(console, handout)

    reject_change(asked, by=checker, at=now, note="Too dear.")

    handout.refresh_from_db()
    assert (handout.state, handout.finished_at) == ("rejected", now)
    assert nobody_got_anything(handout)
    text = page_of(console, handout)
    assert "checker did not approve it" in text
    assert "Nobody gets anything. Too dear." in text
    assert "10 members were chosen." in text
    assert "not approved" in console.get("/admin/rewards/handout/").content.decode()
    with pytest.raises(AlreadyDecided):
        approve_change(asked, by=checker, at=now)
    handout.refresh_from_db()
    assert handout.state == "rejected"


def test_what_was_taken_back_is_closed(
    asked: ChangeRequest, console: Client, staff: User, now: datetime
) -> None:
    withdraw_change(asked, by=staff, at=now)
    handout = Handout.objects.get()
    assert handout.state == "rejected"
    assert nobody_got_anything(handout)
    assert "Taken back by who asked for it" in page_of(console, handout)


def test_the_same_key_is_not_asked_for_again_silently(
    asked: ChangeRequest, checker: User, staff: User, now: datetime
) -> None:
    reject_change(asked, by=checker, at=now)
    benefit = Benefit.objects.get()
    with pytest.raises(InvalidInput, match="not approved"):
        ask(benefit, staff, now)
    assert (Handout.objects.count(), ChangeRequest.objects.count()) == (1, 1)
    assert isinstance(ask(benefit, staff, now, key="k2"), ChangeRequest)


def test_who_may_not_decide_closes_nothing(
    asked: ChangeRequest, checker: User, staff: User, now: datetime
) -> None:
    with pytest.raises(NotAllowed):
        reject_change(asked, by=staff, at=now)
    with pytest.raises(NotAllowed):
        withdraw_change(asked, by=checker, at=now)
    assert Handout.objects.get().state == "waiting"


@pytest.mark.parametrize(("decided", "state"), [(True, "rejected"), (False, "waiting")])
def test_what_was_rejected_before_is_closed_by_the_migration(
    asked: ChangeRequest, decided: bool, state: str
) -> None:
    if decided:
        ChangeRequest.objects.update(state="withdrawn")
    migration = import_module("rewards.migrations.0005_close_rejected_handouts")
    migration.close_rejected(apps, None)
    assert Handout.objects.get().state == state


@pytest.mark.parametrize(("bound", "waits"), [(299, True), (300, False)])
def test_points_are_bound_by_their_wallet(
    crowd: list[Member], staff: User, now: datetime, bound: int, waits: bool
) -> None:
    benefit = make_benefit("points", amount=30)
    benefit.wallet.approval_above = bound
    benefit.wallet.save()
    assert isinstance(ask(benefit, staff, now), ChangeRequest) is waits


# --- at once ------------------------------------------------------------------------------


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_give_each_member_one(now: datetime) -> None:
    factories.make_programme()
    factories.make_wallet()
    members = [factories.make_member(code=f"M{number:02}") for number in range(30)]
    user = User.objects.create_superuser("maker", "m@example.com", "maker-password")
    asked = ask(make_benefit("points", amount=7), user, now)
    start = Barrier(6)

    def worker(_number: int) -> None:
        try:
            start.wait(20)
            for _round in range(4):
                # As if every lease had run out: only claims and rows guard it.
                Handout.objects.update(leased_until=None, failures=0)
                run_handout(asked.pk, chunk=2)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as crowd:
        list(crowd.map(worker, range(6)))
    Handout.objects.update(leased_until=None, failures=0)
    run_handout(asked.pk)

    asked.refresh_from_db()
    assert (asked.state, asked.num_given, asked.num_refused) == ("done", 30, 0)
    assert set(balances([member.pk for member in members]).values()) == {7}
    assert_proved()


# --- the console --------------------------------------------------------------------------

ASK = "/admin/rewards/handout/ask/"


def test_staff_see_what_it_means_before_it_happens(
    crowd: list[Member], console: Client
) -> None:
    benefit = make_benefit(value=Decimal(15_000), budget=1)
    page = console.get(f"{ASK}?benefit={benefit.pk}").content.decode()
    assert "A benefit for many members" in page
    told = {"benefit": benefit.pk, "name": "Opening", "listed": "M01\nM02\nxyz", "key": "a"}

    seen = console.post(ASK, told)
    page = seen.content.decode()
    assert "2 active members (a list) get:" in page
    assert "It costs 30.000" in page
    assert "The budget has room for 1 only" in page
    assert "1 of the list are nobody here: xyz" in page
    assert not Handout.objects.exists()

    told |= {"seen": seen.context["form"].data["seen"], "act": "1"}
    answer = console.post(ASK, told, follow=True)
    assert "Opening" in answer.content.decode()
    assert Handout.objects.get().size == 2


@pytest.mark.parametrize("told", [{}, {"tag": 1, "listed": "M01"}])
def test_one_way_to_choose_is_asked_for(
    crowd: list[Member], console: Client, told: dict[str, Any]
) -> None:
    Tag.objects.create(pk=1, code="vip", name="VIP")
    body = {"benefit": make_benefit().pk, "name": "Opening", "key": "a", **told}
    page = console.post(ASK, body).content.decode()
    assert "Choose one of the three" in page


def test_the_pages_of_a_handout(
    crowd: list[Member], staff: User, console: Client, now: datetime
) -> None:
    done = handed_out(make_benefit(budget=4), staff, now)
    page = console.get(f"/admin/rewards/handout/{done.pk}/change/").content.decode()
    assert "Why not everyone" in page
    assert "Take back what is unused of 4" in page
    assert "Store opening" in console.get("/admin/rewards/handout/").content.decode()

    console.post(f"/admin/rewards/handout/{done.pk}/take-back/")
    done.refresh_from_db()
    assert done.state == "taking_back"
    page = console.get(f"/admin/rewards/handout/{done.pk}/change/").content.decode()
    assert "0 of 4 members" in page
    work_on_handouts(seconds=5)
    answer = console.post(f"/admin/rewards/handout/{done.pk}/stop/", follow=True)
    assert "Somebody else was faster" in answer.content.decode()


def test_without_the_right_nothing_is_shown(
    crowd: list[Member], staff: User, helper_console: Client, now: datetime
) -> None:
    done = handed_out(make_benefit(), staff, now)
    assert helper_console.get(ASK).status_code == 403
    for step in ("stop", "continue", "take-back"):
        address = f"/admin/rewards/handout/{done.pk}/{step}/"
        assert helper_console.post(address).status_code == 403
    assert (
        helper_console.get(f"/admin/rewards/handout/{done.pk}/change/").status_code == 403
    )
