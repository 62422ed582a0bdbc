"""A merged member on the member pages: signed out, and signed in as who was kept."""

from datetime import datetime

from flows.merge import merge_members
from members.models import Member
from members.services import register_member
from points.models import Wallet
from tests.points.helpers import give
from tests.portal.conftest import SignIn


def test_their_sessions_end(
    mai: Member, binh: Member, wallet: Wallet, signed_in: SignIn, now: datetime
) -> None:
    browser = signed_in(binh)
    assert browser.get("/me/").status_code == 200

    merge_members(kept=mai, merged=binh, note="Same", by="staff", at=now)

    response = browser.get("/me/")
    assert (response.status_code, response["Location"]) == (302, "/sign-in/?next=%2Fme%2F")


def test_their_phone_signs_in_who_was_kept(
    mai: Member, binh: Member, wallet: Wallet, signed_in: SignIn, now: datetime
) -> None:
    give(binh, 40, "a", now)
    merge_members(kept=mai, merged=binh, note="Same", by="staff", at=now)

    member = register_member(phone="0987654321", at=now, source="portal")

    assert member == mai
    assert "40" in signed_in(member).get("/points/").content.decode()
