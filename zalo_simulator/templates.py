"""Approved message templates: what they ask for and how they look on a phone."""

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from zalo_simulator.errors import Host, refuse

# Parameter kinds with the longest value each may carry.
PARAMETER_KINDS = {
    "customer_name": 30,
    "phone": 15,
    "address": 200,
    "code": 30,
    "label": 30,
    "status": 30,
    "contact": 50,
    "title": 5,
    "product": 200,
    "quantity": 20,
    "time": 20,
    "otp": 10,
    "url": 200,
    "currency": 12,
    "note": 90,
}

STATUS_NUMBERS = {"ENABLE": 1, "PENDING_REVIEW": 2, "REJECT": 3, "DISABLE": 4, "DELETE": 5}
TAGS = ("TRANSACTION", "CUSTOMER_CARE", "PROMOTION")
KINDS = ("custom", "otp", "payment", "voucher", "rating")
BUTTON_OPENS_BUSINESS_PAGE = 1

_PLACE = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str
    is_required: bool = True

    @property
    def max_length(self) -> int:
        return PARAMETER_KINDS[self.kind]


@dataclass(frozen=True)
class Template:
    template_id: str
    name: str
    tag: str
    parameters: tuple[Parameter, ...]
    title: str
    paragraphs: tuple[str, ...]
    # Rows of (label, value); a row whose value comes out empty is not shown.
    table: tuple[tuple[str, str], ...] = ()
    button_title: str = ""
    button_url: str = ""
    kind: str = "custom"
    status: str = "ENABLE"
    # Templates approved before 10 December 2025 go by phone only.
    is_uid_capable: bool = True
    price_phone: int = 300
    price_uid: int = 200
    timeout_milliseconds: int = 7_200_000
    sample: dict[str, str] = field(default_factory=dict)

    @property
    def is_promotion(self) -> bool:
        return self.tag == "PROMOTION"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def template_from_json(values: dict[str, Any]) -> Template:
    """Read a template from the control endpoint or the state file; raises ValueError."""
    known = {name: values[name] for name in Template.__dataclass_fields__ if name in values}
    try:
        known["template_id"] = str(known["template_id"])
        known["parameters"] = tuple(
            _parameter(item) for item in known.get("parameters", ())
        )
        known["paragraphs"] = tuple(known.get("paragraphs", ()))
        known["table"] = tuple((row[0], row[1]) for row in known.get("table", ()))
        template = Template(**known)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"Not a template: {error}") from error
    return _checked(template)


def _parameter(item: dict[str, Any]) -> Parameter:
    return Parameter(
        str(item["name"]), str(item["kind"]), bool(item.get("is_required", True))
    )


def _checked(template: Template) -> Template:
    choices = (
        (template.tag, TAGS, "tag"),
        (template.kind, KINDS, "kind"),
        (template.status, STATUS_NUMBERS, "status"),
        *((parameter.kind, PARAMETER_KINDS, "kind") for parameter in template.parameters),
    )
    for value, allowed, name in choices:
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return template


def with_status(template: Template, status: str) -> Template:
    return _checked(replace(template, status=status))


def check_data(template: Template, data: Any, host: Host) -> None:
    """Raise the refusal the platform gives for this `template_data`."""
    if data is None or data == {}:
        if template.parameters:
            raise refuse("data_empty", host)
        return
    if not isinstance(data, dict):
        raise refuse("data_wrong", host)
    for parameter in template.parameters:
        _check_value(parameter, data.get(parameter.name), host)


def _check_value(parameter: Parameter, value: Any, host: Host) -> None:
    prefix = f"template data {parameter.name}"
    if value is None or value == "":
        if parameter.is_required:
            raise refuse("data_missing", host, f"{prefix} is missing")
        return
    if not isinstance(value, str):
        raise refuse("data_wrong", host, f"{prefix} must be a string")
    # Counted as received: text in decomposed form is longer, as on the platform.
    if len(value) > parameter.max_length:
        raise refuse("data_too_long", host, f"{prefix} is break max length")
    if parameter.kind == "url" and not is_web_address(value):
        raise refuse("data_format", host, f"{prefix} has invalid format")


def is_web_address(value: str) -> bool:
    return value.startswith(("https://", "http://")) and not re.search(r"\s", value)


def fill(layout: str, data: dict[str, Any]) -> str:
    return _PLACE.sub(lambda place: str(data.get(place[1]) or ""), layout).strip()


def detail(template: Template) -> dict[str, Any]:
    """Describe a template as `/template/info/v2` does; prices are strings there."""
    return {
        "templateId": template.template_id,
        "templateName": template.name,
        "status": template.status,
        "reason": "Template đã được duyệt" if template.status == "ENABLE" else "",
        "listParams": [_parameter_detail(parameter) for parameter in template.parameters],
        "listButtons": _buttons(template),
        "timeout": template.timeout_milliseconds,
        "previewUrl": "",
        "templateQuality": "HIGH",
        "templateTag": template.tag,
        "price": str(template.price_phone),
        "price_sdt": str(template.price_phone),
        "price_uid": str(template.price_uid),
    }


def _parameter_detail(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "require": parameter.is_required,
        "type": "STRING",
        "maxLength": parameter.max_length,
        "minLength": 0,
        "acceptNull": not parameter.is_required,
    }


def _buttons(template: Template) -> list[dict[str, Any]]:
    if not template.button_title:
        return []
    return [
        {
            "type": BUTTON_OPENS_BUSINESS_PAGE,
            "title": template.button_title,
            "content": template.button_url,
        }
    ]


_NAME = Parameter("customer_name", "customer_name")
_LINK = Parameter("link", "url")

BUILT_IN = (
    Template(
        template_id="400001",
        name="Nhắc khách quay lại",
        tag="PROMOTION",
        parameters=(
            _NAME,
            Parameter("days", "quantity"),
            Parameter("points", "quantity"),
            # A member may have nothing about to expire, or get no offer.
            Parameter("expiring", "note", is_required=False),
            Parameter("offer", "product", is_required=False),
            _LINK,
        ),
        title="Đã lâu chưa gặp, <customer_name>",
        paragraphs=(
            "Đã <days> ngày kể từ lần mua gần nhất. Điểm của quý khách vẫn đang chờ.",
        ),
        table=(
            ("Điểm hiện có", "<points>"),
            ("Sắp hết hạn", "<expiring>"),
            ("Ưu đãi dành riêng", "<offer>"),
        ),
        button_title="Xem ưu đãi của tôi",
        button_url="<link>",
        sample={
            "customer_name": "Nguyễn An",
            "days": "45",
            "points": "1.250",
            "expiring": "320 điểm, ngày 31/12/2026",
            "offer": "Tặng 100 điểm cho đơn tiếp theo",
            "link": "https://example.com/m/abc",
        },
    ),
    Template(
        template_id="400002",
        name="Mã xác thực một lần",
        tag="TRANSACTION",
        kind="otp",
        parameters=(Parameter("otp", "otp"),),
        title="Mã xác thực",
        paragraphs=(
            "<otp>",
            "Mã có hiệu lực trong vài phút."
            " Không chia sẻ mã này với bất kỳ ai, kể cả nhân viên.",
        ),
        is_uid_capable=False,
        price_phone=350,
        timeout_milliseconds=300_000,
        sample={"otp": "482913"},
    ),
    Template(
        template_id="400003",
        name="Voucher sắp hết hạn (mẫu cũ)",
        tag="CUSTOMER_CARE",
        parameters=(
            _NAME,
            Parameter("code", "code"),
            Parameter("expires_on", "time"),
            _LINK,
        ),
        title="Voucher sắp hết hạn",
        paragraphs=("Xin chào <customer_name>, quý khách còn một voucher chưa dùng.",),
        table=(("Mã voucher", "<code>"), ("Hạn dùng", "<expires_on>")),
        button_title="Mở voucher",
        button_url="<link>",
        is_uid_capable=False,
        sample={
            "customer_name": "Nguyễn An",
            "code": "MOC-7K2P",
            "expires_on": "31/12/2026",
            "link": "https://example.com/m/abc",
        },
    ),
    Template(
        template_id="400004",
        name="Điểm sắp hết hạn",
        tag="CUSTOMER_CARE",
        parameters=(
            _NAME,
            Parameter("points", "quantity"),
            Parameter("expires_on", "time"),
            Parameter("balance", "quantity"),
            _LINK,
        ),
        title="Điểm tích lũy sắp hết hạn",
        paragraphs=("<customer_name> thân mến, một phần điểm của quý khách sắp hết hạn.",),
        table=(
            ("Điểm sắp hết hạn", "<points>"),
            ("Ngày hết hạn", "<expires_on>"),
            ("Tổng điểm hiện có", "<balance>"),
        ),
        button_title="Dùng điểm ngay",
        button_url="<link>",
        sample={
            "customer_name": "Nguyễn An",
            "points": "320",
            "expires_on": "31/12/2026",
            "balance": "1.250",
            "link": "https://example.com/m/abc",
        },
    ),
    Template(
        template_id="400005",
        name="Tin ưu đãi cho khách đã chọn",
        tag="PROMOTION",
        parameters=(
            _NAME,
            Parameter("news", "product"),
            Parameter("offer", "product"),
            Parameter("valid_until", "time"),
            _LINK,
        ),
        title="Ưu đãi dành cho <customer_name>",
        paragraphs=("<news>",),
        table=(("Ưu đãi", "<offer>"), ("Áp dụng đến", "<valid_until>")),
        button_title="Xem chi tiết",
        button_url="<link>",
        sample={
            "customer_name": "Nguyễn An",
            "news": "Cửa hàng mới tại Thảo Điền khai trương cuối tuần này.",
            "offer": "Giảm 20% toàn bộ đồ uống",
            "valid_until": "31/12/2026",
            "link": "https://example.com/m/abc",
        },
    ),
)
