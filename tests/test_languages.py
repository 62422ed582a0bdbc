"""Both languages everywhere: no English left over in Vietnamese, none lost in English."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation import trans_real

from activities.services import OrderFact
from campaigns.models import Campaign
from flows.record import record
from flows.setup import setup_programme
from members.models import Member
from points.models import Transfer

ROOT = Path(__file__).resolve().parent.parent

# Words that no Vietnamese sentence has; the second line is what frameworks leave behind.
ENGLISH = re.compile(
    r"\b(?:the|and|of|this|that|your|you|are|was|has|have|with|from|please|cannot|"
    r"save|delete|search|add|filters?|home|history|changed?|select|items?|results?|log|"
    r"theme|light|dark|close|remove|password|username|users?|permissions?|days?|hours?|"
    r"minutes?|seconds?|months?|years?|members?|orders?|points|campaigns?|messages?|"
    r"next|previous|view|edit|show|run|task|enabled|required|unknown|yes)\b",
    re.IGNORECASE,
)
# What stays as it is in every language: names, codes, addresses, placeholders.
NAMES = re.compile(
    r"English|Theme|\{\{.*?\}\}|\{.*\}|<[a-z_]+>|https?://\S+|\S+\.\S+|“Get access token”|"
    r"\S*\w:\w\S*|(?:\w+-)+\w+|\w+_\w+"
)
# The code of the wallet that setup_programme makes.
CODES = {"points"}
# Choices that no catalogue can hold: the world's time zones, Django's permissions.
UNTRANSLATABLE = {"django_celery_beat.CrontabSchedule", "auth.Group"}

pytestmark = pytest.mark.django_db


class VisibleText(HTMLParser):
    """Gathers what a person reads on a page, labels and titles included."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0
        self._is_icon = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._hidden += tag in ("script", "style", "svg")
        self._is_icon = "material-symbols-outlined" in (named.get("class") or "")
        spoken = ("title", "placeholder", "aria-label", "alt")
        self.found += [text for name in spoken if (text := named.get(name))]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style", "svg")
        self._is_icon = False

    def handle_data(self, data: str) -> None:
        if not self._hidden and not self._is_icon and data.strip():
            self.found.append(" ".join(data.split()))


def english_on(page: str) -> set[str]:
    parser = VisibleText()
    parser.feed(page)
    return {
        text
        for text in parser.found
        if text not in CODES and ENGLISH.search(NAMES.sub(" ", text))
    }


def read(client: Client, address: str) -> str:
    client.cookies["django_language"] = "vi"
    response = client.get(address, headers={"accept-language": "vi"}, follow=True)
    assert response.status_code == 200, address
    assert response["Content-Language"] == "vi"
    return response.content.decode()


@pytest.fixture
def programme(now: datetime, mai: Member) -> None:
    """A working programme whose names are Vietnamese, with one purchase of mai's."""
    with translation.override("vi"):
        setup_programme(at=now)
        fact = OrderFact(
            source="pos",
            external_id="HD1",
            member_id=mai.pk,
            placed_at=now,
            total=Decimal(250_000),
        )
        record([fact], at=now)


# --- Vietnamese -------------------------------------------------------------------------


MODELS = sorted(
    (m for m in admin.site._registry if m._meta.label not in UNTRANSLATABLE),
    key=lambda model: model._meta.label,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_the_console_has_no_english_left(
    console: Client, programme: None, model: type[Model]
) -> None:
    meta = model._meta
    name = f"admin:{meta.app_label}_{meta.model_name}"
    addresses = [reverse(f"{name}_changelist"), reverse(f"{name}_changelist") + "?q=zzz"]
    # Without a question, campaigns begin with their templates.
    form = reverse(f"{name}_add") + "?blank=1"
    if console.get(form).status_code == 200:
        addresses.append(form)
    if row := model._default_manager.first():
        addresses.append(reverse(f"{name}_change", args=[row.pk]))
    for address in addresses:
        assert english_on(read(console, address)) == set(), address


def test_the_frame_and_the_campaign_pages_have_no_english_left(
    console: Client, programme: None
) -> None:
    campaign = Campaign.objects.get(code="come-back")
    addresses = [
        reverse("admin:index"),
        reverse("admin:password_change"),
        reverse("admin:campaigns_campaign_preview", args=[campaign.pk]),
        reverse("admin:campaigns_campaign_act", args=[campaign.pk, "pause"]),
        reverse("admin:campaigns_campaign_act", args=[campaign.pk, "end"]),
    ]
    for address in addresses:
        assert english_on(read(console, address)) == set(), address
    assert english_on(read(Client(), reverse("admin:login"))) == set()


def test_roles_are_named_in_vietnamese(console: Client) -> None:
    page = read(console, reverse("admin:auth_group_add"))
    assert "Thẻ gắn: xem</option>" in page
    assert "Chiến dịch: bắt đầu, tạm dừng, kết thúc và chạy chiến dịch</option>" in page
    assert "Can " not in page


def test_the_scripts_of_the_admin_speak_vietnamese(console: Client) -> None:
    script = read(console, reverse("admin:jsi18n"))
    assert '"(click to clear)": "(b\\u1ea5m' in script


def test_the_member_pages_have_no_english_left(programme: None, mai: Member) -> None:
    assert Transfer.objects.filter(kind="earn").exists()
    client = Client()
    session = client.session
    session["member_id"] = mai.pk
    session.save()
    pages = ("home", "card", "points", "history", "rewards", "vouchers", "redemptions")
    for name in (*pages, "me", "offline"):
        assert english_on(read(client, reverse(f"portal:{name}"))) == set(), name
    assert english_on(read(Client(), reverse("portal:sign-in"))) == set()


def test_the_search_for_english_finds_it() -> None:
    page = '<p title="Save it">Lưu <b>3 results</b></p><script>the and of</script>'
    assert english_on(page) == {"Save it", "3 results"}


def test_one_form_for_every_number() -> None:
    with translation.override("vi"):
        said = {
            translation.ngettext("%(count)s day left", "%(count)s days left", n)
            for n in (0, 1, 2)
        }
    assert said == {"còn %(count)s ngày"}


# --- English ----------------------------------------------------------------------------


@pytest.fixture
def vietnamese_by_default(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site as it is installed: Vietnamese unless somebody asks for English."""
    settings.LANGUAGE_CODE = "vi"
    monkeypatch.setattr(trans_real, "_translations", {})


@pytest.mark.usefixtures("vietnamese_by_default")
def test_english_is_the_source_also_where_vietnamese_is_the_default() -> None:
    sources = ["Show my card", "Save", "Send", "Apply Filters", "This field is required."]
    with translation.override("vi"):
        assert all(translation.gettext(source) != source for source in sources)
    with translation.override("en"):
        assert [translation.gettext(source) for source in sources] == sources


@pytest.mark.usefixtures("vietnamese_by_default")
@pytest.mark.parametrize(
    ("wanted", "title"),
    [("en", "See your points"), ("vi", "Xem điểm"), ("fr", "Xem điểm")],
)
def test_the_browser_chooses_and_vietnamese_is_for_the_rest(
    programme: None, wanted: str, title: str
) -> None:
    page = Client().get(reverse("portal:sign-in"), headers={"accept-language": wanted})
    assert title in page.content.decode()


@pytest.mark.parametrize("language", ["vi", "en"])
def test_days_and_numbers_are_written_alike(language: str) -> None:
    with translation.override(language):
        assert formats.date_format(date(2026, 12, 31)) == "31/12/2026"
        assert formats.number_format(1_250_000, force_grouping=True) == "1.250.000"


# --- Collecting -------------------------------------------------------------------------


def test_texts_are_marked_with_names_that_makemessages_knows() -> None:
    alias = re.compile(r"import n?p?gettext\w* as (?!_\b)\w+")
    ours = [
        Path(app.path) for app in apps.get_app_configs() if ROOT in Path(app.path).parents
    ]
    found = {
        str(path.relative_to(ROOT))
        for folder in ours
        if ".venv" not in folder.parts
        for path in folder.rglob("*.py")
        if alias.search(path.read_text())
    }
    assert found == set()
