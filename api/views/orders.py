"""Orders: a purchase becomes points in the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activities.models import Order, OrderLine
from activities.services import MAX_TOTAL, OrderLineFact
from api.fields import Amount, Body, Choice, Flag, Moment, Phone, Strict, Text, WholeNumber
from api.guard import Guard
from api.idempotency import Answer, make_answer
from api.schema import READ_PROBLEMS, WRITE_PROBLEMS, idempotency_key, problems
from api.services import OrderTaken, OrderTold, find_order, points_of_order, take_order
from api.views.base import ApiView, answer_write, checked, till_key_of
from api.views.members import (
    EarnedOutput,
    ExpiringOutput,
    PerkOutput,
    TierOutput,
    describe_earned,
    describe_expiring,
    describe_tier,
)
from core.models import Programme
from rewards.discounts.engine import MOST_ASKED
from rewards.models import VoucherUse
from rewards.using.settling import Settled

MAX_LINES = 500
MAX_RESERVATIONS = 5
# Longer than any code, with all the spaces and dashes that people put into it.
MAX_TYPED = 100
WHO = ("member_id", "phone", "card_number")
EXAMPLE = {
    "order_id": "HD-2026-000123",
    "phone": "0912345678",
    "create_member": True,
    "placed_at": "2026-03-02T12:00:00+07:00",
    "total": "185000",
    "lines": [{"sku": "CF1", "product": "Cà phê sữa", "quantity": "2", "total": "185000"}],
}


class Money(Amount):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "max_digits": 18,
                "decimal_places": 2,
                "min_value": Decimal(0),
                "max_value": MAX_TOTAL,
                **options,
            }
        )


@extend_schema_serializer(component_name="OrderLineInput")
class LineInput(Strict):
    sku = Text(max_length=60, required=False, allow_blank=True)
    product = Text(max_length=160, required=False, allow_blank=True)
    category = Text(max_length=80, required=False, allow_blank=True)
    quantity = Amount(max_digits=12, decimal_places=3, required=False)
    unit_price = Money(required=False, allow_null=True)
    discount = Money(required=False)
    brand = Text(max_length=80, required=False, allow_blank=True)
    labels = serializers.ListField(child=Text(max_length=40), required=False, max_length=20)
    # A returned or given-away article may stand on an order with an amount below zero.
    total = Money(min_value=-MAX_TOTAL)


@extend_schema_serializer(component_name="OrderLine")
class LineOutput(Body[OrderLine]):
    sku = Text()
    product = Text()
    category = Text()
    quantity = Amount(max_digits=12, decimal_places=3)
    unit_price = Money(allow_null=True)
    discount = Money()
    total = Money()


def codes_field(**options: Any) -> serializers.ListField:
    """Return the field for codes of vouchers, as the customer or a scanner gave them."""
    code = Text(max_length=MAX_TYPED)
    return serializers.ListField(child=code, max_length=MOST_ASKED, **options)


def line_facts(lines: Sequence[dict[str, Any]]) -> tuple[OrderLineFact, ...]:
    return tuple(
        OrderLineFact(**{**line, "labels": tuple(line.get("labels", ()))}) for line in lines
    )


@extend_schema_serializer(component_name="OrderVoucher")
class VoucherOutput(Body[Any]):
    code = Text(help_text="As it was told.")
    is_accepted = Flag(help_text="Whether it is used up by this order.")
    taken_off = Money(help_text="What it takes off by its own terms.")
    reason = Text(allow_blank=True, help_text="Why it is not accepted; for machines.")
    sentence = Text(allow_blank=True, help_text="The same for the customer.")


@extend_schema_serializer(component_name="OrderMember")
class OrderMember(Body[Any]):
    member_id = Text()
    name = Text(allow_blank=True)


class Orders(ApiView):
    """Tell an order."""

    @extend_schema_serializer(component_name="TellOrder")
    class Input(Strict):
        order_id = Text(max_length=80, help_text="Unique within the source of your key.")
        member_id = Text(max_length=40, required=False)
        phone = Phone(required=False)
        card_number = Text(max_length=40, required=False)
        total = Money(help_text="What the customer paid.")
        placed_at = Moment(required=False, help_text="With its time zone; now if left out.")
        currency = Choice(choices=Programme.Currency.values, required=False)
        status = Choice(choices=Order.Status.values, required=False)
        channel = Choice(choices=Order.Channel.values, required=False)
        store = Text(
            max_length=40,
            required=False,
            help_text="A store's code; the key's own if left out.",
        )
        # The list's own limit is checked before any line is looked at.
        discount = Money(required=False, help_text="Taken off the order before the total.")
        voucher_discount = Money(required=False, help_text="Taken off by vouchers.")
        tax = Money(required=False, help_text="Tax within the total.")
        delivery_fee = Money(required=False, help_text="Delivery within the total.")
        points_amount = Money(
            required=False, help_text="How much of the total was paid with points."
        )
        payment_method = Text(max_length=20, required=False, allow_blank=True)
        promo_code = Text(max_length=40, required=False, allow_blank=True)
        reservation = Text(
            max_length=60,
            required=False,
            help_text="Your reservation of points that paid; it is spent with the order.",
        )
        reservations = serializers.ListField(
            child=Text(max_length=60),
            required=False,
            max_length=MAX_RESERVATIONS,
            help_text="Where several wallets paid: all of your reservations.",
        )
        vouchers = codes_field(
            required=False, help_text="Codes of the vouchers that the customer used."
        )
        lines = LineInput(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]
        create_member = Flag(
            required=False, help_text="Register the phone if it is nobody's yet."
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if len([name for name in WHO if attrs.get(name)]) != 1:
                raise serializers.ValidationError(
                    _("Name the member by one of member_id, phone and card_number.")
                )
            if attrs.get("create_member") and not attrs.get("phone"):
                raise serializers.ValidationError(
                    {"create_member": [_("A new member needs “phone”.")]}
                )
            told = [attrs.pop("reservation", ""), *attrs.get("reservations", ())]
            attrs["reservations"] = tuple(dict.fromkeys(filter(None, told)))
            attrs["lines"] = line_facts(attrs.get("lines", ()))
            attrs["vouchers"] = tuple(attrs.get("vouchers", ()))
            return attrs

    @extend_schema_serializer(component_name="OrderTaken")
    class Output(Body[Any]):
        order_id = Text()
        status = serializers.ChoiceField(
            choices=["recorded", "known"], help_text="`known`: told before, same content."
        )
        points = WholeNumber(help_text="What this order gave.")
        balance = WholeNumber(help_text="The member's points now.")
        wallets = EarnedOutput(
            many=True, help_text="What it gave, wallet by wallet; held amounts included."
        )
        member = OrderMember()
        expiring = ExpiringOutput(many=True, help_text="Within 30 days, soonest first.")
        tier = TierOutput(
            allow_null=True, help_text="After this order; null without tiers."
        )
        perks = PerkOutput(many=True, help_text="What the tier entitles the customer to.")
        vouchers = VoucherOutput(
            many=True, help_text="What became of the codes; the order stands anyway."
        )

    @extend_schema(
        operation_id="tellOrder",
        summary="Tell an order and get its points",
        description=(
            "An order number counts once within the source of your key: told again with "
            "the same content it answers 200, `known` and the points of the first time; "
            "with other content, 409."
        ),
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        examples=[OpenApiExample("A purchase", value=EXAMPLE, request_only=True)],
        responses={200: Output, 201: Output, **problems(*WRITE_PROBLEMS)},
        tags=["orders"],
    )
    def post(self, request: Request) -> HttpResponse:
        told = OrderTold(**checked(self.Input(data=request.data)))

        guard = Guard(request)

        def act() -> Answer:
            taken = take_order(till_key=till_key_of(request), told=told, at=timezone.now())
            guard.saw_order(taken)
            body = self.Output(_describe_taken(taken)).data
            return make_answer(201 if taken.is_new else 200, body)

        response = answer_write(request, act, needs_key=True)
        guard.note_misses()
        return response


def _describe_taken(taken: OrderTaken) -> dict[str, Any]:
    return {
        "order_id": taken.order_id,
        "status": "recorded" if taken.is_new else "known",
        "points": taken.points,
        "balance": taken.balance,
        "wallets": describe_earned(taken.given),
        "member": {"member_id": taken.member.code, "name": taken.member.name},
        "expiring": describe_expiring(taken.expiring),
        **describe_tier(taken.tier),
        "vouchers": [_describe_voucher(one) for one in taken.vouchers],
    }


def _describe_voucher(settled: Settled) -> dict[str, Any]:
    use, refusal = settled.use, settled.refusal
    return {
        "code": settled.code,
        "is_accepted": use is not None and use.state == VoucherUse.State.USED,
        "taken_off": use.discount if use else 0,
        "reason": refusal.code if refusal else "",
        "sentence": refusal.sentence if refusal else "",
    }


class OrderDetail(ApiView):
    """One order of this till's source."""

    @extend_schema_serializer(component_name="Order")
    class Output(Body[Any]):
        order_id = Text()
        member = OrderMember()
        placed_at = Moment()
        total = Money()
        currency = Text()
        status = serializers.ChoiceField(choices=Order.Status.values)
        channel = serializers.ChoiceField(choices=Order.Channel.values)
        store = Text(allow_null=True)
        points = WholeNumber(help_text="What this order gave.")
        recorded_at = Moment()
        lines = LineOutput(many=True)

    @extend_schema(
        operation_id="getOrder",
        summary="One of your orders",
        responses={200: Output, **problems(*READ_PROBLEMS)},
        tags=["orders"],
    )
    def get(self, request: Request, order_id: str) -> Response:
        order = find_order(till_key=till_key_of(request), order_id=order_id)
        return Response(self.Output(_describe_order(order)).data)


def _describe_order(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.external_id,
        "member": {"member_id": order.member.code, "name": order.member.name},
        "placed_at": order.placed_at,
        "total": order.total,
        "currency": order.currency,
        "status": order.status,
        "channel": order.channel,
        "store": order.store.code if order.store else None,
        "points": points_of_order(order),
        "recorded_at": order.created_at,
        "lines": order.lines.all(),
    }
