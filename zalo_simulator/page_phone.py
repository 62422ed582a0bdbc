"""The middle: a phone with the chat of the Official Account."""

from datetime import datetime, timedelta
from html import escape
from itertools import groupby

from zalo_simulator.clock import at_milliseconds
from zalo_simulator.messages import Message
from zalo_simulator.page_list import Place
from zalo_simulator.page_texts import Texts
from zalo_simulator.people import Person
from zalo_simulator.platform import Platform
from zalo_simulator.templates import Template, fill, is_web_address

MESSAGES_ON_PHONE = 20


def phone(platform: Platform, texts: Texts, place: Place, person: Person) -> str:
    messages = platform.messages.of_person(person.key, place.before, MESSAGES_ON_PHONE)
    address = place.link(place.key)
    return (
        '<section class="phone" id="phone">'
        f"{_head(platform, texts, place, person)}"
        f'<div class="thread" id="thread" tabindex="0" data-address="{escape(address)}">'
        f"{_thread(platform, texts, place, messages)}</div>"
        f"{_unseen(texts, place, messages)}{_composer(platform, texts, place)}"
        "</section>"
    )


def hidden(place: Place) -> str:
    """Carry through a form which phone it is about and where to come back to."""
    back = escape(place.link(place.key))
    return (
        f'<input type="hidden" name="key" value="{escape(place.key)}">'
        f'<input type="hidden" name="back" value="{back}">'
    )


def _head(platform: Platform, texts: Texts, place: Place, person: Person) -> str:
    name = platform.options.oa_name
    button = texts("follows_short" if person.follows else "follow")
    return (
        '<header class="account">'
        f'<a class="back" href="{escape(place.link())}" aria-label="{texts("back")}">‹</a>'
        f'<span class="logo">{escape(name.split()[-1][0].upper())}</span>'
        f"<span><b>{escape(name)}</b><i>{texts('official')}</i></span>"
        f'<form method="post" action="/page/follow">{hidden(place)}'
        f'<button name="follows" value="{"" if person.follows else "1"}"'
        f' class="{"chip on" if person.follows else "chip"}"'
        f' title="{texts("unfollow") if person.follows else texts("follow")}">'
        f"{'✓ ' if person.follows else '+ '}{button}</button></form></header>"
    )


def _thread(platform: Platform, texts: Texts, place: Place, messages: list[Message]) -> str:
    if not messages:
        return f'<p class="quiet">{texts("no_messages")}</p>'
    parts = []
    if len(messages) == MESSAGES_ON_PHONE:
        address = _with_before(place, messages[0].number)
        parts.append(f'<a class="more" href="{address}">{texts("older_messages")}</a>')
    for day, of_day in groupby(messages, key=lambda message: _moment(message).date()):
        parts.append(f'<p class="day">{_day(platform, texts, day.isoformat())}</p>')
        parts.extend(_message(platform, texts, place, message) for message in of_day)
    if place.before:
        address = escape(place.link(place.key))
        parts.append(f'<a class="more" href="{address}">{texts("newest_messages")}</a>')
    return "".join(parts)


def _with_before(place: Place, number: int) -> str:
    address = place.link(place.key)
    return escape(f"{address}{'&' if '?' in address else '?'}before={number}")


def _moment(message: Message) -> datetime:
    return at_milliseconds(message.accepted_at)


def _day(platform: Platform, texts: Texts, day: str) -> str:
    today = platform.clock.now().date()
    if day == today.isoformat():
        return texts("today")
    if day == (today - timedelta(days=1)).isoformat():
        return texts("yesterday")
    return "/".join(reversed(day.split("-")))


def _message(platform: Platform, texts: Texts, place: Place, message: Message) -> str:
    template = platform.templates.get(message.template_id)
    body = _card(platform, place, template, message) if template else _bubble(message)
    side = "from-person" if message.channel == "reply" else "from-account"
    foot = f"{_moment(message):%H:%M} · {_outcome(texts, message)}"
    return (
        f'<article class="{side} {message.outcome}">{body}<footer>{foot}</footer></article>'
    )


def _outcome(texts: Texts, message: Message) -> str:
    if message.channel == "reply":
        return texts("sent")
    return texts("received" if message.outcome == "delivered" else message.outcome)


def _bubble(message: Message) -> str:
    text = escape(str(message.template_data.get("text") or message.template_id))
    return f'<div class="bubble">{text}</div>'


def _card(platform: Platform, place: Place, template: Template, message: Message) -> str:
    data, name = message.template_data, platform.options.oa_name
    logo = f'<span class="logo">{escape(name.split()[-1][0].upper())}</span>'
    return (
        f'<div class="card {template.kind}"><div class="brand">{logo}{escape(name)}</div>'
        f"<h3>{escape(fill(template.title, data))}</h3>"
        f"{''.join(_paragraph(layout, data) for layout in template.paragraphs)}"
        f"{_table(template, data)}{_button(template, place, message)}</div>"
    )


def _paragraph(layout: str, data: dict[str, str]) -> str:
    text = fill(layout, data)
    return f"<p>{escape(text)}</p>" if text else ""


def _table(template: Template, data: dict[str, str]) -> str:
    rows = [(label, fill(layout, data)) for label, layout in template.table]
    shown = [
        f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>"
        for label, text in rows
        if text
    ]
    return f"<table>{''.join(shown)}</table>" if shown else ""


def button_address(template: Template, data: dict[str, str]) -> str:
    address = fill(template.button_url, data)
    return address if is_web_address(address) else ""


def _button(template: Template, place: Place, message: Message) -> str:
    if not template.button_title or not button_address(template, message.template_data):
        return ""
    return (
        f'<form method="post" action="/page/open" target="_blank">{hidden(place)}'
        f'<input type="hidden" name="number" value="{message.number}">'
        f"<button>{escape(template.button_title)}</button></form>"
    )


def _unseen(texts: Texts, place: Place, messages: list[Message]) -> str:
    number = sum(
        message.outcome == "delivered" and message.channel != "reply"
        for message in messages
    )
    if not number:
        return '<div id="unseen"></div>'
    return (
        '<div id="unseen"><form class="unseen" method="post" action="/page/seen">'
        f"{hidden(place)}"
        f"<span>{texts.count(number)} {texts('unseen')}</span>"
        f"<button>{texts('mark_seen')}</button></form></div>"
    )


def _composer(platform: Platform, texts: Texts, place: Place) -> str:
    label = f"{texts('write')} {platform.options.oa_name}"
    return (
        f'<form class="composer" method="post" action="/page/reply">{hidden(place)}'
        f'<input name="text" required maxlength="2000" autocomplete="off"'
        f' placeholder="{escape(label)}" aria-label="{escape(label)}">'
        f"<button>{texts('send')}</button></form>"
    )
