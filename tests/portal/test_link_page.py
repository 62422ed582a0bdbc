"""The link in a message: it leads on, and lets nobody in by itself."""

import pytest
from django.test import Client
from django.utils import timezone

from members.models import Member
from messaging.links import make_token
from messaging.models import Message, MessageTemplate
from portal.models import SignInCode
from tests.portal.conftest import SignIn, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(mai: Member) -> Message:
    template = MessageTemplate.objects.create(code="come-back", name="x", body="x")
    return Message.objects.create(
        key="m", member=mai, template=template, channel="zalo_uid", due_at=timezone.now()
    )


@pytest.fixture
def link(message: Message) -> str:
    return f"/m/{make_token(message.pk)}/"


def test_leads_the_member_to_the_points_and_notes_the_click(
    mai: Member, message: Message, link: str, signed_in: SignIn
) -> None:
    response = signed_in(mai).get(link)
    message.refresh_from_db()

    assert response["Location"] == "/points/"
    assert "no-store" in response["Cache-Control"]
    assert message.clicked_at is not None


def test_leads_everyone_else_to_sign_in_first(
    message: Message, link: str, client: Client
) -> None:
    token = make_token(message.pk)
    response = client.get(link)
    message.refresh_from_db()
    page = shown(client.get(response["Location"]))

    assert response["Location"] == f"/sign-in/?next=%2Fpoints%2F&link={token}"
    assert message.clicked_at is not None
    assert "member_id" not in client.session
    # Whose link it is, is shown just far enough to be recognised.
    assert "09•• ••• 678" in page
    assert "345" not in page.replace("0912 345 678", "")
    assert "Mai" not in page.replace("Main", "")


def test_sends_the_code_to_the_phone_behind_the_link(
    mai: Member, message: Message, link: str, template: MessageTemplate, client: Client
) -> None:
    client.post("/sign-in/", {"link": make_token(message.pk), "next": "/points/"})
    sent = Message.objects.get(source_type="sign_in")
    page = client.get("/sign-in/code/").content.decode()

    assert sent.address == "+84912345678"
    assert "09•• ••• 678" in page
    assert "0912 345 678" not in page
    response = client.post("/sign-in/code/", {"code": sent.context["otp"]})
    assert response["Location"] == "/points/"


def test_a_typed_phone_goes_before_the_link(
    message: Message, template: MessageTemplate, client: Client
) -> None:
    client.post("/sign-in/", {"link": make_token(message.pk), "phone": "0355555555"})

    assert SignInCode.objects.get().phone == "+84355555555"


def test_another_member_sees_their_own_home(
    binh: Member, link: str, signed_in: SignIn
) -> None:
    client = signed_in(binh)
    response = client.get(link, headers={"accept-language": "en"}, follow=True)
    page = response.content.decode()

    assert response.redirect_chain == [("/", 302)]
    assert "That message was for another member" in page
    assert "Trần Văn Bình" in page
    assert "Thị Mai" not in page


@pytest.mark.parametrize("token", ["x", "aaaaaaaaaaaa1", "%00", "ế" * 40, "." * 300])
def test_a_wrong_link_gets_a_friendly_page(client: Client, token: str) -> None:
    response = client.get(f"/m/{token}/", headers={"accept-language": "en"})

    assert response.status_code == 404
    assert "This link does not work" in response.content.decode()
    assert client.get(f"/sign-in/?link={token}").status_code == 200


def test_a_signature_of_another_message_is_refused(
    message: Message, client: Client
) -> None:
    token = make_token(message.pk + 1)
    forged = token[:12] + make_token(message.pk)[12:]

    assert client.get(f"/m/{forged}/").status_code == 404
    message.refresh_from_db()
    assert message.clicked_at is None


def test_a_look_ahead_is_no_click(message: Message, link: str, client: Client) -> None:
    assert client.head(link).status_code == 302
    message.refresh_from_db()

    assert message.clicked_at is None


def test_refuses_other_methods(link: str, client: Client) -> None:
    assert client.post(link).status_code == 405
