"""Texts: checked when saved, filled in when sent, never run."""

import unicodedata
from typing import Any

import pytest
from liquid.exceptions import LiquidError

from members.models import Member
from messaging import texts
from messaging.errors import InvalidTemplate
from messaging.models import Message, MessageTemplate, TemplateParameter
from messaging.services import queue_messages
from messaging.texts import fill_in, preview_message, validate_template
from tests import factories
from tests.conftest import NOW
from tests.messaging.conftest import plan

INJECTIONS = (
    "{{settings.SECRET_KEY}}",
    "{{ name.__class__.__mro__ }}",
    "{% include 'x' %}",
    "{% render 'x' %}",
    "{% for i in (1..1000000000) %}x{% endfor %}",
    "{member.__class__.__init__.__globals__}",
    "%(name)s %s %x",
    "${7*7} #{7*7} <%= 7*7 %>",
    "<link> <offer> <customer_name>",
    "{{ name }}{{ points }}",
    "{% assign name = 'x' %}",
    "{# comment #}{% raw %}{{ name }}{% endraw %}",
)


def filled(template: MessageTemplate, member: Member, **context: str) -> Any:
    queue_messages([plan(template, member, context=context)])
    return fill_in([Message.objects.get()], NOW)[Message.objects.get().pk]


def template_of(value: str, longest: int = 200) -> MessageTemplate:
    return factories.make_template(
        body="<text>", button_parameter="", places={"text": (value, longest)}
    )


def validate(template: MessageTemplate) -> None:
    validate_template(template, list(template.parameters.all()))


def test_fills_in_what_the_planner_and_the_members_data_say(
    mai: Member, offer: MessageTemplate
) -> None:
    result = filled(offer, mai, offer="Giảm 20%", news="Tin", valid_until="31/12/2026")

    link = result.data.pop("link")
    assert result.data == {
        "customer_name": "Nguyễn Thị Mai",
        "news": "Tin",
        "offer": "Giảm 20%",
        "valid_until": "31/12/2026",
    }
    assert link.startswith("http://testserver/m/")


def test_a_first_name_is_the_last_word(mai: Member) -> None:
    assert filled(template_of("{{ first_name }}"), mai).data == {"text": "Mai"}


def test_a_phone_is_mostly_hidden(mai: Member) -> None:
    assert filled(template_of("{{ phone }}"), mai).data == {"text": "09•• ••• 678"}


def test_who_has_no_name_is_still_greeted(db: None) -> None:
    member = factories.make_member(language="en")

    assert filled(template_of("{{ name }}"), member).data == {"text": "Valued customer"}


def test_text_is_written_composed_and_on_one_line(db: None) -> None:
    name = unicodedata.normalize("NFD", "Nguyễn\n Thị\t Mai\x07")
    member = factories.make_member(name=name)

    assert filled(template_of("{{ name }}", 14), member).data == {"text": "Nguyễn Thị Mai"}


def test_a_long_name_is_cut(db: None) -> None:
    member = factories.make_member(name="Công Tằng Tôn Nữ Thị Minh Nguyệt Ánh")

    text = filled(template_of("{{ name }}", 20), member).data["text"]

    assert text == "Công Tằng Tôn Nữ Th…"
    assert len(text) == 20


def test_anything_else_too_long_is_not_sent(mai: Member) -> None:
    result = filled(template_of("{{ offer }}", 10), mai, offer="x" * 11)

    assert (result.problem, result.data) == ("text_too_long", {})


@pytest.mark.parametrize("injection", INJECTIONS)
def test_what_a_members_name_contains_is_never_run(db: None, injection: str) -> None:
    member = factories.make_member(name=injection)
    template = factories.make_template()

    assert filled(template_of_name(), member).data == {"text": injection}
    shown = preview_message(template, member, NOW, offer="Giảm 20%")
    assert (
        shown["title"]
        == f"Ưu đãi dành cho {injection[:29] + '…' if len(injection) > 30 else injection}"
    )


def template_of_name() -> MessageTemplate:
    return factories.make_template(
        code="name",
        body="<text>",
        button_parameter="",
        places={"text": ("{{ name }}", 200)},
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{{ nmae }}", "“nmae” is no field. You can use: "),
        ("{{ settings.SECRET_KEY }}", "“settings.SECRET_KEY” is no field."),
        ("{{ name.__class__ }}", "“name.__class__” is no field."),
        ("{{ name", "cannot be read: expected '}}', found end of file."),
        ("{{ name | replace: 'a', 'aaaa' }}", "unknown filter 'replace'"),
        ("{% include 'x' %}", "unexpected tag 'include'"),
        ("{% for i in (1..9) %}x{% endfor %}", "unexpected tag 'for'"),
        ("{% assign a = 1 %}", "unexpected tag 'assign'"),
    ],
)
def test_a_text_that_cannot_be_filled_in_is_refused_on_save(
    db: None, value: str, problem: str
) -> None:
    with pytest.raises(InvalidTemplate) as error:
        validate(template_of(value))
    assert problem in str(error.value)


def test_every_place_of_the_body_needs_a_text(db: None) -> None:
    template = factories.make_template(body="Chào <customer_name>, <surprise>")

    with pytest.raises(InvalidTemplate, match="<surprise>"):
        validate(template)


def test_the_buttons_place_must_exist(db: None) -> None:
    template = factories.make_template(button_parameter="url")

    with pytest.raises(InvalidTemplate, match="“url”"):
        validate(template)


def test_fixed_text_longer_than_its_place_is_refused(db: None) -> None:
    with pytest.raises(InvalidTemplate, match="12 letters"):
        validate(template_of("Mười hai chữ", 11))


def test_a_code_by_user_id_is_refused(db: None) -> None:
    template = factories.make_template(purpose="code")

    with pytest.raises(InvalidTemplate, match="phone only"):
        validate(template)


def test_a_good_template_passes(offer: MessageTemplate) -> None:
    validate(offer)


def test_a_template_that_broke_since_is_named(mai: Member) -> None:
    template = template_of("{{ name }}")
    TemplateParameter.objects.update(value="{{ gone }}")

    assert filled(template, mai).problem == "template_broken"


def test_preview_without_a_member_shows_samples(offer: MessageTemplate) -> None:
    shown = preview_message(offer, None, NOW, offer="Tặng 50 điểm")

    assert shown == {
        "title": "Ưu đãi dành cho Nguyễn Thị Mai",
        "paragraphs": [
            "Cửa hàng mới khai trương cuối tuần này.",
            "Tặng 50 điểm, 31/12/2026",
        ],
        "button": "Xem chi tiết",
        "link": "https://example.com/m/…",
    }


def test_preview_of_a_member(binh: Member, offer: MessageTemplate) -> None:
    assert preview_message(offer, binh, NOW)["title"] == "Ưu đãi dành cho Trần Văn Bình"


def test_points_and_recency_are_fields(mai: Member) -> None:
    template = template_of("{{ points }} | {{ expiring }}")
    validate(template)
    factories.make_wallet()

    assert filled(template, mai).data == {"text": "0 | không có trong 30 ngày tới"}


@pytest.mark.parametrize("value", ["", "Mai", "{{ points }}", "a\u0301 b\n c", "<b>&amp;"])
@pytest.mark.parametrize("text", ["{{ name }}", "{{name}}", " {{ name }}\n"])
def test_a_lone_field_is_filled_in_as_the_engine_would(text: str, value: str) -> None:
    parsed = texts._parse(text)

    assert parsed.lone_field == "name"
    assert parsed.fill({"name": value}) == parsed.parsed.render(name=value).strip("\n ")


@pytest.mark.parametrize("text", ["{{ name | upcase }}", "{{ name }}!", "{{ name.first }}"])
def test_anything_more_is_the_engines_work(text: str) -> None:
    assert texts._parse(text).lone_field == ""


def test_a_lone_field_without_a_value_is_a_broken_template() -> None:
    with pytest.raises(LiquidError):
        texts._parse("{{ nobody }}").fill({"name": "Mai"})
