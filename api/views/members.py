"""Members: register by phone, look up, balance, history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import Amount, Body, Flag, Moment, Phone, Strict, Text, WholeNumber
from api.idempotency import Answer, make_answer
from api.schema import READ_PROBLEMS, WRITE_PROBLEMS, idempotency_key, problems
from api.services import history_for_till, known_by, register
from api.views.base import ApiView, answer_write, checked, till_key_of
from core.models import Programme
from core.phones import mask_phone
from members.models import Identifier, Member
from members.services import find_member
from points.models import Wallet
from points.queries import Earned, Expiring, Holding, balances, expiring, holdings
from points.rules import money_in
from tiers.definition import Step
from tiers.models import Perk
from tiers.queries import tier_steps

MAX_ID = 2**63 - 1
# Nobody meets a merged member here: their code answers who was kept.
_STATES = [state.value for state in Member.State if state != Member.State.MERGED]
PAGE = 30


@extend_schema_serializer(component_name="Tier")
class TierOutput(Body[Any]):
    code = Text()
    name = Text()


@extend_schema_serializer(component_name="Perk")
class PerkOutput(Body[Any]):
    kind = serializers.ChoiceField(choices=Perk.Kind.values)
    name = Text()
    sentence = Text(
        allow_blank=True, help_text="For the customer, in the members' language."
    )
    percent = Amount(
        max_digits=5, decimal_places=2, allow_null=True, help_text="Of a `discount`."
    )
    amount = Amount(
        max_digits=18,
        decimal_places=2,
        allow_null=True,
        help_text="From which order on, of `free_delivery`.",
    )


@extend_schema_serializer(component_name="Member")
class MemberOutput(Body[Any]):
    member_id = Text(help_text="The member's code.")
    name = Text(allow_blank=True)
    phone = Text(allow_null=True, help_text="Masked: enough to ask the customer.")
    card_number = Text(allow_null=True)
    state = serializers.ChoiceField(choices=_STATES)
    joined_at = Moment()
    tier = TierOutput(allow_null=True, help_text="Null while the programme has no tiers.")
    perks = PerkOutput(many=True, help_text="What the tier entitles the customer to.")


@extend_schema_serializer(component_name="Expiring")
class ExpiringOutput(Body[Any]):
    expires_on = serializers.DateField(help_text="Usable through this day.")
    points = WholeNumber()


class WalletOutput(Body[Any]):
    """One wallet, in whole units; what is money is told as money, too."""

    wallet = Text(help_text="The wallet's code.")
    name = Text()
    money = Amount(
        max_digits=18,
        decimal_places=2,
        allow_null=True,
        help_text="The same as money, where the wallet holds money; else null.",
    )


@extend_schema_serializer(component_name="Earned")
class EarnedOutput(WalletOutput):
    earned = WholeNumber(help_text="In units of the wallet: points, dong, cents.")


@extend_schema_serializer(component_name="WalletBalance")
class HoldingOutput(WalletOutput):
    balance = WholeNumber(help_text="What can be used now, in units of the wallet.")
    held = WholeNumber(help_text="Earned, and not usable yet.")
    reserved = WholeNumber(help_text="Held by a till.")


def describe_wallet(
    wallet: Wallet, amount: int, programme: Programme | None
) -> dict[str, Any]:
    is_money = programme is not None and wallet.holds_money
    return {
        "wallet": wallet.code,
        "name": wallet.name,
        "money": money_in(amount, programme) if programme and is_money else None,
    }


def describe_earned(given: list[Earned]) -> list[dict[str, Any]]:
    programme = _programme_for(one.wallet for one in given)
    return [
        {**describe_wallet(one.wallet, one.amount, programme), "earned": one.amount}
        for one in given
    ]


def describe_holdings(found: list[Holding]) -> list[dict[str, Any]]:
    programme = _programme_for(one.wallet for one in found)
    return [
        {
            **describe_wallet(one.wallet, one.balance, programme),
            "balance": one.balance,
            "held": one.held,
            "reserved": one.reserved,
        }
        for one in found
    ]


def _programme_for(wallets: Iterable[Wallet]) -> Programme | None:
    """Read the programme where an amount is money; a till waits for each query."""
    return Programme.current() if any(w.holds_money for w in wallets) else None


def describe_member(member: Member) -> dict[str, Any]:
    """Return a member as tills see them. Three queries."""
    known = known_by(member)
    phone = known.get(Identifier.Kind.PHONE)
    return {
        "member_id": member.code,
        "name": member.name,
        "phone": mask_phone(phone) if phone else None,
        "card_number": known.get(Identifier.Kind.CARD),
        "state": member.state,
        "joined_at": member.joined_at,
        **describe_tier(tier_steps([member.pk]).get(member.pk)),
    }


def describe_tier(step: Step | None) -> dict[str, Any]:
    """Return a tier and its perks as tills see them."""
    return {
        "tier": {"code": step.code, "name": step.name} if step else None,
        "perks": list(step.perks) if step else [],
    }


def describe_expiring(parts: list[Expiring]) -> list[dict[str, Any]]:
    return [{"expires_on": part.expires_on, "points": part.points} for part in parts]


class Members(ApiView):
    """Register a member, or look one up."""

    @extend_schema_serializer(component_name="RegisterMember")
    class Input(Strict):
        phone = Phone()
        name = Text(max_length=120, required=False, allow_blank=True, default="")
        consent = Flag(
            required=False,
            help_text="What the customer said about offers; leave it out if not asked.",
        )

    @extend_schema_serializer(component_name="FindMember")
    class Query(Strict):
        phone = Phone(required=False)
        card = Text(required=False, max_length=40)

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if len(attrs) != 1:
                raise serializers.ValidationError(
                    _("Ask with one of “phone” and “card”, such as ?phone=0912345678.")
                )
            return attrs

    @extend_schema(
        operation_id="findMember",
        summary="Find a member by phone or card",
        parameters=[Query],
        responses={200: MemberOutput, **problems(*READ_PROBLEMS)},
        tags=["members"],
    )
    def get(self, request: Request) -> Response:
        told = checked(self.Query(data=request.query_params))
        member = find_member(phone=told.get("phone", ""), card=told.get("card", ""))
        return Response(MemberOutput(describe_member(member)).data)

    @extend_schema(
        operation_id="registerMember",
        summary="Register a member by phone",
        description="A phone that is registered already answers 200 with its member.",
        parameters=[idempotency_key(is_required=False)],
        request=Input,
        responses={200: MemberOutput, 201: MemberOutput, **problems(*WRITE_PROBLEMS)},
        tags=["members"],
    )
    def post(self, request: Request) -> HttpResponse:
        told = checked(self.Input(data=request.data))

        def act() -> Answer:
            registered = register(
                till_key=till_key_of(request),
                phone=told["phone"],
                name=told["name"],
                consent=told.get("consent"),
                at=timezone.now(),
            )
            body = MemberOutput(describe_member(registered.member)).data
            return make_answer(201 if registered.is_new else 200, body)

        return answer_write(request, act, needs_key=False)


class MemberDetail(ApiView):
    """One member."""

    @extend_schema(
        operation_id="getMember",
        summary="One member",
        responses={200: MemberOutput, **problems(*READ_PROBLEMS)},
        tags=["members"],
    )
    def get(self, request: Request, member_id: str) -> Response:
        member = find_member(code=member_id)
        return Response(MemberOutput(describe_member(member)).data)


class Balance(ApiView):
    """A member's points."""

    @extend_schema_serializer(component_name="Balance")
    class Output(Body[Any]):
        member_id = Text()
        balance = WholeNumber(help_text="Points that can be used now.")
        expiring = ExpiringOutput(many=True, help_text="Within 30 days, soonest first.")

    @extend_schema(
        operation_id="getBalance",
        summary="A member's points, and what expires when",
        responses={200: Output, **problems(*READ_PROBLEMS)},
        tags=["members"],
    )
    def get(self, request: Request, member_id: str) -> Response:
        member = find_member(code=member_id)
        parts = expiring([member.pk], at=timezone.now()).get(member.pk, [])
        output = self.Output(
            {
                "member_id": member.code,
                "balance": balances([member.pk])[member.pk],
                "expiring": describe_expiring(parts),
            }
        )
        return Response(output.data)


class Wallets(ApiView):
    """Every wallet of a member."""

    @extend_schema_serializer(component_name="Wallets")
    class Output(Body[Any]):
        member_id = Text()
        wallets = HoldingOutput(many=True, help_text="Every wallet, the points first.")

    @extend_schema(
        operation_id="getWallets",
        summary="What a member has in each wallet",
        responses={200: Output, **problems(*READ_PROBLEMS)},
        tags=["members"],
    )
    def get(self, request: Request, member_id: str) -> Response:
        member = find_member(code=member_id)
        wallets = describe_holdings(holdings(member))
        return Response(self.Output({"member_id": member.code, "wallets": wallets}).data)


@extend_schema_serializer(component_name="HistoryEntry")
class EntryOutput(Body[Any]):
    id = WholeNumber()
    happened_at = Moment()
    kind = Text(help_text="`earn`, `spend`, `expire`, `adjust`, `opening` or `reverse`.")
    points = WholeNumber(help_text="Below zero where points were taken.")
    order_id = Text(
        allow_null=True, help_text="The order that gave them, where it came from you."
    )
    rule = Text(allow_blank=True, help_text="The earn rule.")
    is_reversed = Flag()


class History(ApiView):
    """A member's movements of points."""

    @extend_schema_serializer(component_name="HistoryQuery")
    class Query(Strict):
        before = WholeNumber(
            required=False,
            min_value=1,
            max_value=MAX_ID,
            help_text="The `next` of the page before.",
        )
        limit = WholeNumber(required=False, default=PAGE, min_value=1, max_value=100)
        wallet = Text(
            required=False,
            max_length=40,
            help_text="A wallet's code; that of the points if left out.",
        )

    @extend_schema_serializer(component_name="History")
    class Output(Body[Any]):
        entries = EntryOutput(many=True, help_text="Newest first.")
        next = WholeNumber(
            allow_null=True,
            help_text="Send it as `before` for the next page; null at the end.",
        )

    @extend_schema(
        operation_id="getHistory",
        summary="A member's movements of points",
        parameters=[Query],
        responses={200: Output, **problems(*READ_PROBLEMS)},
        tags=["members"],
    )
    def get(self, request: Request, member_id: str) -> Response:
        told = checked(self.Query(data=request.query_params))
        entries = history_for_till(
            till_key=till_key_of(request),
            member=find_member(code=member_id),
            wallet=told.get("wallet", ""),
            before_id=told.get("before"),
            limit=told["limit"],
        )
        rows = [
            {
                "id": entry.id,
                "happened_at": entry.happened_at,
                "kind": entry.kind,
                "points": entry.amount,
                "order_id": order_id,
                "rule": entry.rule_name,
                "is_reversed": entry.reversed,
            }
            for entry, order_id in entries
        ]
        more = rows[-1]["id"] if len(rows) == told["limit"] else None
        return Response(self.Output({"entries": rows, "next": more}).data)
