"""Whatever is sent: a sentence, never a fault of ours, and quickly (battery T17, small)."""

import json
import random
import time
from collections.abc import Iterator

import pytest

from activities.models import Order
from members.models import Member
from tests.api.conftest import AN_ORDER, MEMBERS, ORDERS, Till, problem

pytestmark = pytest.mark.django_db

SEED = 20260302
CASES = 300
HOUSE = json.dumps(AN_ORDER).encode()

NASTY_VALUES = [
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"1e999999999999999999",
    b"9" * 5000,
    b"9223372036854775808",
    b"-9223372036854775809",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'"\\u0000"',
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"' + b"x" * 100_000 + b'"',
    b'"\\u202e\\u200b"',
    b"[" * 9 + b"1" + b"]" * 9,
    b'"2026-02-30T00:00:00Z"',
    b'"9999-12-31T23:59:59-14:00"',
    b'"0912345678\\u0000"',
    b'"\xf0\x9f\x98\x80"',
]
WHOLE_BODIES = [
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf",
    b"null",
    b"1",
    b'"text"',
    b"[]",
    b"[{}]",
    b"{",
    b"}",
    b"{}{}",
    b"{'order_id': 1}",
    b"order_id=1&total=2",
    b"<order/>",
    b'{"order_id": "\xff"}',
    b'{"order_id": "\xed\xa0\x80"}',
    b'{"a": 1, "a": 2}',
    b'{"\\u0000": 1}',
    b'{"\\ud800": 1}',
    b"[" * 5000,
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b'{"lines": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"lines": [' + b"{}," * 20000 + b"{}]}",
    b'{"x": "' + b"y" * (1024 * 1024) + b'"}',
    b"{" + b",".join(b'"f%d": 1' % i for i in range(20000)) + b"}",
]


def bodies(count: int) -> Iterator[bytes]:
    """Yield the known nasties, then bodies broken at random; the seed fixes them."""
    chance = random.Random(SEED)
    yield from WHOLE_BODIES
    fields = [*AN_ORDER, "lines", "phone", "store", "status", "create_member"]
    for _case in range(count - len(WHOLE_BODIES)):
        kind = chance.randrange(4)
        if kind == 0:
            parts = {name: json.dumps(value).encode() for name, value in AN_ORDER.items()}
            for name in chance.sample(fields, chance.randint(1, 3)):
                parts[name] = chance.choice(NASTY_VALUES)
            yield (
                b"{"
                + b",".join(b'"%s": %s' % (k.encode(), v) for k, v in parts.items())
                + b"}"
            )
        elif kind == 1:
            yield HOUSE[: chance.randrange(len(HOUSE))]
        elif kind == 2:
            broken = bytearray(HOUSE)
            for _flip in range(chance.randint(1, 4)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            yield bytes(broken)
        else:
            yield chance.randbytes(chance.randint(1, 400))


def test_no_body_is_a_fault_of_ours(till: Till, mai: Member) -> None:
    till.client.raise_request_exception = False
    slow, faults, sentences = [], [], 0
    for number, body in enumerate(bodies(CASES)):
        # Our own work, not the wait for a busy machine.
        began = time.thread_time()
        response = till.post(ORDERS, body, key=f"case-{number}")
        if time.thread_time() - began >= 1:
            slow.append(body[:60])
        if response.status_code >= 500:
            faults.append((response.status_code, body[:60]))
        if response.status_code >= 400:
            sentences += bool(problem(response)["detail"])

    assert faults == []
    assert slow == []
    assert sentences >= CASES * 0.8


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b'{"order_id": "\\u0000"}', 400, "invalid_json"),
        (b'{"order_id": "\\ud800"}', 400, "invalid_json"),
        (b'{"total": NaN}', 400, "invalid_json"),
        (b'{"total": %s}' % (b"9" * 5000), 400, "invalid_json"),
        (b'{"a": 1, "a": 1}', 400, "invalid_json"),
        (b'{"a": %s%s}' % (b"[" * 5000, b"]" * 5000), 400, "invalid_json"),
        (b'{"a": "%s"}' % (b"x" * 1024 * 1024), 413, "too_large"),
        (b"x" * 10_000_000, 413, "too_large"),
        (b"", 400, "invalid_input"),
    ],
)
def test_names_the_fault(till: Till, body: bytes, status: int, code: str) -> None:
    response = till.post(ORDERS, body, key="k")

    assert (response.status_code, problem(response)["code"]) == (status, code)
    assert not Order.objects.exists()


def test_a_byte_order_mark_does_no_harm(till: Till, mai: Member) -> None:
    assert till.post(ORDERS, b"\xef\xbb\xbf" + HOUSE, key="k").status_code == 201


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "é/x"],
)
def test_other_kinds_of_body_are_refused(till: Till, content_type: str) -> None:
    response = till.client.post(
        ORDERS,
        HOUSE,
        content_type=content_type,
        headers={"Authorization": f"Api-Key {till.text}", "Idempotency-Key": "k"},
    )

    assert response.status_code == 415
    assert "application/json" in problem(response)["detail"]


@pytest.mark.parametrize("charset", ["utf-16", "zlib", "hex", "idna", "undefined", "nope"])
def test_a_strange_charset_changes_nothing(till: Till, mai: Member, charset: str) -> None:
    content_type = f"application/json; charset={charset}"
    headers = {"Authorization": f"Api-Key {till.text}", "Idempotency-Key": "k"}

    told = till.client.generic("POST", ORDERS, HOUSE, content_type, headers=headers)
    found = till.client.generic(
        "GET", f"{MEMBERS}?phone=0912345678", b"", content_type, headers=headers
    )

    assert (told.status_code, found.status_code) == (201, 200)


def test_a_body_in_pieces_needs_its_length(till: Till) -> None:
    response = till.client.generic(
        "POST",
        ORDERS,
        content_type="application/json",
        headers={"Authorization": f"Api-Key {till.text}", "Transfer-Encoding": "chunked"},
        CONTENT_LENGTH="",
    )

    assert (response.status_code, problem(response)["code"]) == (411, "length_required")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "x", "*/*;q=broken"])
def test_the_answer_is_json_whatever_is_asked_for(
    till: Till, mai: Member, accept: str
) -> None:
    response = till.get(f"{MEMBERS}MAI/", Accept=accept)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("address", ["/api/v1/orders", "/api/v1/", "/api/v1/nothing/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_address_says_so(till: Till, address: str, method: str) -> None:
    response = getattr(till, method)(address, {})

    assert response.status_code == 404
    assert problem(response)["code"] == "not_found"


def test_options_tells_nothing(till: Till) -> None:
    response = till.client.options(
        ORDERS, headers={"Authorization": f"Api-Key {till.text}"}
    )

    assert response.status_code == 405
