"""The command: codes in bulk for scripts."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from rewards.batches import has_work
from rewards.management.commands import make_vouchers
from rewards.models import Voucher, VoucherBatch
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(make_vouchers, "nudge_batches", lambda: calls.append("look"))
    return calls


def command(*words: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("make_vouchers", *words, stdout=out, **options)
    return out.getvalue()


def test_a_worker_does_it(nudged: list[str]) -> None:
    make_voucher_type("grab", codes="pool")

    said = json.loads(command("grab", "--count", "50", "--json"))

    batch = VoucherBatch.objects.get()
    assert said == {
        "batch": batch.pk,
        "type": "grab",
        "size": 50,
        "made": 0,
        "state": "running",
        "seconds": None,
    }
    assert nudged == ["look"]
    assert has_work()
    assert batch.asked_by is None
    assert batch.name.startswith("20% off drinks, ")


def test_it_does_it_itself_and_waits(nudged: list[str]) -> None:
    make_voucher_type("grab", codes="pool", approval_above=10)

    said = json.loads(command("grab", "--count", "50", "--wait", "--json"))

    assert (said["made"], said["state"]) == (50, "done")
    assert said["seconds"] >= 0
    assert Voucher.objects.count() == 50
    assert nudged == []
    assert not has_work()


def test_it_says_in_words_what_is_there() -> None:
    make_voucher_type("grab", codes="pool")

    said = command("grab", "--count", "1200", "--name", "Tết", "--wait")

    assert said == "Tết: 1.200 of 1.200 codes, done.\n"


def test_with_the_same_key_nothing_more_is_made() -> None:
    make_voucher_type("grab", codes="pool")
    words = ("grab", "--count", "5", "--key", "tet", "--json")
    first = json.loads(command(*words))

    again = json.loads(command(*words, "--wait"))
    third = json.loads(command(*words, "--wait"))

    assert first["batch"] == again["batch"] == third["batch"]
    assert (again["made"], third["made"]) == (5, 5)
    assert Voucher.objects.count() == 5


def test_what_a_worker_has_in_hand_is_left_to_it() -> None:
    make_voucher_type("grab", codes="pool")
    words = ("grab", "--count", "5", "--key", "tet")
    command(*words)
    make_vouchers.claim_batch(VoucherBatch.objects.get().pk)

    with pytest.raises(CommandError, match="under way already"):
        command(*words, "--wait")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none", "--count", "5"), "There is no type of voucher “none”"),
        (("shared", "--count", "5"), "one code for everyone"),
        (("grab", "--count", "0"), "from 1 to"),
    ],
)
def test_refusals_are_sentences(words: tuple[str, ...], said: str) -> None:
    make_voucher_type("grab", codes="pool")
    make_voucher_type("shared", codes="shared")

    with pytest.raises(CommandError, match=said):
        command(*words)
    assert not VoucherBatch.objects.exists()
