"""The page: inboxes on the left, a phone in the middle, the workings on the right."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from zalo_simulator.http_types import Reply, Request, html_reply, redirect
from zalo_simulator.page_list import Place, people_list
from zalo_simulator.page_panel import panel
from zalo_simulator.page_phone import button_address, phone
from zalo_simulator.page_texts import Texts, language_of
from zalo_simulator.people import Person
from zalo_simulator.platform import Platform

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
# Message texts come from elsewhere; nothing but what stands in this page may run or load.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'self'"
)
LANGUAGE_COOKIE = "zalo_simulator_language"
PHONE_PREFIX = "/phone/"


def home(platform: Platform, request: Request) -> Reply:
    """Show the list; a wide screen also shows the phone on top of it."""
    place = _place(request)
    first = platform.people.page(place.search, 0, 1)
    return _page(platform, request, place, first[0] if first else None, "home")


def one_phone(platform: Platform, request: Request) -> Reply:
    key = unquote(request.path.removeprefix(PHONE_PREFIX))
    person = platform.people.by_key(key)
    if person is None:
        return redirect("/")
    return _page(platform, request, _place(request, key), person, "open")


def _place(request: Request, key: str = "") -> Place:
    query = request.query
    return Place(
        search=query.get("q", "").strip(),
        page=max(1, _whole(query.get("page", ""), 1)),
        key=key,
        before=_whole(query.get("before", ""), 0) or None,
    )


def _whole(text: str, default: int) -> int:
    return int(text) if text.isdigit() and len(text) < 16 else default


def _texts(request: Request) -> Texts:
    cookie = ""
    for part in request.header("cookie").split(";"):
        name, _, value = part.strip().partition("=")
        cookie = value if name == LANGUAGE_COOKIE else cookie
    return Texts(language_of(request.query.get("lang", cookie)))


def _page(
    platform: Platform, request: Request, place: Place, person: Person | None, name: str
) -> Reply:
    texts = _texts(request)
    shown = Place(place.search, place.page, person.key, place.before) if person else place
    middle = phone(platform, texts, shown, person) if person else _empty(platform, texts)
    page = (
        f'<!doctype html><html lang="{texts.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_title(texts, person)}</title><style>{STYLE}</style></head>"
        f'<body class="{name}">{_bar(platform, request, texts)}<main>'
        f'<section class="list">{_search(texts, place)}'
        f'<div id="list">{people_list(platform, texts, shown)}</div></section>'
        f'<div class="middle">{middle}</div>{panel(platform, texts, shown, person)}</main>'
        f'<script>const version="{platform.messages.version()}";{SCRIPT}</script>'
        "</body></html>"
    )
    cookie = f"{LANGUAGE_COOKIE}={texts.language}; Path=/; SameSite=Lax; Max-Age=31536000"
    headers = (
        ("Set-Cookie", cookie),
        ("Content-Security-Policy", POLICY),
        ("Cache-Control", "no-store"),
    )
    return html_reply(page, headers=headers)


def _title(texts: Texts, person: Person | None) -> str:
    return f"{escape(person.title)} · {texts('title')}" if person else texts("title")


def _bar(platform: Platform, request: Request, texts: Texts) -> str:
    clock = platform.clock
    notes = ("moved_clock",) * clock.is_moved + ("night",) * clock.is_night()
    badges = "".join(f'<span class="badge">{texts(note)}</span>' for note in notes)
    query = urlencode(request.query | {"lang": texts.other_language})
    return (
        f'<header class="bar"><a href="/"><b>{texts("title")}</b></a>'
        f'<span id="numbers"><b>{texts.count(platform.messages.count())}</b>'
        f" {texts('messages')} ·"
        f" <b>{texts.count(platform.people.count())}</b> {texts('phones')}</span>"
        f"<span>{clock.now():%H:%M} {badges}</span>"
        f'<a class="language" href="{escape(request.path)}?{escape(query)}">'
        f"{texts('other_language')}</a></header>"
    )


def _search(texts: Texts, place: Place) -> str:
    return (
        '<form class="search" role="search" action="/">'
        f'<input name="q" type="search" value="{escape(place.search)}"'
        f' placeholder="{texts("search")}" aria-label="{texts("search")}">'
        f"<button>{texts('find')}</button></form>"
    )


def _empty(platform: Platform, texts: Texts) -> str:
    if platform.people.count():
        return ""
    return (
        f'<div class="empty"><div class="outline"></div><h2>{texts("empty_title")}</h2>'
        f"<p>{texts('empty_text')}</p></div>"
    )


Act = Callable[[Platform, Person | None, dict[str, str]], Any]


def then_back(act: Act) -> Callable[[Platform, Request], Reply]:
    """Do what a button says, then return to the page it stood on."""

    def handle(platform: Platform, request: Request) -> Reply:
        form = request.form
        # A value that the form itself does not offer changes nothing.
        with contextlib.suppress(ValueError):
            act(platform, platform.people.by_key(form.get("key", "")), form)
        address = form.get("back", "/")
        is_own = address.startswith("/") and not address.startswith("//")
        return redirect(address if is_own else "/")

    return handle


def _follow(platform: Platform, person: Person | None, form: dict[str, str]) -> None:
    if person:
        platform.follow(person, bool(form.get("follows")))


def _see(platform: Platform, person: Person | None, form: dict[str, str]) -> None:
    if person:
        platform.see(person)


def _reply(platform: Platform, person: Person | None, form: dict[str, str]) -> None:
    text = form.get("text", "").strip()
    if person and text:
        platform.reply(person, text[:2000])


def _state(platform: Platform, person: Person | None, form: dict[str, str]) -> None:
    if person:
        platform.people.set_state(person.key, form.get("state", ""))


def _fault_on(platform: Platform, person: Person | None, form: dict[str, str]) -> None:
    settings: dict[str, Any] = {"to": form.get("to") or "all"}
    if form.get("code"):
        settings["code"] = int(form["code"])
    if form.get("percent"):
        settings["percent"] = float(form["percent"])
    if form.get("next"):
        settings["next"] = int(form["next"])
    platform.faults.add(form.get("kind", ""), **settings)


def _fault_off(platform: Platform, person: Person | None, form: dict[str, str]) -> None:
    platform.faults.remove(int(form.get("number", "0")))


def _webhooks(platform: Platform, person: Person | None, form: dict[str, str]) -> None:
    platform.webhooks.is_duplicating = bool(form.get("duplicates"))
    platform.webhooks.is_out_of_order = bool(form.get("out_of_order"))


def _clock(platform: Platform, person: Person | None, form: dict[str, str]) -> None:
    if form.get("at"):
        platform.clock.move_to(datetime.fromisoformat(form["at"]))
    else:
        platform.clock.reset()


def _open(platform: Platform, request: Request) -> Reply:
    """Open a message's button: the person has seen the message now."""
    form = request.form
    person = platform.people.by_key(form.get("key", ""))
    number = _whole(form.get("number", ""), 0)
    message = platform.messages.by_number(number)
    template = platform.templates.get(message.template_id) if message else None
    if person is None or message is None or template is None:
        return redirect("/")
    platform.see(person, number)
    return redirect(button_address(template, message.template_data) or "/")


def _open_inbox(platform: Platform, request: Request) -> Reply:
    key = platform.people.open_inbox(request.form.get("address", ""))
    return redirect(Place().link(key))


ROUTES: dict[tuple[str, str], Callable[[Platform, Request], Reply]] = {
    ("GET", "/"): home,
    ("POST", "/page/follow"): then_back(_follow),
    ("POST", "/page/seen"): then_back(_see),
    ("POST", "/page/reply"): then_back(_reply),
    ("POST", "/page/state"): then_back(_state),
    ("POST", "/page/fault-on"): then_back(_fault_on),
    ("POST", "/page/fault-off"): then_back(_fault_off),
    ("POST", "/page/webhooks"): then_back(_webhooks),
    ("POST", "/page/clock"): then_back(_clock),
    ("POST", "/page/open"): _open,
    ("POST", "/page/open-inbox"): _open_inbox,
}
