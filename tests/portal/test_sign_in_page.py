"""The way in through the pages: phone, code, a question, and on to the page wanted."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from core.models import RateLimit
from members.models import Consent, Identifier, Member
from messaging.models import Message, MessageTemplate
from portal.models import SignInCode
from tests import factories

pytestmark = pytest.mark.django_db
PHONE = "0912 345 678"


@pytest.fixture(autouse=True)
def _template(template: MessageTemplate) -> None:
    pass


def ask(client: Client, phone: str = PHONE, **fields: str) -> str:
    """Ask for a code on the page and read it off the message."""
    client.post("/sign-in/", {"phone": phone, **fields})
    return str(Message.objects.latest("pk").context["otp"])


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_a_member_signs_in(mai: Member, client: Client) -> None:
    response = client.post("/sign-in/", {"phone": PHONE})
    assert (response.status_code, response["Location"]) == (302, "/sign-in/code/")
    code = str(Message.objects.get().context["otp"])
    assert "0912 345 678" in client.get("/sign-in/code/").content.decode()

    response = client.post("/sign-in/code/", {"code": code, "remember": "1"})

    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.session["member_id"] == mai.pk
    assert "Nguyễn Thị Mai" in client.get("/").content.decode()


def test_the_session_gets_a_new_key(mai: Member, client: Client) -> None:
    code = ask(client)
    before = client.session.session_key
    client.post("/sign-in/code/", {"code": code})

    assert client.session.session_key != before
    assert "sign_in" not in client.session
    assert "sign_in_browser" not in client.session


@pytest.mark.parametrize(("ticked", "days"), [({"remember": "1"}, 90), ({}, 0)])
def test_is_remembered_only_when_ticked(
    mai: Member, client: Client, ticked: dict[str, str], days: int
) -> None:
    code = ask(client)
    response = client.post("/sign-in/code/", {"code": code, **ticked})

    assert response.cookies["sessionid"]["max-age"] == (days * 24 * 3600 or "")
    assert client.session.get_expire_at_browser_close() is (not ticked)


def test_a_colleague_in_the_console_keeps_the_short_session(
    mai: Member, staff: User, client: Client, settings: Settings
) -> None:
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    code = ask(client)
    client.post("/sign-in/code/", {"code": code, "remember": "1"})

    assert client.session["member_id"] == mai.pk
    assert client.session.get_expiry_age() == settings.SESSION_COOKIE_AGE


def test_goes_on_to_where_one_wanted_to_go(mai: Member, client: Client) -> None:
    assert (
        'value="/history/?before=5"'
        in client.get("/sign-in/?next=/history/%3Fbefore%3D5").content.decode()
    )
    code = ask(client, next="/history/?before=5")

    response = client.post("/sign-in/code/", {"code": code})
    assert response["Location"] == "/history/?before=5"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "///evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "/\t/evil.example",
    ],
)
def test_never_leads_off_the_site(mai: Member, client: Client, target: str) -> None:
    code = ask(client, next=target)

    assert client.post("/sign-in/code/", {"code": code})["Location"] == "/"


@pytest.mark.parametrize(
    "phone", ["", "12345", "028 3822 1234", "+1 202 555 0100", "a\x00b"]
)
def test_a_phone_that_is_none_gets_a_sentence(client: Client, phone: str) -> None:
    response = client.post("/sign-in/", {"phone": phone}, headers={"accept-language": "en"})

    assert response.status_code == 400
    assert "Write it like 0912 345 678" in response.content.decode()
    assert SignInCode.objects.count() == 0


def test_a_member_s_phone_and_a_stranger_s_get_the_same_answer(
    mai: Member, client: Client
) -> None:
    def answer(phone: str, address: str) -> tuple[int, str, str]:
        browser = Client(REMOTE_ADDR=address)
        response = browser.post("/sign-in/", {"phone": phone})
        page = browser.get(response["Location"]).content.decode()
        page = re.sub(r'(csrfmiddlewaretoken" value)="\w+"', r"\1", page)
        return response.status_code, response["Location"], page.replace(phone, "PHONE")

    assert answer(PHONE, "1.1.1.1") == answer("0355 555 555", "2.2.2.2")


def test_asking_again_at_once_says_how_long_to_wait(client: Client) -> None:
    ask(client)
    response = client.post("/sign-in/", {"phone": PHONE}, headers={"accept-language": "en"})

    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    assert "Ask again in" in response.content.decode()
    assert Message.objects.count() == 1


def test_a_wrong_code_says_how_many_tries_are_left(mai: Member, client: Client) -> None:
    code = ask(client)
    response = client.post(
        "/sign-in/code/", {"code": wrong(code)}, headers={"accept-language": "en"}
    )

    assert response.status_code == 400
    assert "4 more times" in response.content.decode()
    assert "member_id" not in client.session


def test_an_expired_code_says_what_to_do(mai: Member, client: Client) -> None:
    code = ask(client)
    SignInCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = client.post(
        "/sign-in/code/", {"code": code}, headers={"accept-language": "en"}
    )

    assert response.status_code == 400
    assert "Ask for a new one" in response.content.decode()
    assert "member_id" not in client.session


def test_another_browser_has_no_use_for_the_code(mai: Member, client: Client) -> None:
    code = ask(client)
    other = Client(REMOTE_ADDR="9.9.9.9")

    assert other.post("/sign-in/code/", {"code": code})["Location"] == "/sign-in/"
    assert "member_id" not in other.session


def test_a_new_code_can_be_sent_after_a_minute(mai: Member, client: Client) -> None:
    ask(client)
    assert client.post("/sign-in/resend/").status_code == 429
    SignInCode.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    RateLimit.objects.filter(key__startswith="sign-in-resend").delete()

    assert client.post("/sign-in/resend/")["Location"] == "/sign-in/code/"
    assert Message.objects.count() == 2


def test_without_a_phone_first_there_is_no_code_page(client: Client) -> None:
    assert client.get("/sign-in/code/")["Location"] == "/sign-in/"
    assert client.post("/sign-in/code/")["Location"] == "/sign-in/"
    assert client.post("/sign-in/resend/")["Location"] == "/sign-in/"


def test_who_is_signed_in_already_goes_on(mai: Member, client: Client) -> None:
    client.post("/sign-in/code/", {"code": ask(client)})

    assert client.get("/sign-in/?next=/card/")["Location"] == "/card/"


def test_a_stranger_joins_and_is_asked_about_news(client: Client) -> None:
    code = ask(client, "0355 555 555", next="/card/")
    response = client.post("/sign-in/code/", {"code": code})
    member = Identifier.objects.get(value="+84355555555").member
    page = client.get(response["Location"]).content.decode()

    assert response["Location"] == "/welcome/?next=%2Fcard%2F"
    assert 'name="marketing" value="on">' in page
    assert "checked" not in page
    assert member.consents.count() == 0


@pytest.mark.parametrize(("answer", "is_given"), [({"marketing": "on"}, True), ({}, False)])
def test_the_answer_is_kept(client: Client, answer: dict[str, str], is_given: bool) -> None:
    client.post("/sign-in/code/", {"code": ask(client, "0355 555 555")})
    response = client.post("/welcome/", {**answer, "name": " Lê An ", "next": "/card/"})
    member = Identifier.objects.get(value="+84355555555").member
    consent = Consent.objects.get(member=member, purpose="marketing")

    assert response["Location"] == "/card/"
    assert (consent.is_given, consent.source, consent.channel) == (is_given, "portal", "")
    assert member.name == "Lê An"
    # Asked once: a second visit changes nothing.
    assert client.post("/welcome/", {})["Location"] == "/"
    assert Consent.objects.get(member=member).is_given is is_given


def test_a_name_that_cannot_be_kept_gets_a_sentence(client: Client) -> None:
    client.post("/sign-in/code/", {"code": ask(client, "0355 555 555")})
    response = client.post("/welcome/", {"name": "x" * 500, "marketing": "on"})

    assert response.status_code == 400
    assert 'id="refusal"' in response.content.decode()
    assert Consent.objects.count() == 0


def test_a_member_without_an_answer_is_asked_too(client: Client) -> None:
    factories.make_member(name="Lê An", phone="0355555555", consent=False)
    response = client.post("/sign-in/code/", {"code": ask(client, "0355 555 555")})

    assert response["Location"] == "/welcome/?next=%2F"
    assert 'name="name"' not in client.get("/welcome/").content.decode()


def test_a_closed_membership_is_told_after_the_proof(mai: Member, client: Client) -> None:
    Member.objects.update(state=Member.State.BLOCKED)
    code = ask(client)
    response = client.post(
        "/sign-in/code/", {"code": code}, headers={"accept-language": "en"}
    )

    assert response.status_code == 403
    assert "This membership is closed" in response.content.decode()
    assert "member_id" not in client.session


def test_signing_out_forgets_the_member(mai: Member, client: Client) -> None:
    client.post("/sign-in/code/", {"code": ask(client)})
    key = client.session.session_key
    response = client.post("/sign-out/")

    assert response["Location"] == "/"
    assert response["Clear-Site-Data"] == '"storage"'
    assert client.get("/card/").status_code == 302
    assert not client.session.exists(key)


def test_signing_out_leaves_the_console_alone(
    mai: Member, staff: User, client: Client
) -> None:
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/sign-in/code/", {"code": ask(client)})
    client.post("/sign-out/")

    assert "member_id" not in client.session
    assert client.session["_auth_user_id"] == str(staff.pk)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/sign-in/", "delete"),
        ("/sign-in/code/", "put"),
        ("/sign-in/resend/", "get"),
        ("/sign-out/", "get"),
    ],
)
def test_refuses_other_methods(client: Client, path: str, method: str) -> None:
    assert getattr(client, method)(path).status_code == 405


def test_refuses_a_form_from_elsewhere(mai: Member) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post("/sign-in/", {"phone": PHONE}).status_code == 403
    assert SignInCode.objects.count() == 0


@pytest.mark.parametrize("path", ["/sign-in/", "/sign-in/code/", "/welcome/"])
def test_is_kept_by_no_cache(mai: Member, client: Client, path: str) -> None:
    Consent.objects.all().delete()
    if path == "/sign-in/code/":
        ask(client)
    if path == "/welcome/":
        client.post("/sign-in/code/", {"code": ask(client)})

    assert "no-store" in client.get(path)["Cache-Control"]


def test_a_trusted_proxy_tells_the_address(client: Client, settings: Settings) -> None:
    settings.AXES_IPWARE_PROXY_COUNT = 1
    client.post(
        "/sign-in/", {"phone": PHONE}, headers={"x-forwarded-for": "6.6.6.6, 7.7.7.7"}
    )

    assert SignInCode.objects.get().ip_address == "7.7.7.7"


def test_nobody_else_tells_the_address(client: Client) -> None:
    client.post("/sign-in/", {"phone": PHONE}, headers={"x-forwarded-for": "6.6.6.6"})

    assert SignInCode.objects.get().ip_address == "127.0.0.1"


@pytest.mark.parametrize(
    ("cookie", "saved", "brought"),
    [(None, "en", "en"), (None, "vi", None), ("vi", "en", None)],
    ids=["chosen elsewhere", "never chosen", "chosen here"],
)
def test_the_language_comes_along(
    mai: Member, client: Client, cookie: str | None, saved: str, brought: str | None
) -> None:
    Member.objects.update(language=saved)
    if cookie:
        client.cookies["django_language"] = cookie
    response = client.post("/sign-in/code/", {"code": ask(client)})
    kept = response.cookies.get("django_language")

    assert (kept.value if kept else None) == brought
