"""Short ways to stand at a till in tests."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from activities.models import Store
from members.models import Member
from rewards.models import Voucher, VoucherType
from till.access import Desk
from till.models import TillStaff

PASSWORD = "till-password"


def make_shop_staff(name: str, *stores: Store, own_phone: str = "") -> User:
    """Make a person who may use the till and serves in these stores."""
    user = User.objects.create_user(name, password=PASSWORD)
    user.user_permissions.add(Permission.objects.get(codename="use_till"))
    staff = TillStaff.objects.create(user=user, own_phone=own_phone)
    staff.stores.set(stores)
    return User.objects.get(pk=user.pk)


def desk_of(user: User, store: Store) -> Desk:
    return Desk(user, TillStaff.objects.get(user=user), store)


def make_voucher(
    voucher_type: VoucherType, code: str, member: Member | None = None, **fields: Any
) -> Voucher:
    """Make a voucher that was given out and can be used until tomorrow."""
    now = timezone.now()
    told: dict[str, Any] = {
        "state": Voucher.State.ISSUED,
        "max_uses": 1,
        "issued_at": now,
        "valid_until": now + timedelta(days=1),
    }
    return Voucher.objects.create(
        **{"voucher_type": voucher_type, "code": code, "member": member} | told | fields
    )


def text_of(response: HttpResponse) -> str:
    """Return what a page says, in one line, with plain spaces and without its tags."""
    body = response.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    main = body[body.index("<main") : body.index("</main>")]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def state_of(response: HttpResponse) -> tuple[str, str]:
    """Return the light of a page and its code."""
    body = response.content.decode()
    found = re.search(r'class="state is-(\w+)"[^>]*?(?:data-code="(\w*)")?>', body)
    return (found[1], found[2] or "") if found else ("", "")


class Till(Client):
    """A browser at a till."""

    def __init__(self, name: str = "", password: str = PASSWORD) -> None:
        super().__init__(headers={"accept-language": "en"})
        if name:
            self.sign_in(name, password)

    def sign_in(self, name: str, password: str = PASSWORD) -> HttpResponse:
        told = {"username": name, "password": password}
        response: HttpResponse = self.post("/till/sign-in/", told)
        return response

    def look_up(self, text: str, **more: str) -> str:
        """Type or scan something; returns the address that it leads to."""
        response = self.post("/till/look-up/", {"q": text, **more})
        assert response.status_code == 302, text_of(response)
        return str(response["Location"])

    def act(self, address: str, **told: Any) -> str:
        """Send a form that must work; returns the address that it leads to."""
        response = self.post(address, told)
        assert response.status_code == 302, text_of(response)
        return str(response["Location"])

    def confirm(self, address: str) -> str:
        """Confirm what a page shows."""
        body = self.get(address).content.decode()
        shown = re.search(r'name="shown" value="([^"]*)"', body)
        return self.act(address, shown=shown[1] if shown else "")

    def age(self, **passed: float) -> None:
        """Let the session be older than it is."""
        session = self.session
        state = session["till"]
        for name, hours in passed.items():
            moment = datetime.fromisoformat(state[name]) - timedelta(hours=hours)
            state[name] = moment.isoformat()
        session["till"] = state
        session.save()
