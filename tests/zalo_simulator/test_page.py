import html
import re
from typing import Any

import pytest
import requests

from tests.zalo_simulator.conftest import (
    CARE,
    COME_BACK,
    MAI_PHONE,
    MAI_UID,
    OTP,
    Business,
    register_mai_and_binh,
)
from zalo_simulator.page_texts import _TEXTS
from zalo_simulator.server import Simulator


def page(zalo: Simulator, path: str = "/", **params: str) -> str:
    answer = requests.get(zalo.base_url + path, params=params, timeout=5)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    return html.unescape(answer.text)


def press(zalo: Simulator, path: str, **form: str) -> requests.Response:
    return requests.post(zalo.base_url + path, data=form, timeout=5, allow_redirects=False)


def test_empty_page_says_what_to_do(zalo: Simulator) -> None:
    assert "Chưa có tin nào được gửi" in page(zalo)
    assert "No message has been sent yet" in page(zalo, lang="en")


def test_message_looks_as_on_the_phone(zalo: Simulator, business: Business) -> None:
    register_mai_and_binh(zalo)
    business.by_phone(**COME_BACK)

    shown = page(zalo, f"/phone/{MAI_PHONE}")
    assert "<h3>Đã lâu chưa gặp, Nguyễn Thị Mai</h3>" in shown
    assert "<th>Sắp hết hạn</th><td>320 điểm, ngày 31/12/2026</td>" in shown
    assert "<button>Xem ưu đãi của tôi</button>" in shown
    assert "Đã nhận" in shown


def test_empty_row_is_left_out(zalo: Simulator, business: Business) -> None:
    data = dict(COME_BACK["template_data"], expiring="")  # type: ignore[call-overload]
    business.by_phone(template_id="400001", template_data=data)

    assert "Sắp hết hạn" not in page(zalo, f"/phone/{MAI_PHONE}")


def test_newest_inbox_comes_first(zalo: Simulator, business: Business) -> None:
    business.by_phone("84911111111")
    business.by_phone("84922222222")
    business.by_phone("84911111111")

    shown = page(zalo)
    assert shown.index("0911 111 111") < shown.index("0922 222 222")
    assert '<span class="count">2</span>' in shown


@pytest.mark.parametrize(
    "search", ["nguyen thi", "NGUYỄN", "0912345678", "0912 345", MAI_UID]
)
def test_search(zalo: Simulator, search: str) -> None:
    register_mai_and_binh(zalo)

    shown = page(zalo, q=search)
    assert "Nguyễn Thị Mai" in shown
    assert "Trần Bình" not in shown


def test_typed_phone_can_be_opened(zalo: Simulator) -> None:
    assert "Mở điện thoại của 0977 123 456" in page(zalo, q="0977123456")

    answer = press(zalo, "/page/open-inbox", address="84977123456")
    assert answer.headers["Location"] == "/phone/84977123456"
    assert "Chưa có tin nào trên máy này." in page(zalo, "/phone/84977123456")


def test_thousands_are_shown_in_pages(zalo: Simulator, business: Business) -> None:
    for number in range(31):
        business.by_phone(f"849100000{number:02d}")

    assert "Trang 1/2" in page(zalo)
    second = page(zalo, page="2")
    assert second.count('<span class="face">') == 1
    for _ in range(21):
        business.by_phone(MAI_PHONE)
    shown = page(zalo, f"/phone/{MAI_PHONE}")
    assert shown.count("<article") == 20
    older = shown.split("before=")[1].split('"')[0]
    assert page(zalo, f"/phone/{MAI_PHONE}", before=older).count("<article") == 1


def test_button_opens_the_link_and_marks_the_message_seen(
    zalo: Simulator, business: Business
) -> None:
    business.by_phone(**CARE)
    number = str(zalo.sent()[0].number)

    answer = press(zalo, "/page/open", key=MAI_PHONE, number=number)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "https://example.com/m/abc"
    assert zalo.sent()[0].outcome == "seen"


def test_looking_at_a_phone_marks_nothing(zalo: Simulator, business: Business) -> None:
    business.by_phone()
    page(zalo, f"/phone/{MAI_PHONE}")
    assert zalo.sent()[0].outcome == "delivered"

    press(zalo, "/page/seen", key=MAI_PHONE)
    assert "Đã xem" in page(zalo, f"/phone/{MAI_PHONE}")


def test_unfollow_button(zalo: Simulator, business: Business) -> None:
    register_mai_and_binh(zalo)
    press(zalo, "/page/follow", key=MAI_PHONE, follows="")

    assert business.by_uid(**COME_BACK)["error"] == -213
    press(zalo, "/page/follow", key=MAI_PHONE, follows="1")
    assert business.by_uid(**COME_BACK)["error"] == 0


def test_customer_can_write_and_state_can_be_set(
    zalo: Simulator, business: Business
) -> None:
    register_mai_and_binh(zalo)
    press(zalo, "/page/reply", key=MAI_PHONE, text="Cảm ơn quán!")
    press(zalo, "/page/state", key=MAI_PHONE, state="refused_oa")

    assert "Cảm ơn quán!" in page(zalo, f"/phone/{MAI_PHONE}")
    assert business.by_phone()["error"] == -141


def test_faults_are_switched_on_and_off(zalo: Simulator, business: Business) -> None:
    press(zalo, "/page/fault-on", kind="error", code="-118", to="all", percent="", next="3")
    assert business.by_phone()["error"] == -118
    assert "2 lần còn lại" in page(zalo)

    number = str(zalo.faults.listed()[0]["number"])
    press(zalo, "/page/fault-off", number=number)
    assert business.by_phone()["error"] == 0


def test_text_from_outside_stays_text(zalo: Simulator, business: Business) -> None:
    evil = {"otp": "<script>1"}
    business.by_phone(**(OTP | {"template_data": evil}))
    zalo.people.register(phone=MAI_PHONE, name="<img src=x>", follows=False)

    answer = requests.get(f"{zalo.base_url}/phone/{MAI_PHONE}", timeout=5).text
    assert "<img" not in answer
    assert "<script>1" not in answer
    assert "&lt;script&gt;1" in answer


def test_no_form_has_two_fields_of_one_name(zalo: Simulator, business: Business) -> None:
    business.by_phone()

    for form in re.findall(r"<form.*?</form>", page(zalo), re.DOTALL):
        names = re.findall(r' name="(\w+)"', form)
        assert len(names) == len(set(names)), form


def test_button_never_leads_back_outside(zalo: Simulator) -> None:
    answer = press(zalo, "/page/seen", key=MAI_PHONE, back="//evil.test/")

    assert answer.headers["Location"] == "/"


def test_language_is_remembered(zalo: Simulator) -> None:
    with requests.Session() as session:
        session.get(f"{zalo.base_url}/", params={"lang": "en"}, timeout=5)
        assert 'lang="en"' in session.get(f"{zalo.base_url}/", timeout=5).text


def test_every_text_exists_in_both_languages() -> None:
    assert [name for name, texts in _TEXTS.items() if not all(texts)] == []


def test_page_needs_nothing_from_elsewhere(zalo: Simulator, business: Business) -> None:
    business.by_phone()

    source: Any = requests.get(f"{zalo.base_url}/", timeout=5).text
    assert "src=" not in source
    assert "<link" not in source
    assert "@import" not in source
