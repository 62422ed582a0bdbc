"""The board of gifts: many take a step, parcels get numbers, addresses leave a trace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from activities.models import Store
from members.models import Member
from rewards.fulfilment import advance
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, Fulfilment, GivenBenefit
from rewards.services import redeem_reward
from tests import factories
from tests.console import allow, num_queries
from tests.rewards.helpers import make_benefit, make_reward

BOARD = "admin:rewards_fulfilment_board"
HOME = {
    "method": "delivery",
    "recipient": "Chị Mai",
    "phone": "0901234567",
    "address": "12 Lê Lợi",
    "province": "Huế",
}


@pytest.fixture
def cup(db: None) -> Benefit:
    factories.make_programme()
    factories.make_wallet()
    return make_benefit("gift", name="Ly sứ", delivery_fee=30_000)


@pytest.fixture
def shop(db: None) -> Store:
    return Store.objects.create(code="q1", name="Quận 1")


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def gift(benefit: Benefit, member: Member, key: str, **wishes: Any) -> Fulfilment:
    wish = Giving(benefit, member.pk, key, GivenBenefit.Source.STAFF.value, wishes=wishes)
    return Fulfilment.objects.get(given=give_benefit(wish, at=timezone.now()))


def act(name: str) -> str:
    return reverse(f"admin:rewards_fulfilment_{name}")


def page(row: Fulfilment, name: str = "change") -> str:
    return reverse(f"admin:rewards_fulfilment_{name}", args=[row.pk])


def states() -> list[str]:
    return list(Fulfilment.objects.order_by("pk").values_list("state", flat=True))


def test_ticked_gifts_take_the_step(
    console: Client, cup: Benefit, mai: Member, staff: User
) -> None:
    rows = [gift(cup, mai, f"k{n}", **HOME) for n in range(3)]

    told = {"to": "packed", "gift": [rows[0].pk, rows[2].pk]}
    response = console.post(act("step"), told, follow=True)

    assert states() == ["packed", "new", "packed"]
    assert "Packed: 2." in text(response)
    assert rows[0].events.latest("pk").by == staff


def test_those_elsewhere_by_now_are_named(
    console: Client, cup: Benefit, mai: Member
) -> None:
    rows = [gift(cup, mai, f"k{n}", **HOME) for n in range(2)]
    advance(rows[:1], to="packed", by=None, at=timezone.now())

    told = {"to": "packed", "gift": [row.pk for row in rows]}
    shown = text(console.post(act("step"), told, follow=True))

    assert "Packed: 1." in shown
    assert "1 could not take this step" in shown
    assert states() == ["packed", "packed"]


def test_nothing_ticked_is_said(console: Client, cup: Benefit) -> None:
    assert "Tick the gifts first." in text(
        console.post(act("step"), {"to": "packed"}, follow=True)
    )
    assert "Tick the gifts first." in text(console.post(act("take"), {}, follow=True))


def test_parcels_are_sent_with_their_numbers(
    console: Client, cup: Benefit, mai: Member, shop: Store
) -> None:
    posted = gift(cup, mai, "a", **HOME)
    fetched = gift(cup, mai, "b", method="pick_up", store_id=shop.pk)
    advance([posted, fetched], to="packed", by=None, at=timezone.now())

    ticked = {"to": "shipped", "gift": [posted.pk, fetched.pk]}
    asked = text(console.post(act("step"), ticked))
    assert f'name="tracking-{posted.pk}"' in asked
    assert "1 of the ticked gifts is picked up in a store" in asked
    assert states() == ["packed", "packed"]

    told = {"gift": [posted.pk], "carrier": "GHN", f"tracking-{posted.pk}": " G123 "}
    console.post(act("ship"), told)

    posted.refresh_from_db()
    assert (posted.state, posted.carrier, posted.tracking) == ("shipped", "GHN", "G123")
    assert states() == ["shipped", "packed"]


def test_the_filters_stay_after_a_step(
    console: Client, cup: Benefit, mai: Member, shop: Store
) -> None:
    row = gift(cup, mai, "a", method="pick_up", store_id=shop.pk)
    address = f"{act('step')}?store={shop.pk}"

    response = console.post(address, {"to": "packed", "gift": [row.pk]})

    assert response["Location"] == f"{act('board')}?store={shop.pk}"
    on_page = console.post(act("step"), {"to": "ready", "gift": [row.pk], "next": row.pk})
    assert on_page["Location"] == page(row)


@pytest.mark.parametrize(
    "query",
    [
        {"q": "0912 345 678"},
        {"q": "0901234567"},
        {"q": "chị mai"},
        {"q": "G77"},
        {"method": "delivery"},
        {"q": "code"},
    ],
)
def test_a_gift_is_found(
    console: Client,
    cup: Benefit,
    mai: Member,
    binh: Member,
    shop: Store,
    query: dict[str, str],
) -> None:
    reward = make_reward(cup, price_points=0)
    redemption = redeem_reward(
        member=mai, reward=reward, key="k", at=timezone.now(), wishes=HOME
    )
    Fulfilment.objects.update(tracking="G77")
    gift(cup, binh, "other", method="pick_up", store_id=shop.pk)
    if query.get("q") == "code":
        query = {"q": redemption.code.lower()}

    shown = text(console.get(reverse(BOARD), query))

    assert "Chị Mai" in shown
    assert "Trần Văn Bình" not in shown


def test_the_board_says_how_long_and_marks_what_is_late(
    console: Client, cup: Benefit, mai: Member
) -> None:
    gift(cup, mai, "a", **HOME)
    late = gift(cup, mai, "b", **HOME)
    gift(cup, mai, "c")
    Fulfilment.objects.filter(pk=late.pk).update(
        changed_at=timezone.now() - timedelta(days=3, hours=1)
    )

    shown = text(console.get(reverse(BOARD)))

    assert shown.count("is-late") == 1
    assert "for 3 days" in shown
    assert "since today" in shown
    assert "1 gift waits for its member's address" in shown


def test_an_empty_board_says_what_will_stand_here(console: Client, cup: Benefit) -> None:
    assert "Nothing to hand over" in text(console.get(reverse(BOARD)))
    assert "Nothing found" in text(console.get(reverse(BOARD), {"q": "x"}))


def test_the_board_asks_the_same_number_of_questions(
    console: Client, cup: Benefit, mai: Member, shop: Store
) -> None:
    gift(cup, mai, "a", **HOME)
    few = num_queries(console, reverse(BOARD))
    rows = [gift(cup, mai, f"k{n}", **HOME) for n in range(50)]
    rows += [gift(cup, mai, f"s{n}", method="pick_up", store_id=shop.pk) for n in range(9)]
    advance(rows[:20], to="packed", by=None, at=timezone.now())

    assert num_queries(console, reverse(BOARD)) == few
    assert few <= 14
    listed = reverse("admin:rewards_fulfilment_changelist")
    assert num_queries(console, listed) <= 9


# --- Addresses ----------------------------------------------------------------------------


def body(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_addresses_leave_as_a_file_and_it_is_noted(
    console: Client, cup: Benefit, mai: Member, staff: User
) -> None:
    rows = [gift(cup, mai, "a", **HOME), gift(cup, mai, "b", **HOME)]
    Fulfilment.objects.filter(pk=rows[0].pk).update(recipient="=1+1")

    told = {"how": "csv", "gift": [row.pk for row in rows]}
    lines = body(console.post(act("take"), told)).splitlines()

    assert len(lines) == 3
    assert "0901 234 567" in lines[2]
    assert "12 Lê Lợi" in lines[2]
    assert ",=1+1" not in lines[1]
    for row in rows:
        entry = LogEntry.objects.get(object_id=row.pk)
        assert (entry.user, entry.change_message) == (staff, "Address taken away (csv).")


def test_a_list_is_printed(console: Client, cup: Benefit, mai: Member, shop: Store) -> None:
    rows = [gift(cup, mai, "a", **HOME)]
    rows.append(gift(cup, mai, "b", method="pick_up", store_id=shop.pk))

    shown = text(console.post(act("take"), {"gift": [row.pk for row in rows]}))

    assert "12 Lê Lợi, Huế" in shown
    assert "Pick-up: Quận 1" in shown
    assert "30.000" in shown
    assert LogEntry.objects.count() == 2


def test_staff_write_down_what_the_member_says(
    console: Client, cup: Benefit, mai: Member, shop: Store
) -> None:
    row = gift(cup, mai, "a")
    refused = console.post(page(row, "address"), {"method": "delivery", "address": "x"})
    assert "Write who receives it and the full address." in text(refused)

    console.post(page(row, "address"), HOME)
    row.refresh_from_db()
    assert (row.state, row.phone, row.address) == ("new", "+84901234567", "12 Lê Lợi")
    console.post(page(row, "address"), {"method": "pick_up", "store": shop.pk})
    row.refresh_from_db()
    assert (row.method, row.store, row.address) == ("pick_up", shop, "")
    history = reverse("admin:rewards_fulfilment_history", args=[row.pk])
    assert text(console.get(history)).count("How it is wanted was written down.") == 2


def test_only_what_can_be_is_offered(console: Client, mai: Member, cup: Benefit) -> None:
    bag = make_benefit("gift", code="bag", handover="pick_up")
    shown = text(console.get(page(gift(bag, mai, "a"), "address")))
    assert 'value="pick_up"' in shown
    assert 'value="delivery"' not in shown


def test_the_page_offers_the_steps_and_the_way_back(
    console: Client, cup: Benefit, mai: Member
) -> None:
    reward = make_reward(cup, price_points=0)
    bought = redeem_reward(
        member=mai, reward=reward, key="k", at=timezone.now(), wishes=HOME
    )
    row = Fulfilment.objects.get()
    cancel = reverse("admin:rewards_redemption_cancel", args=[bought.pk])
    assert cancel in text(console.get(page(row)))
    console.post(act("step"), {"to": "packed", "gift": [row.pk]})

    shown = text(console.get(page(row)))

    assert "Sent off…" in shown
    assert "Not packed after all" in shown
    assert "Ready in the store" not in shown
    by_hand = gift(cup, mai, "hand")
    back = reverse("admin:rewards_givenbenefit_take_back", args=[by_hand.given_id])
    assert back in text(console.get(page(by_hand)))


# --- Who may ------------------------------------------------------------------------------


def test_phones_and_addresses_are_for_those_who_may_see_them(
    helper: User, helper_console: Client, cup: Benefit, mai: Member
) -> None:
    row = gift(cup, mai, "a", **HOME)
    allow(helper, "view_fulfilment", "view_givenbenefit")

    board = text(helper_console.get(reverse(BOARD)))
    shown = text(helper_console.get(page(row)))

    for told in (board, shown):
        assert "0901 234 567" not in told
        assert "12 Lê Lợi" not in told
        assert "Huế" in told
    assert 'type="checkbox"' not in board


def test_looking_is_not_handing_over(
    helper: User, helper_console: Client, cup: Benefit, mai: Member
) -> None:
    row = gift(cup, mai, "a", **HOME)
    allow(helper, "view_fulfilment")
    told = {"to": "packed", "gift": [row.pk]}

    codes = [
        helper_console.post(act("step"), told).status_code,
        helper_console.post(act("ship"), told).status_code,
        helper_console.post(act("take"), told).status_code,
        helper_console.post(page(row, "address"), HOME).status_code,
    ]

    assert codes == [403] * 4
    assert states() == ["new"]
    assert not LogEntry.objects.exists()
    assert helper_console.get(act("step")).status_code == 405


def test_who_may_nothing_sees_no_board(helper_console: Client, cup: Benefit) -> None:
    assert helper_console.get(reverse(BOARD)).status_code == 403
