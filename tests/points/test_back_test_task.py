"""Back-tests in the background: killed anywhere, taken over, cancelled, never doubled."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from activities.services import OrderFact
from core.errors import InvalidInput
from flows.record import record
from flows.tasks import catch_up_jobs
from points import tasks
from points.backtests import (
    ask_back_test,
    cancel_back_test,
    claim_back_test,
    continue_back_test,
    has_work,
    run_back_test,
    running,
    work_on_back_tests,
)
from points.errors import BackTestClosed
from points.models import (
    BackTest,
    BackTestMember,
    BackTestOrder,
    BackTestUse,
    EarnCap,
    Transfer,
)
from tests.factories import make_earn_rule, make_member, make_programme, make_wallet

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
ORDERS = 23
CHUNK = 5
# What writes, and which time it does so; limits are saved twice a chunk.
STEPS = {
    "list_orders": 1,
    "save_members": 3,
    "save_uses": 4,
    "strike_off": 3,
    "forget_work": 1,
}


class Killed(BaseException):
    """Stands for a process that is gone: nobody catches it, nothing is tidied up."""


@pytest.fixture
def drafts() -> None:
    """Orders of three members, a draft with a daily limit and a new one with a budget."""
    make_programme()
    rule = make_earn_rule(wallet=make_wallet())
    members = [make_member(code=f"M{n}") for n in range(3)]
    facts = [
        OrderFact(
            "till",
            f"HD{n}",
            members[n % 3].pk,
            AT + timedelta(hours=5 * (n // 3)),
            Decimal(40_000 + 9_000 * n),
        )
        for n in range(ORDERS)
    ]
    record(facts, at=AT + timedelta(days=3))
    EarnCap.objects.create(rule=rule, limit=30, unit="points", period="day")
    type(rule).objects.create(
        code="extra", name="Thêm", wallet=rule.wallet, method="extra", points=3, budget=40
    )


def ask(last_day: date = date(2026, 3, 31)) -> BackTest:
    return ask_back_test(first_day=date(2026, 3, 1), last_day=last_day, at=AT)


def undisturbed() -> tuple[dict[str, Any], list[Any]]:
    """Run a test of another period with the same orders from its beginning to its end."""
    test = ask(date(2026, 3, 30))
    assert run_back_test(test.pk, chunk=CHUNK) is not None
    return outcome(test)


def outcome(test: BackTest) -> tuple[dict[str, Any], list[Any]]:
    test.refresh_from_db()
    assert (test.state, test.error) == ("done", "")
    rows = BackTestMember.objects.filter(back_test=test).order_by("wallet", "member")
    fields = ("member", "points_before", "points_after", "points_given")
    return test.result, list(rows.values_list(*fields))


def die_in(monkeypatch: pytest.MonkeyPatch, step: str, *, wrote: bool) -> None:
    """Let the process die in the given step, before or after it has written."""
    real, calls = getattr(running, step), []

    def act(*args: Any) -> Any:
        calls.append(step)
        if len(calls) != STEPS[step]:
            return real(*args)
        if wrote:
            real(*args)
        raise Killed

    monkeypatch.setattr(running, step, act)


def let_the_lease_end(test: BackTest) -> None:
    past = timezone.now() - timedelta(seconds=1)
    BackTest.objects.filter(pk=test.pk).update(leased_until=past)


def killed_and_taken_over(
    monkeypatch: pytest.MonkeyPatch, step: str, *, wrote: bool
) -> tuple[dict[str, Any], list[Any]]:
    test = ask()
    with monkeypatch.context() as patch:
        die_in(patch, step, wrote=wrote)
        with pytest.raises(Killed):
            run_back_test(test.pk, chunk=CHUNK)
    assert run_back_test(test.pk, chunk=CHUNK) is None, "the dead one still has its lease"
    let_the_lease_end(test)
    assert run_back_test(test.pk, chunk=CHUNK) is not None
    return outcome(test)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("wrote", [False, True])
def test_a_kill_anywhere_changes_no_number(
    drafts: None, monkeypatch: pytest.MonkeyPatch, step: str, wrote: bool
) -> None:
    assert killed_and_taken_over(monkeypatch, step, wrote=wrote) == undisturbed()
    assert not BackTestOrder.objects.exists()
    assert not BackTestUse.objects.exists()
    assert Transfer.objects.count() == ORDERS


def test_control_without_transactions_a_kill_costs_numbers(
    drafts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bare(*args: Any) -> AbstractContextManager[None]:
        return nullcontext()

    monkeypatch.setattr(running.transaction, "atomic", bare)

    assert killed_and_taken_over(monkeypatch, "save_members", wrote=False) != undisturbed()


def test_two_workers_do_it_once(drafts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was thought dead comes back and finds that it lost the test."""
    test = ask()
    slow = claim_back_test(test.pk)
    assert slow is not None
    assert claim_back_test(test.pk) is None
    let_the_lease_end(test)
    quick = claim_back_test(test.pk)
    assert quick is not None
    for one in (quick, slow, quick, slow):
        running.run_claimed(one, chunk=CHUNK, deadline=0)
        BackTest.objects.filter(pk=test.pk).update(leased_until=timezone.now())

    assert (BackTest.objects.get(pk=test.pk).num_done, quick.claim) == (CHUNK, 2)
    let_the_lease_end(test)
    assert run_back_test(test.pk, chunk=CHUNK) is not None
    assert outcome(test) == undisturbed()


def test_a_slice_ends_in_time_and_the_rest_is_still_due(drafts: None) -> None:
    first, second = ask(), ask(date(2026, 3, 29))

    assert work_on_back_tests(seconds=0)

    states = BackTest.objects.order_by("pk").values_list("state", "leased_until")
    assert list(states) == [("running", None), ("waiting", None)]
    assert not work_on_back_tests(seconds=60)
    assert outcome(first)[1] == outcome(second)[1]


def test_the_task_announces_what_it_could_not_do(
    drafts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(tasks, "nudge_back_tests", lambda: said.append("again"))
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0)
    ask()
    tasks.run_back_tests()
    assert said == ["again"]

    monkeypatch.setattr(tasks, "SLICE_SECONDS", 60)
    tasks.run_back_tests()
    assert said == ["again"]
    assert not has_work()


def test_a_poll_finds_what_the_broker_lost(
    drafts: None,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    published: list[dict[str, Any]] = []
    monkeypatch.setattr(
        tasks.run_back_tests, "apply_async", lambda **told: published.append(told)
    )
    with django_capture_on_commit_callbacks(execute=True):
        catch_up_jobs()
    assert published == []
    test = ask()

    with django_capture_on_commit_callbacks(execute=True):
        catch_up_jobs()
    assert published == [{"expires": 60, "retry": False}]

    claim_back_test(test.pk)
    with django_capture_on_commit_callbacks(execute=True):
        catch_up_jobs()
    assert len(published) == 1, "somebody is at it"
    let_the_lease_end(test)
    with django_capture_on_commit_callbacks(execute=True):
        catch_up_jobs()
    assert len(published) == 2


def test_a_broker_that_is_away_does_no_harm(
    drafts: None,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(**told: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(tasks.run_back_tests, "apply_async", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.nudge_back_tests()

    assert "points.tasks.run_back_tests was not announced: ConnectionError" in caplog.text


def test_stopped_in_the_middle_it_goes_no_further(
    drafts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask()
    seen: list[int] = []

    def told(now: BackTest) -> None:
        seen.append(now.num_done)
        if now.num_done == 2 * CHUNK:
            cancel_back_test(BackTest.objects.get(pk=now.pk))

    stopped = run_back_test(test.pk, chunk=CHUNK, told=told)

    assert stopped is not None
    assert (stopped.state, stopped.num_done, stopped.num_orders) == (
        "cancelled",
        10,
        ORDERS,
    )
    assert seen == [0, 0, 5, 10]
    assert not BackTestMember.objects.exists()
    assert not BackTestOrder.objects.exists()
    assert not BackTestUse.objects.exists()
    with pytest.raises(BackTestClosed):
        cancel_back_test(stopped)
    with pytest.raises(BackTestClosed):
        continue_back_test(stopped)


def test_what_fails_is_tried_again_and_given_up_in_the_end(
    drafts: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **told: Any) -> Any:
        raise OSError("no disk")

    test = ask()
    with monkeypatch.context() as patch:
        patch.setattr(running, "compare", fail)
        for _attempt in range(running.MAX_FAILURES):
            assert run_back_test(test.pk) is not None
            test.refresh_from_db()
            assert (test.state, test.error) == ("running", "OSError('no disk')")
            assert run_back_test(test.pk) is None, "not at once"
            let_the_lease_end(test)
        assert run_back_test(test.pk) is None

    test.refresh_from_db()
    assert (test.state, test.error) == ("failed", "OSError('no disk')")
    assert not has_work()
    continue_back_test(test)
    assert run_back_test(test.pk, chunk=CHUNK) is not None
    assert outcome(test) == undisturbed()


def test_a_refusal_ends_it_at_once(drafts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **told: Any) -> Any:
        raise InvalidInput("The group of the rule cannot be understood.")

    monkeypatch.setattr(running, "load_context", refuse)
    test = ask()
    run_back_test(test.pk)

    test.refresh_from_db()
    assert test.state == "failed"
    assert test.error == "The group of the rule cannot be understood."


def test_orders_that_come_while_it_runs_are_left_out(drafts: None) -> None:
    test = claim_back_test(ask().pk)
    assert test is not None
    late = OrderFact("till", "LATE", make_member().pk, AT, Decimal(100_000))
    record([late], at=AT)

    running.run_claimed(test, chunk=CHUNK)

    assert outcome(test)[0]["orders"] == ORDERS
