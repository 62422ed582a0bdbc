"""The right column: who this is, and what the demo may break."""

from html import escape
from typing import Any

from zalo_simulator.errors import PERSON_STATES
from zalo_simulator.faults import KINDS
from zalo_simulator.messages import Message
from zalo_simulator.page_list import Place
from zalo_simulator.page_phone import hidden
from zalo_simulator.page_texts import Texts
from zalo_simulator.people import Person, shown_phone
from zalo_simulator.platform import Platform


def panel(platform: Platform, texts: Texts, place: Place, person: Person | None) -> str:
    about = _about(platform, texts, place, person) if person else ""
    return (
        f'<aside class="panel">{about}{_faults(platform, texts, place, person)}'
        f"{_webhooks(platform, texts, place)}{_clock(platform, texts, place)}</aside>"
    )


def _about(platform: Platform, texts: Texts, place: Place, person: Person) -> str:
    latest = platform.messages.latest_of([person.key]).get(person.key)
    return (
        f'<section id="facts"><h2>{escape(person.title)}</h2>'
        f"{_facts(_person_facts(texts, person))}</section>"
        f"{_state_form(texts, place, person)}"
        f'<section id="latest">{_latest(platform, texts, latest)}</section>'
    )


def _person_facts(texts: Texts, person: Person) -> list[tuple[str, str]]:
    return [
        (texts("phone"), shown_phone(person.phone) if person.phone else texts("unknown")),
        (texts("uid"), person.user_id or texts("unknown")),
        (
            texts("official_account"),
            texts("following" if person.follows else "not_following"),
        ),
    ]


def _facts(facts: list[tuple[str, str]]) -> str:
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<dl>{''.join(rows)}</dl>"


def _state_form(texts: Texts, place: Place, person: Person) -> str:
    choices = "".join(
        f'<option value="{name}"{" selected" if name == person.state else ""}>'
        f"{texts('state_' + name)}</option>"
        for name in ("", *PERSON_STATES)
    )
    return (
        f'<form class="inline" method="post" action="/page/state">{hidden(place)}'
        f'<label>{texts("state")}<select name="state">{choices}</select></label>'
        f"<button>{texts('apply')}</button></form>"
    )


def _latest(platform: Platform, texts: Texts, message: Message | None) -> str:
    if message is None:
        return ""
    template = platform.templates.get(message.template_id)
    outcome = "received" if message.outcome == "delivered" else message.outcome
    facts = [
        (texts("channel"), texts(f"channel_{message.channel}")),
        (texts("template"), f"{message.template_id} · {template.name}" if template else ""),
        (texts("tracking_id"), message.tracking_id),
        (texts("message_id"), message.message_id),
        (texts("price"), f"{texts.count(message.price)} ₫" if template else ""),
        (texts("outcome"), texts(outcome)),
        (texts("struck"), texts(f"kind_{message.fault}") if message.fault else ""),
    ]
    shown = _facts([(name, value) for name, value in facts if value])
    return f"<h2>{texts('last_message')}</h2>{shown}"


def _faults(platform: Platform, texts: Texts, place: Place, person: Person | None) -> str:
    rules = platform.faults.listed()
    badge = f' <span class="badge">{len(rules)}</span>' if rules else ""
    listed = "".join(_rule(texts, place, rule) for rule in rules)
    return (
        f'<details id="faults"><summary>{texts("faults")}{badge}</summary>'
        f"{listed or '<p>' + texts('faults_none') + '</p>'}"
        f"{_fault_form(texts, place, person)}</details>"
    )


def _rule(texts: Texts, place: Place, rule: dict[str, Any]) -> str:
    what = texts(f"kind_{rule['kind']}") + (
        f" {rule['code']}" if rule["kind"] == "error" else ""
    )
    whom = texts("everyone") if rule["to"] == "all" else rule["to"]
    hits = f"{texts.count(rule['hits'])} {texts('hits')}"
    return (
        f'<form class="rule" method="post" action="/page/fault-off">{hidden(place)}'
        f"<span><b>{escape(what)}</b>"
        f"<i>{_how_often(texts, rule)} · {escape(whom)} · {hits}</i></span>"
        f'<button name="number" value="{rule["number"]}">'
        f"{texts('switch_off')}</button></form>"
    )


def _how_often(texts: Texts, rule: dict[str, Any]) -> str:
    if rule["left"] is not None:
        return f"{rule['left']} {texts('left')}"
    return f"{rule['percent']:g} %" if rule["percent"] is not None else texts("always")


def _fault_form(texts: Texts, place: Place, person: Person | None) -> str:
    kinds = "".join(
        f'<option value="{kind}">{texts("kind_" + kind)}</option>' for kind in KINDS
    )
    return (
        f'<form class="grid" method="post" action="/page/fault-on">{hidden(place)}'
        f'<label class="wide">{texts("fault_kind")}'
        f'<select name="kind">{kinds}</select></label>'
        f'<label class="wide">{texts("fault_to")}<select name="to">'
        f'<option value="all">{texts("everyone")}</option>'
        f"{_only(texts, person)}</select></label>"
        f'<label>{texts("fault_code")}<input name="code" value="-118"></label>'
        f"<label>{texts('fault_share')}"
        '<input name="percent" type="number" min="0" max="100" step="any"></label>'
        f'<label>{texts("fault_next")}<input name="next" type="number" min="1"></label>'
        f'<button class="primary wide">{texts("switch_on")}</button></form>'
    )


def _only(texts: Texts, person: Person | None) -> str:
    addresses = (person.phone, person.user_id) if person else ()
    return "".join(
        f'<option value="{escape(address)}">{texts("only")} {escape(address)}</option>'
        for address in addresses
        if address
    )


def _webhooks(platform: Platform, texts: Texts, place: Place) -> str:
    sender = platform.webhooks
    address = escape(sender.url) or texts("webhook_none")
    waiting = f"{texts.count(sender.num_waiting())} {texts('waiting')}"
    attempts = "".join(
        f"<li><span>{escape(attempt.event_name)}</span><b>{attempt.status or '—'}</b></li>"
        for attempt in list(sender.attempts)[-8:][::-1]
    )
    return (
        f"<details><summary>{texts('webhooks')}</summary>"
        f'<p class="address">{address}</p><p>{waiting}</p>'
        f'<ul class="attempts">{attempts}</ul>'
        f'<form class="ticks" method="post" action="/page/webhooks">{hidden(place)}'
        f"{_tick('duplicates', texts, sender.is_duplicating)}"
        f"{_tick('out_of_order', texts, sender.is_out_of_order)}"
        f"<button>{texts('apply')}</button></form></details>"
    )


def _tick(name: str, texts: Texts, is_on: bool) -> str:
    checked = " checked" if is_on else ""
    box = f'<input type="checkbox" name="{name}" value="1"{checked}>'
    return f"<label>{box}{texts(name)}</label>"


def _clock(platform: Platform, texts: Texts, place: Place) -> str:
    now = platform.clock.now()
    rule = texts("night_ignored" if platform.options.ignore_night else "night_checked")
    return (
        f"<details><summary>{texts('clock')}</summary><p>{rule}</p>"
        f'<form class="inline" method="post" action="/page/clock">{hidden(place)}'
        f"<label>Asia/Ho_Chi_Minh"
        f'<input type="datetime-local" name="at" value="{now:%Y-%m-%dT%H:%M}"></label>'
        f"<button>{texts('clock_set')}</button></form>"
        f'<form method="post" action="/page/clock">{hidden(place)}'
        f"<button>{texts('clock_now')}</button></form></details>"
    )
