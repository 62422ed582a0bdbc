"""T2, the model: long random histories from seeds; the ledger equals it after each step."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.battery.figures import report
from tests.battery.tiers import size
from tests.points.ledger_play import play_seed

pytestmark = pytest.mark.battery

SEED = 1
SEEDS, STEPS = size(8, 120, 10_000), size(60, 120, 200)


def test_long_histories_equal_the_model(db: None) -> None:
    outcomes: Counter[str] = Counter()
    began = time.monotonic()

    for seed in range(SEED, SEED + SEEDS):
        outcomes += play_seed(seed, STEPS).outcomes

    report(
        "T2 model",
        first_seed=SEED,
        seeds=SEEDS,
        steps=SEEDS * STEPS,
        done=outcomes["done"],
        refused=outcomes["refused"],
        differences=0,
        seconds=round(time.monotonic() - began, 1),
    )
    # Histories in which everything worked, or nothing did, would prove little.
    assert min(outcomes["done"], outcomes["refused"]) > SEEDS * STEPS / 10
