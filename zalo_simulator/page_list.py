"""The left column: everybody who has an inbox."""

from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlencode

from zalo_simulator.clock import at_milliseconds
from zalo_simulator.messages import Message
from zalo_simulator.page_texts import Texts
from zalo_simulator.people import Person, normalised_phone, shown_phone
from zalo_simulator.platform import Platform
from zalo_simulator.templates import fill

PEOPLE_ON_PAGE = 30


@dataclass(frozen=True)
class Place:
    """Where the reader is: which search, which page of it, which phone is open."""

    search: str = ""
    page: int = 1
    key: str = ""
    before: int | None = None

    def link(self, key: str = "", page: int | None = None) -> str:
        """Address another phone or page of the same search."""
        wanted = {"q": self.search, "page": str(page or self.page)}
        query = urlencode(
            {k: v for k, v in wanted.items() if v and (k, v) != ("page", "1")}
        )
        path = f"/phone/{quote(key, safe='')}" if key else "/"
        return f"{path}?{query}" if query else path


def people_list(platform: Platform, texts: Texts, place: Place) -> str:
    offset = (place.page - 1) * PEOPLE_ON_PAGE
    people = platform.people.page(place.search, offset, PEOPLE_ON_PAGE)
    if not people:
        return _nobody(texts, place)
    latest = platform.messages.latest_of([person.key for person in people])
    rows = "".join(_row(platform, texts, place, person, latest) for person in people)
    total = platform.people.count(place.search)
    return f'<ul class="people">{rows}</ul>{_pager(texts, place, total)}'


def _row(
    platform: Platform,
    texts: Texts,
    place: Place,
    person: Person,
    latest: dict[str, Message],
) -> str:
    current = ' aria-current="true"' if person.key == place.key else ""
    message = latest.get(person.key)
    when = _short_time(platform, person.last_message_at)
    preview = preview_of(platform, message) if message else person.address
    number = texts.count(person.num_messages)
    count = f'<span class="count">{number}</span>' if person.num_messages else ""
    return (
        f'<li><a href="{escape(place.link(person.key))}"{current}>'
        f'<span class="face">{escape(initial(person))}</span>'
        f'<span class="who"><b>{escape(person.title)}</b><i>{escape(preview)}</i></span>'
        f'<span class="when"><time>{when}</time>{count}</span>'
        "</a></li>"
    )


def preview_of(platform: Platform, message: Message) -> str:
    template = platform.templates.get(message.template_id)
    if template:
        return fill(template.title, message.template_data)
    return str(message.template_data.get("text", ""))


def initial(person: Person) -> str:
    """Take the first letter of the given name, which comes last in Vietnamese."""
    words = person.name.split()
    return words[-1][0].upper() if words else "☺"


def _short_time(platform: Platform, milliseconds: int | None) -> str:
    if not milliseconds:
        return ""
    moment = at_milliseconds(milliseconds)
    if moment.date() == platform.clock.now().date():
        return f"{moment:%H:%M}"
    return f"{moment:%d/%m}"


def _pager(texts: Texts, place: Place, total: int) -> str:
    last_page = max(1, -(-total // PEOPLE_ON_PAGE))
    if last_page == 1:
        return ""
    newer = older = "<span></span>"
    if place.page > 1:
        newer = (
            f'<a href="{escape(place.link(page=place.page - 1))}">‹ {texts("newer")}</a>'
        )
    if place.page < last_page:
        older = (
            f'<a href="{escape(place.link(page=place.page + 1))}">{texts("older")} ›</a>'
        )
    middle = f"{texts('page')} {texts.count(place.page)}/{texts.count(last_page)}"
    return f'<nav class="pager">{newer}<span>{middle}</span>{older}</nav>'


def _nobody(texts: Texts, place: Place) -> str:
    if not place.search:
        return ""
    offer = _offer_to_open(texts, place.search)
    shown = escape(place.search)
    return (
        f'<div class="nobody"><p>{texts("not_found")} “{shown}”.</p>{offer}'
        f'<a href="/">{texts("clear")}</a></div>'
    )


def _offer_to_open(texts: Texts, search: str) -> str:
    phone = normalised_phone(search.replace(" ", "").replace(".", ""))
    address = phone or (search if search.isdigit() and 10 < len(search) <= 20 else "")
    if not address:
        return ""
    shown = shown_phone(phone) if phone else address
    return (
        '<form method="post" action="/page/open-inbox">'
        f'<input type="hidden" name="address" value="{escape(address)}">'
        f'<button class="primary">{texts("open_inbox")} {escape(shown)}</button></form>'
    )
