from typing import Any

import pytest
import requests

from tests.zalo_simulator.conftest import Business, MakeSimulator
from zalo_simulator.server import Simulator

OWN = {
    "template_id": "500001",
    "name": "Chào thành viên mới",
    "tag": "CUSTOMER_CARE",
    "parameters": [{"name": "customer_name", "kind": "customer_name"}],
    "title": "Chào mừng <customer_name>",
    "paragraphs": ["Cảm ơn quý khách đã tham gia."],
}


def test_built_in_templates_are_listed(business: Business) -> None:
    answer = business.get("/template/all", offset="0", limit="100")

    assert answer["metadata"] == {"total": 5}
    assert [item["templateId"] for item in answer["data"]] == [
        "400001",
        "400002",
        "400003",
        "400004",
        "400005",
    ]
    assert {item["status"] for item in answer["data"]} == {"ENABLE"}


def test_status_filter_takes_numbers_only(business: Business) -> None:
    assert len(business.get("/template/all", status="1")["data"]) == 5
    assert business.get("/template/all", status="3")["data"] == []
    assert business.get("/template/all", status="ENABLE") == {
        "error": -132,
        "message": "Invalid status",
    }


def test_detail_of_the_come_back_template(business: Business) -> None:
    data = business.get("/template/info/v2", template_id="400001")["data"]

    limits = {
        item["name"]: (item["maxLength"], item["require"]) for item in data["listParams"]
    }
    assert limits == {
        "customer_name": (30, True),
        "days": (20, True),
        "points": (20, True),
        "expiring": (90, False),
        "offer": (200, False),
        "link": (200, True),
    }
    assert data["templateTag"] == "PROMOTION"
    assert (data["price_sdt"], data["price_uid"], data["timeout"]) == (
        "300",
        "200",
        7_200_000,
    )
    assert data["listButtons"] == [
        {"type": 1, "title": "Xem ưu đãi của tôi", "content": "<link>"}
    ]


@pytest.mark.parametrize("template_id", ["400001", "400002", "400003", "400004", "400005"])
def test_sample_data_can_be_sent(business: Business, template_id: str) -> None:
    sample = business.get("/template/sample-data", template_id=template_id)["data"]

    answer = business.by_phone(template_id=template_id, template_data=sample)
    assert answer["error"] == 0


def test_unknown_template_is_refused(business: Business) -> None:
    assert business.get("/template/info/v2", template_id="1")["error"] == -109


def test_allowed_tags(business: Business) -> None:
    assert business.get("/message/template-tag")["data"] == [
        "TRANSACTION",
        "CUSTOMER_CARE",
        "PROMOTION",
    ]


def test_own_template_can_be_added_and_is_kept(
    make_zalo: MakeSimulator, connect: Any, tmp_path: Any
) -> None:
    path = str(tmp_path / "state.sqlite3")
    connect(make_zalo(state_path=path)).post("/simulator/templates", OWN)
    business = connect(make_zalo(state_path=path))

    data = {"customer_name": "Mai"}
    assert business.by_phone(template_id="500001", template_data=data)["error"] == 0
    assert business.by_uid(template_id="500001", template_data=data)["error"] == 0


def test_disabled_template_is_refused(business: Business) -> None:
    for status, code in (("DISABLE", -146), ("PENDING_REVIEW", -131), ("ENABLE", 0)):
        change = {"template_id": "400004", "status": status}
        business.post("/simulator/templates/status", change)
        assert business.by_phone()["error"] == code


@pytest.mark.parametrize("change", [{"tag": "ADVERT"}, {"parameters": [{"name": "x"}]}])
def test_nonsense_template_is_refused(zalo: Simulator, change: dict[str, Any]) -> None:
    answer = requests.post(
        f"{zalo.base_url}/simulator/templates", json=OWN | change, timeout=5
    )

    assert answer.status_code == 400
    assert "500001" not in zalo.platform.templates
