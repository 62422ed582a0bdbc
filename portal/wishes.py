"""How a member wants what they get: where a gift goes, at what time they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from activities.models import Store
from core.models import Programme
from core.phones import display_phone
from members.models import Identifier, Member
from portal.texts import clean_text
from rewards.errors import WishRefused
from rewards.kinds.gifts import read_wishes
from rewards.models import Benefit, Fulfilment, Slot

DELIVERY, PICK_UP = Fulfilment.Method.DELIVERY.value, Fulfilment.Method.PICK_UP.value
LATER = "later"
SLOTS_AT_ONCE = 120
FIELDS = {"recipient": 120, "phone": 30, "address": 300, "province": 60}
BIGGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class GiftForm:
    """What is asked for a gift, filled in as far as it is known."""

    methods: list[str]
    method: str
    fields: Mapping[str, str]
    stores: list[tuple[str, list[Store]]]
    store_id: int | None


@dataclass(frozen=True, slots=True)
class SlotDay:
    """The free times of one day."""

    day: date
    slots: list[Slot]


def gift_form(
    benefit: Benefit,
    member: Member,
    *,
    told: Mapping[str, str] | None = None,
    gift: Fulfilment | None = None,
) -> GiftForm:
    """Return the form: what was typed, else what is known of this gift or the last one."""
    methods = _methods(benefit)
    if told is None:
        told = _known(member, gift)
    method = told.get("method", "")
    if method not in methods:
        method = methods[0] if len(methods) == 1 else ""
    return GiftForm(
        methods=methods,
        method=method,
        fields={name: told.get(name, "") for name in FIELDS},
        stores=_stores() if PICK_UP in methods else [],
        store_id=number(told.get("store", "")),
    )


def read_gift_form(benefit: Benefit, told: Mapping[str, str]) -> dict[str, Any]:
    """Return the wishes that were typed, or raise WishRefused or InvalidPhone."""
    methods = _methods(benefit)
    method = methods[0] if len(methods) == 1 else told.get("method", "")
    if method not in methods:
        raise WishRefused(_("Choose delivery or pick-up."))
    wishes: dict[str, Any] = {"method": method}
    if method == PICK_UP:
        wishes["store_id"] = _open_store(told.get("store", ""))
    else:
        wishes |= {
            name: clean_text(told.get(name, ""), longest)
            for name, longest in FIELDS.items()
        }
    # Before anything is taken, also where it is handed over only after paying.
    read_wishes(benefit, wishes)
    return wishes


def read_slot_form(told: Mapping[str, str]) -> dict[str, Any]:
    """Return the time that was chosen, if it was to be now. Raises WishRefused."""
    chosen = told.get("slot", "")
    if chosen == LATER:
        return {}
    slot_id = number(chosen)
    if slot_id is None:
        raise WishRefused(_("Choose a time, or choose it later."))
    return {"slot_id": slot_id}


def free_slots(
    benefit_id: int, *, programme: Programme, at: datetime, but: int | None = None
) -> list[SlotDay]:
    """Return the times that can be booked by day, but for the one that is. One query."""
    free = Slot.objects.filter(
        benefit=benefit_id, is_open=True, starts_at__gt=at, taken__lt=F("capacity")
    )
    if but is not None:
        free = free.exclude(pk=but)
    slots = free.select_related("store").order_by("starts_at", "pk")[:SLOTS_AT_ONCE]
    days = groupby(slots, key=lambda slot: slot.starts_at.astimezone(programme.zone).date())
    return [SlotDay(day, list(group)) for day, group in days]


def number(text: str) -> int | None:
    """Read the number of a row that a form names; anything else names none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return min(int(text), BIGGEST_ID)


def _methods(benefit: Benefit) -> list[str]:
    if benefit.handover == Benefit.Handover.EITHER:
        return [DELIVERY, PICK_UP]
    return [benefit.handover]


def _open_store(text: str) -> int | None:
    stores = Store.objects.filter(pk=number(text) or 0, is_active=True)
    return stores.values_list("pk", flat=True).first()


def _known(member: Member, gift: Fulfilment | None) -> dict[str, str]:
    """Return how this gift is wanted, else how the last one was, else the profile."""
    gifts = Fulfilment.objects.filter(member=member).exclude(method="").order_by("-pk")
    last = gift if gift is not None and gift.method else gifts.first()
    told = (
        {} if last is None else {"method": last.method, "store": str(last.store_id or "")}
    )
    if last is not None and last.address:
        return told | _address_of(last)
    return told | (_last_address(gifts) or _profile(member))


def _last_address(gifts: QuerySet[Fulfilment]) -> dict[str, str]:
    sent = gifts.filter(method=DELIVERY).exclude(address="").first()
    return _address_of(sent) if sent else {}


def _address_of(gift: Fulfilment) -> dict[str, str]:
    return {
        "recipient": gift.recipient,
        "phone": display_phone(gift.phone),
        "address": gift.address,
        "province": gift.province,
    }


def _profile(member: Member) -> dict[str, str]:
    phones = member.identifiers.filter(kind=Identifier.Kind.PHONE).order_by("-pk")
    phone = phones.values_list("value", flat=True).first() or ""
    return {
        "recipient": member.name,
        "phone": display_phone(phone),
        "address": "",
        "province": member.province,
    }


def _stores() -> list[tuple[str, list[Store]]]:
    """Return the open stores by province, those without one last."""
    stores = sorted(
        Store.objects.filter(is_active=True),
        key=lambda store: (not store.province, store.province, store.name),
    )
    by_province = groupby(stores, key=lambda store: store.province)
    return [(province, list(group)) for province, group in by_province]
