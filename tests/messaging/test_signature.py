"""Who wrote a webhook: only those who know the secret."""

import pytest

from messaging.zalo.signature import is_signed, sign

BODY = b'{"event_name":"follow","timestamp":"154390853474"}'
KNOWN = {"body": BODY, "timestamp": "154390853474", "app_id": "360846524940903967"}
SECRET = "oa-secret"
MAC = sign(**KNOWN, secret=SECRET)


@pytest.mark.parametrize(
    "header", [f"mac={MAC}", f"mac = {MAC}", MAC, f" mac={MAC.upper()} ", f"mac={MAC}\n"]
)
def test_accepts_the_spellings_that_were_seen(header: str) -> None:
    assert is_signed(header=header, secret=SECRET, **KNOWN)


@pytest.mark.parametrize(
    "header", ["", "mac=", "mac=" + "0" * 64, MAC[:-1], f"x{MAC}", "điểm"]
)
def test_refuses_anything_else(header: str) -> None:
    assert not is_signed(header=header, secret=SECRET, **KNOWN)


@pytest.mark.parametrize(
    "change", [{"body": BODY + b" "}, {"timestamp": "1"}, {"app_id": "1"}, {"secret": "x"}]
)
def test_every_part_counts(change: dict[str, object]) -> None:
    values = {**KNOWN, "secret": SECRET, **change}
    assert not is_signed(header=f"mac={MAC}", **values)  # type: ignore[arg-type]


def test_without_a_secret_nothing_is_signed() -> None:
    mac = sign(**KNOWN, secret="")
    assert not is_signed(header=f"mac={mac}", secret="", **KNOWN)
