"""Two members side by side, and in plain words what merging them does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.admin_tools import NOTHING, number, programme_of, when
from core.clock import local_date
from core.models import Programme
from core.money import format_money
from core.phones import display_phone, mask_phone
from flows.merge import needs_approval
from members.merging import joined_answers
from members.models import Consent, Identifier, Member, MemberMerge
from points.amounts import Unit, closed_up
from points.models import Wallet
from points.queries import Holding, holdings
from points.services import GoingBack


@dataclass(frozen=True, slots=True)
class Row:
    """One fact of both members."""

    label: Any
    kept: str
    merged: str

    @property
    def differs(self) -> bool:
        return self.kept != self.merged


def sides(kept: Member, merged: Member, request: HttpRequest) -> list[Row]:
    """Put what decides whether they are one person side by side."""
    left, right = (_facts(member, request) for member in (kept, merged))
    return [Row(label, left[label], right[label]) for label in left]


def _facts(member: Member, request: HttpRequest) -> dict[str, str]:
    purchases = getattr(member, "purchases", None)
    facts = {
        _("Code"): member.code,
        _("Phone"): _phones(member, request),
        _("Date of birth"): when(member.birth_date),
        _("Joined"): when(local_date(member.joined_at)),
    }
    programme = programme_of(request)
    for holding in holdings(member):
        unit = Unit.of(holding.wallet, programme)
        facts[holding.wallet.name] = _holding(holding, unit)
    currency = programme.currency
    return facts | {
        _("Orders"): number(purchases.num_orders if purchases else 0),
        _("Spend"): format_money(purchases.spend, currency) if purchases else NOTHING,
        _("Tags"): ", ".join(row.tag.name for row in member.tags.select_related("tag"))
        or NOTHING,
        _("Offers"): _offers(member),
    }


def _phones(member: Member, request: HttpRequest) -> str:
    show = display_phone if request.user.has_perm("members.view_identifier") else mask_phone
    phones = member.identifiers.filter(kind=Identifier.Kind.PHONE).order_by("pk")
    return ", ".join(show(phone.value) for phone in phones) or NOTHING


def _holding(holding: Holding, unit: Unit) -> str:
    text = unit.number(holding.balance)
    if holding.held:
        text += " " + _("(+%(points)s held)") % {"points": unit.number(holding.held)}
    return text


def _offers(member: Member) -> str:
    rows = member.consents.filter(purpose=Consent.Purpose.MARKETING).order_by("channel")
    return ", ".join(_answer(row.channel, row.is_given) for row in rows) or NOTHING


def _answer(channel: str, is_given: bool) -> str:
    name = Consent.Channel(channel).label
    said = _("yes") if is_given else _("no")
    return f"{name}: {said}"


def consequences(kept: Member, merged: Member) -> list[str]:
    """Say what a merge does, in the order in which people ask."""
    lines = [_points_line(holding) for holding in holdings(merged)]
    identifiers = merged.identifiers.count()
    orders = merged.orders.count()
    lines += [
        ngettext(
            "%(count)s order moves, with its refunds and activities.",
            "%(count)s orders move, with their refunds and activities.",
            orders,
        )
        % {"count": number(orders)},
        ngettext(
            "%(count)s phone, card or account moves; it finds %(kept)s from now on.",
            "%(count)s phones, cards and accounts move; they find %(kept)s from now on.",
            identifiers,
        )
        % {"count": number(identifiers), "kept": kept},
    ]
    if _loses_offers(kept, merged):
        lines.append(_("One of them has refused offers: the refusal counts for both."))
    lines += [
        _("What is blank at %(kept)s is filled in; nothing known is overwritten.")
        % {"kept": kept},
        _("%(merged)s is signed out of the member pages; waiting messages are called off.")
        % {"merged": merged},
        _(
            "It can be undone. Points spent meanwhile, and messages called off, do not "
            "come back."
        ),
    ]
    if needs_approval(merged):
        lines.append(_("So many points: a second person has to approve it first."))
    return [line for line in lines if line]


def _points_line(holding: Holding) -> str:
    unit = Unit.of(holding.wallet, Programme.current())
    facts = {
        "points": unit.number(abs(holding.balance)),
        "unit": unit.name,
        "wallet": holding.wallet.name,
        "held": unit.number(holding.held),
    }
    lines = []
    if holding.balance > 0:
        lines.append(
            _("%(wallet)s: %(points)s %(unit)s move and keep their last days.") % facts
        )
    if holding.balance < 0:
        lines.append(_("%(wallet)s: a debt of %(points)s %(unit)s moves.") % facts)
    if holding.held:
        lines.append(_("%(wallet)s: %(held)s %(unit)s go on waiting there.") % facts)
    return closed_up(" ".join(lines))


def _loses_offers(kept: Member, merged: Member) -> bool:
    """Tell whether an offer that one of them allowed is refused by the other."""
    joined = joined_answers(kept, merged)
    rows = Consent.objects.filter(member__in=[kept, merged], is_given=True)
    return any(
        (answer := joined.get((row.purpose, row.channel))) and not answer[0] for row in rows
    )


def undo_consequences(merge: MemberMerge, plans: list[GoingBack]) -> list[str]:
    """Say what undoing a merge does now."""
    kept, merged = merge.kept, merge.merged
    lines = [line for plan in plans for line in going_back(plan, kept, merged)]
    orders, identifiers = len(merge.moved["orders"]), len(merge.moved["identifiers"])
    return [
        *lines,
        ngettext(
            "%(count)s order goes back to %(merged)s.",
            "%(count)s orders go back to %(merged)s.",
            orders,
        )
        % {"count": number(orders), "merged": merged},
        ngettext(
            "%(count)s phone, card or account goes back to %(merged)s.",
            "%(count)s phones, cards and accounts go back to %(merged)s.",
            identifiers,
        )
        % {"count": number(identifiers), "merged": merged},
        _("What came in since the merge, and what was changed since, stays with %(kept)s.")
        % {"kept": kept},
    ]


def going_back(plan: GoingBack, kept: Member, merged: Member) -> list[str]:
    """Say what goes back in one wallet, and what cannot."""
    unit = Unit.of(plan.wallet, Programme.current())
    facts = {
        "wallet": plan.wallet.name,
        "unit": unit.name,
        "back": unit.number(abs(plan.back)),
        "short": unit.number(plan.short),
        "expired": unit.number(plan.expired),
        "merged": merged,
        "kept": kept,
    }
    lines = []
    if plan.back > 0:
        lines.append(_("%(wallet)s: %(back)s %(unit)s go back to %(merged)s.") % facts)
    if plan.back < 0:
        lines.append(
            _("%(wallet)s: a debt of %(back)s %(unit)s goes back to %(merged)s.") % facts
        )
    if plan.short:
        lines.append(
            _(
                "%(wallet)s: %(short)s %(unit)s are missing. They were spent since the "
                "merge and cannot be given back."
            )
            % facts
        )
    if plan.expired:
        lines.append(_("%(wallet)s: %(expired)s %(unit)s expired since the merge.") % facts)
    return [closed_up(line) for line in lines]


def outcome_lines(merge: MemberMerge) -> list[str]:
    """Say what undoing a merge came to."""
    wallets = Wallet.objects.in_bulk()
    plans = [
        GoingBack(wallets[pk], *figures) for pk, *figures in merge.gone_back["wallets"]
    ]
    return [line for plan in plans for line in going_back(plan, merge.kept, merge.merged)]
