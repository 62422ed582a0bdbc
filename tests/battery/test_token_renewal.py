"""A refresh token works once: many processes that need a new token must use it once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, new_database, run
from tests.battery.test_t12_outbox import zalo_settings
from zalo_simulator.server import Simulator

pytestmark = pytest.mark.battery

PROCESSES = 6
REFRESH = "/v4/oa/access_token"


def renew_together(database: Database, zalo: Simulator, **more: str) -> list[str]:
    """Let processes ask for a token at the same moment; return what each one got."""
    command = ("-m", "tests.battery.renew_token", "rejected", str(PROCESSES))
    return list(json.loads(run(database, *command, **zalo_settings(zalo), **more)))


def state(database: Database) -> tuple[str, str]:
    rows = database.ask("SELECT state, access_token FROM messaging_officialaccount")
    return rows[0][0], rows[0][1]


def connect(database: Database, zalo: Simulator) -> None:
    run(
        database, "-m", "tests.battery.prepare_outbox", "0", "0", "0", **zalo_settings(zalo)
    )


def times_used(zalo: Simulator) -> int:
    """Return how often the refresh token was used; it works once."""
    return sum(rule["hits"] for rule in zalo.faults.listed())


def test_one_renews_and_all_get_the_new_token(
    empty_database: Database, tmp_path: Path
) -> None:
    with (
        Simulator(port=0) as zalo,
        new_database(tmp_path, like=empty_database) as database,
    ):
        connect(database, zalo)
        zalo.faults.add("slow", calls=REFRESH, seconds=0.5)

        got = renew_together(database, zalo)

        used = times_used(zalo)
        report("token renewal", operations=PROCESSES, violations=used - 1)
        assert used == 1
        assert len(set(got)) == 1
        assert state(database) == ("active", got[0])


def test_without_the_claim_the_refresh_token_is_used_again(
    empty_database: Database, tmp_path: Path
) -> None:
    with (
        Simulator(port=0) as zalo,
        new_database(tmp_path, like=empty_database) as database,
    ):
        connect(database, zalo)
        # Long enough for the last of them to ask before the first is answered.
        zalo.faults.add("slow", calls=REFRESH, seconds=2)

        renew_together(database, zalo, CLAIMS_OFF="1")

        used = times_used(zalo)
        report("token renewal control", operations=PROCESSES, control_violations=used - 1)
        assert used > 1
