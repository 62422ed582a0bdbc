"""What the battery stands on: its processes are forked, and are processes all the same."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.battery.running import Database, run, started

pytestmark = pytest.mark.battery

NEW_TAG = (
    "import django; django.setup(); from members.models import Tag; "
    "Tag.objects.create(code='new', name='New')"
)
SENDER = "from django.conf import settings; print(settings.SMS_BRANDNAME)"
GUARDS = "import os; print(os.environ.get('GUARDS_OFF'))"
WAITS = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def test_each_works_on_the_database_it_is_told(scratch: Callable[[], Database]) -> None:
    first, second = scratch(), scratch()
    run(second, "-c", NEW_TAG)
    assert (first.count("members_tag"), second.count("members_tag")) == (0, 1)
    run(first, "-c", NEW_TAG)
    assert (first.count("members_tag"), second.count("members_tag")) == (1, 1)


def test_each_is_told_its_own(scratch: Callable[[], Database]) -> None:
    database = scratch()
    assert run(database, "-c", SENDER, SMS_BRANDNAME="SONG") == "SONG\n"
    assert run(database, "-c", SENDER) == "\n"
    assert run(database, "-c", GUARDS, GUARDS_OFF="all") == "all\n"
    assert run(database, "-c", GUARDS) == "None\n"


def test_who_ends_badly_says_why(scratch: Callable[[], Database]) -> None:
    with pytest.raises(AssertionError, match="no such campaign"):
        run(scratch(), "-c", "raise SystemExit('no such campaign')")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run(scratch(), "-c", "1 / 0")


def test_a_killed_one_is_no_more(scratch: Callable[[], Database]) -> None:
    with started(scratch(), "-c", WAITS) as process:
        while not (said := process.out.read_text()):
            assert process.is_running()
        os.kill(int(said), 0)
        process.kill()
        assert not process.is_running()
        with pytest.raises(ProcessLookupError):
            os.kill(int(said), 0)
