"""The demo's pictures: drawn quickly, always the same, good enough for any card."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from core.pictures import prepare_picture
from flows.demo.pictures import DRAWINGS, draw_picture
from tests.pictures import seen


@pytest.mark.parametrize("name", DRAWINGS)
def test_draws_each_as_a_card_and_always_the_same(name: str, now: datetime) -> None:
    drawn = draw_picture(name)
    picture = prepare_picture(content=drawn, at=now)

    assert draw_picture(name) == drawn
    assert (picture.width, picture.height) == (800, 600)
    assert len(picture.card) < 40_000
    # A drawing, not a surface: many colours, dark and light.
    darkest, lightest = seen(drawn).convert("L").getextrema()
    assert darkest < 120 < 200 < lightest


def test_no_two_are_alike() -> None:
    assert len({draw_picture(name) for name in DRAWINGS}) == len(DRAWINGS) == 8


def test_is_quick() -> None:
    started = time.process_time()
    for name in DRAWINGS:
        draw_picture(name)

    # Less than a tenth of a second each, and room for a busy machine.
    assert time.process_time() - started < 8 * 0.1 * 2
