"""Doing a back-test: claimed, listed, asked chunk by chunk, and finished; all repeatable.

What is done stands in the row together with how far it is, in one transaction, so a
process may die at any moment. Chunks are worked out without any lock; only the short
writing of a chunk is fenced by the number of the claim and by the position.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from activities.models import Order
from core.errors import DomainError
from core.retry import retry_on_conflict
from points.backtests.frozen import AFTER, BEFORE, rules_of
from points.backtests.results import result_of
from points.backtests.rows import (
    Listed,
    forget_members,
    forget_old_members,
    forget_work,
    given_for,
    list_orders,
    load_uses,
    next_orders,
    save_members,
    save_uses,
    strike_off,
)
from points.earning.backtest import Side, Tally, compare, keys_of_limits, looks_at_products
from points.earning.caps import Room, Use, UseKey
from points.earning.context import load_context
from points.earning.engine import Rule
from points.earning.orders import kept_baskets
from points.errors import BackTestClosed
from points.models import BackTest

logger = logging.getLogger(__name__)

State = BackTest.State
SIDES = (BEFORE, AFTER)
# Orders whose rules are asked in one go: a fifth of a second.
CHUNK = 1000
# Numbers of orders that are looked through for the list in one statement.
LISTED = 50_000
LEASE = timedelta(minutes=2)
PAUSE_AFTER_FAILURE = timedelta(seconds=30)
# A chunk that kills or fails so often is not tried again by itself.
MAX_FAILURES = 5
# The lists of members are large; figures stay for ever.
KEPT_LISTS = 20

Told = Callable[[BackTest], None]


class Interrupted(Exception):
    """The test was cancelled, or another process has taken it over."""


def due_back_tests() -> QuerySet[BackTest]:
    """Return the tests that wait for a worker, those of dead workers too."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=timezone.now())
    return BackTest.objects.filter(free, state__in=BackTest.OPEN)


def has_work() -> bool:
    return due_back_tests().exists()


def work_on_back_tests(*, seconds: float) -> bool:
    """Work on the tests in line, for so long; tells whether anything is left to do."""
    deadline = time.monotonic() + seconds
    for test_id in due_back_tests().order_by("pk").values_list("pk", flat=True):
        run_back_test(test_id, deadline=deadline)
        if time.monotonic() >= deadline:
            break
    return has_work()


def run_back_test(test_id: int, **options: Any) -> BackTest | None:
    """Claim a test and work on it (see ``run_claimed``); None when it is not free."""
    test = claim_back_test(test_id)
    return None if test is None else run_claimed(test, **options)


def run_claimed(
    test: BackTest,
    *,
    deadline: float | None = None,
    chunk: int = CHUNK,
    told: Told | None = None,
) -> BackTest:
    """Work on a claimed test until it is done or ``deadline`` (monotonic seconds) is over.

    Returns the test as it stands then. ``told`` hears of every step. What fails is tried
    again by the next poll.
    """
    try:
        _work(test, deadline=deadline, chunk=chunk, told=told or (lambda _test: None))
    except Interrupted:
        logger.info("Back-test %s was cancelled or taken over", test.pk)
    except Exception as error:
        logger.exception("Back-test %s failed", test.pk)
        _note_failure(test, error)
    return BackTest.objects.get(pk=test.pk)


def _work(test: BackTest, *, deadline: float | None, chunk: int, told: Told) -> None:
    told(test)
    rules = [rules_of(test, side) for side in SIDES]
    while _step(test, rules, chunk):
        told(test)
        if deadline is not None and time.monotonic() >= deadline:
            _release(test)
            return


def _step(test: BackTest, rules: list[list[Rule]], chunk: int) -> bool:
    """Do the next small part; returns False once the test is finished."""
    if not test.is_listed:
        _list_more(test)
    elif not _ask_more(test, rules, chunk):
        _finish(test)
        return False
    return True


# --- claims -------------------------------------------------------------------------------


def claim_back_test(test_id: int) -> BackTest | None:
    """Take a test in hand; None when it is not free.

    A claim whose lease ran out counts as a failure.
    """
    now = timezone.now()
    test = due_back_tests().filter(pk=test_id).first()
    if test is None:
        return None
    test.failures += test.leased_until is not None and test.state == State.RUNNING
    values: dict[str, Any] = {
        "claim": test.claim + 1,
        "state": State.RUNNING,
        "failures": test.failures,
        "leased_until": now + LEASE,
        "started_at": test.started_at or now,
    }
    if test.started_at is None:
        values["last_id"] = Order.objects.aggregate(last=Max("pk"))["last"] or 0
    if test.failures >= MAX_FAILURES:
        error = test.error or _("The worker was stopped in the middle, again and again.")
        _end(test, state=State.FAILED, error=error, failures=test.failures)
        return None
    if not due_back_tests().filter(pk=test_id, claim=test.claim).update(**values):
        return None
    return BackTest.objects.get(pk=test_id)


def _ours(test: BackTest) -> QuerySet[BackTest]:
    return BackTest.objects.filter(pk=test.pk, claim=test.claim, state=State.RUNNING)


def _move_on(test: BackTest, values: dict[str, Any]) -> None:
    """Write how far the test is, if it is still ours; the lease goes on."""
    lease = {"leased_until": timezone.now() + LEASE, "failures": 0, "error": ""}
    here = _ours(test).filter(listed_id=test.listed_id, num_done=test.num_done)
    if not here.update(**values, **lease):
        raise Interrupted


def _remember(test: BackTest, values: dict[str, Any]) -> None:
    """Set in memory what is committed; before, a lost race could not be tried again."""
    for name, value in values.items():
        setattr(test, name, value)


def _release(test: BackTest) -> None:
    _ours(test).update(leased_until=None)


def _note_failure(test: BackTest, error: Exception) -> None:
    """Give the test back for another try after a pause; a refusal ends it at once."""
    if isinstance(error, DomainError):
        _end(test, state=State.FAILED, error=str(error.message))
        return
    # The next claim finds an ended lease, and counts it.
    _ours(test).update(
        leased_until=timezone.now() + PAUSE_AFTER_FAILURE, error=repr(error)[:2000]
    )


def _end(test: BackTest, **values: Any) -> bool:
    own = BackTest.objects.filter(pk=test.pk, claim=test.claim, state__in=BackTest.OPEN)
    values |= {"finished_at": timezone.now(), "leased_until": None}
    return bool(own.update(**values))


# --- steps --------------------------------------------------------------------------------


@retry_on_conflict
def _list_more(test: BackTest) -> None:
    """Look through the next numbers of orders for those of the period."""
    upto = min(test.listed_id + LISTED, test.last_id)
    with transaction.atomic():
        found = list_orders(test, upto)
        values = {"listed_id": upto, "num_orders": test.num_orders + found}
        _move_on(test, values)
    _remember(test, values)


@retry_on_conflict
def _ask_more(test: BackTest, rules: list[list[Rule]], chunk: int) -> bool:
    """Ask both sides about the next orders; returns False when there are no more."""
    orders = next_orders(test, chunk)
    if not orders:
        return False
    ids = [order_id for _placed_at, order_id in orders]
    definitions = [rule.definition for side in rules for rule in side]
    with_lines = any(looks_at_products(definition) for definition in definitions)
    baskets = kept_baskets(ids, with_lines=with_lines)
    uses = [
        load_uses(test, name, keys_of_limits(side, baskets))
        for name, side in zip(SIDES, rules, strict=True)
    ]
    tally = compare(
        baskets,
        [Side(side, Room(counts)) for side, counts in zip(rules, uses, strict=True)],
        load_context(baskets, definitions, judged_at=test.asked_at),
        wallets=[wallet["id"] for wallet in test.definitions["wallets"]],
        given=given_for(ids),
    )
    _save(test, orders, tally, uses)
    return True


def _save(
    test: BackTest,
    orders: Sequence[Listed],
    tally: Tally,
    uses: Sequence[dict[UseKey, Use]],
) -> None:
    """Write a chunk and the position behind it, or nothing of it."""
    sums = Tally.from_json(test.sums)
    sums.add(tally)
    values = {
        "sums": sums.as_json(),
        "num_done": test.num_done + len(orders),
        "reached_at": orders[-1][0],
        "reached_id": orders[-1][1],
    }
    with transaction.atomic():
        _move_on(test, values)
        save_members(test, tally.members)
        for name, counts in zip(SIDES, uses, strict=True):
            save_uses(test, name, counts)
        strike_off(test, orders[-1])
    _remember(test, values)


@retry_on_conflict
@transaction.atomic
def _finish(test: BackTest) -> None:
    result = result_of(test, Tally.from_json(test.sums))
    if not _end(test, state=State.DONE, result=result, sums={}, error=""):
        raise Interrupted
    forget_work(test)
    forget_old_members(KEPT_LISTS)


# --- what staff do ------------------------------------------------------------------------


@transaction.atomic
def cancel_back_test(test: BackTest) -> BackTest:
    """Stop a test; what it has counted so far is dropped. Raises BackTestClosed."""
    stopped = BackTest.objects.filter(pk=test.pk, state__in=BackTest.OPEN).update(
        state=State.CANCELLED, finished_at=timezone.now(), leased_until=None, sums={}
    )
    if not stopped:
        raise BackTestClosed(_("This back-test has ended already."))
    forget_work(test)
    forget_members(test)
    test.refresh_from_db()
    return test


def continue_back_test(test: BackTest) -> BackTest:
    """Put a test that failed in line again; it goes on where it was. BackTestClosed."""
    again = BackTest.objects.filter(pk=test.pk, state=State.FAILED).update(
        state=State.WAITING,
        failures=0,
        error="",
        finished_at=None,
        leased_until=None,
        claim=F("claim") + 1,
    )
    if not again:
        raise BackTestClosed(_("Only a back-test that failed can go on."))
    test.refresh_from_db()
    return test
