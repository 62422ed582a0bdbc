"""Vouchers at the till: what they take off, held while the customer pays, used, undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activities.models import Order
from api import vouchers
from api.fields import Body, Choice, Flag, Moment, Phone, Strict, Text, WholeNumber
from api.guard import Guard
from api.idempotency import Answer, make_answer
from api.models import TillKey
from api.schema import (
    GUESS_PROBLEMS,
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    idempotency_key,
    problems,
)
from api.views.base import ApiView, answer_write, checked, till_key_of
from api.views.members import MAX_ID, PAGE
from api.views.orders import MAX_LINES, LineInput, Money, codes_field, line_facts
from api.views.points import WHO, member_of
from core.addresses import is_address
from members.models import Member
from members.services import find_member
from rewards.errors import VoucherRefused
from rewards.models import Voucher, VoucherUse
from rewards.models.vouchers import MAX_REFERENCE
from rewards.services import (
    release_vouchers,
    roll_back_vouchers,
    use_held_vouchers,
)
from rewards.using.checking import Answer as Checked
from rewards.using.groups import furthest

# Which fields of a body say what is bought.
BASKET = (
    "total",
    "codes",
    "lines",
    "delivery_fee",
    "store",
    "channel",
    "payment_method",
)


@extend_schema_serializer(component_name="VoucherBasket")
class BasketInput(Strict):
    codes = codes_field(min_length=1, help_text="As the customer or a scanner gave them.")
    total = Money(help_text="What the customer would pay without vouchers.")
    member_id = Text(max_length=40, required=False)
    phone = Phone(required=False)
    card_number = Text(max_length=40, required=False)
    delivery_fee = Money(required=False, help_text="Delivery within the total.")
    channel = Choice(choices=Order.Channel.values, required=False)
    store = Text(
        max_length=40,
        required=False,
        help_text="A store's code; the key's own if left out.",
    )
    payment_method = Text(max_length=20, required=False, allow_blank=True)
    lines = LineInput(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]
    customer_ip = Text(
        max_length=45,
        required=False,
        help_text="The shopper's address, from a web shop: wrong codes count for it.",
    )

    def validate_customer_ip(self, value: str) -> str:
        if not is_address(value):
            raise serializers.ValidationError(
                _("Send an address such as 203.0.113.9, or leave this field out.")
            )
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len([name for name in WHO if attrs.get(name)]) > 1:
            raise serializers.ValidationError(
                _("Name the member by one of member_id, phone and card_number, or not.")
            )
        if attrs.get("delivery_fee", 0) > attrs["total"]:
            raise serializers.ValidationError(
                {"delivery_fee": [_("The delivery fee is part of the total.")]}
            )
        attrs["lines"] = line_facts(attrs.get("lines", ()))
        attrs["codes"] = tuple(attrs["codes"])
        return attrs


@extend_schema_serializer(component_name="UseVouchers")
class UseInput(BasketInput):
    reference = Text(
        max_length=MAX_REFERENCE,
        help_text="Yours, unique within the source; best the order's number.",
    )


@extend_schema_serializer(component_name="VoucherLine")
class LineTaken(Body[Any]):
    line = WholeNumber(help_text="Its place among the lines that were told, from 1.")
    taken_off = Money()


@extend_schema_serializer(component_name="CheckedVoucher")
class CheckedOutput(Body[Any]):
    code = Text(help_text="As it was told.")
    is_usable = Flag()
    name = Text(allow_blank=True)
    taken_off = Money(help_text="In all, with delivery.")
    delivery = Money(help_text="Of that, off the delivery fee.")
    lines = LineTaken(many=True, help_text="Of that, off each line.")
    notes = serializers.ListField(child=Text(), help_text="How it came about.")
    reason = Text(allow_blank=True, help_text="Why it cannot be used; for machines.")
    sentence = Text(allow_blank=True, help_text="The same for the customer.")


@extend_schema_serializer(component_name="UsedVoucher")
class UsedOutput(Body[Any]):
    code = Text()
    name = Text()
    state = serializers.ChoiceField(choices=VoucherUse.State.values)
    taken_off = Money(help_text="In all, with delivery.")
    delivery = Money(help_text="Of that, off the delivery fee.")
    lines = LineTaken(many=True, help_text="Of that, off each line.")
    notes = serializers.ListField(child=Text(), help_text="How it came about.")


@extend_schema_serializer(component_name="VoucherUse")
class UseOutput(Body[Any]):
    reference = Text()
    state = serializers.ChoiceField(
        choices=VoucherUse.State.values,
        help_text="Of its vouchers, that of the one that got furthest.",
    )
    held_until = Moment(allow_null=True, help_text="Usable up to this moment.")
    total = Money(help_text="Without vouchers.")
    taken_off = Money()
    to_pay = Money()
    vouchers = UsedOutput(many=True)


class Validation(ApiView):
    """What vouchers take off."""

    @extend_schema_serializer(component_name="CheckedVouchers")
    class Output(Body[Any]):
        total = Money(help_text="Without vouchers.")
        taken_off = Money(help_text="By all that can be used, together.")
        to_pay = Money()
        vouchers = CheckedOutput(many=True, help_text="In the order of the codes.")

    @extend_schema(
        operation_id="validateVouchers",
        summary="What vouchers take off an order, or why not",
        description=(
            "Nothing is held yet. Name the member to learn why a voucher of theirs cannot "
            "be used; for any other code there is one answer, whatever the reason."
        ),
        request=BasketInput,
        responses={200: Output, **problems(*READ_PROBLEMS, *GUESS_PROBLEMS)},
        tags=["vouchers"],
    )
    def post(self, request: Request) -> Response:
        told = checked(BasketInput(data=request.data))
        guard = Guard(request, told_address=told.get("customer_ip", ""))
        member = _member_of(told)
        guard.let_in(member)
        quote = vouchers.check(
            till_key=till_key_of(request),
            basket=_basket_of(told),
            member=member,
            at=timezone.now(),
        )
        guard.saw(quote.misses)
        guard.count()
        body = {
            "total": quote.total,
            "taken_off": quote.taken,
            "to_pay": quote.to_pay,
            "vouchers": [_describe_checked(answer) for answer in quote.answers],
        }
        return Response(self.Output(body).data)


Claim = Callable[..., list[VoucherUse]]


def _claim(request: Request, claim: Claim) -> HttpResponse:
    """Hold or use once for its Idempotency-Key; what was missed counts in any case."""
    told = checked(UseInput(data=request.data))
    guard = Guard(request, told_address=told.get("customer_ip", ""))

    def act() -> Answer:
        member = _member_of(told)
        guard.let_in(member)
        try:
            uses = claim(
                till_key=till_key_of(request),
                reference=told["reference"],
                basket=_basket_of(told),
                member=member,
                at=timezone.now(),
            )
        except VoucherRefused as refusal:
            guard.saw_refusal(refusal)
            raise
        return make_answer(201, UseOutput(_describe(uses)).data)

    response = answer_write(request, act, needs_key=True)
    guard.count()
    return response


class Holds(ApiView):
    """Hold vouchers while the customer pays."""

    @extend_schema(
        operation_id="holdVouchers",
        summary="Hold vouchers for an order",
        description=(
            "All codes or none. Tell the order with the same number and its codes, and "
            "they are used with it; otherwise they are free when the time is over."
        ),
        parameters=[idempotency_key(is_required=True)],
        request=UseInput,
        responses={201: UseOutput, **problems(*WRITE_PROBLEMS, *GUESS_PROBLEMS)},
        tags=["vouchers"],
    )
    def post(self, request: Request) -> HttpResponse:
        return _claim(request, vouchers.hold)


class Uses(ApiView):
    """Use vouchers at once."""

    @extend_schema(
        operation_id="useVouchers",
        summary="Use vouchers on an order",
        description="All codes or none; with the content of a hold, it is used.",
        parameters=[idempotency_key(is_required=True)],
        request=UseInput,
        responses={201: UseOutput, **problems(*WRITE_PROBLEMS, *GUESS_PROBLEMS)},
        tags=["vouchers"],
    )
    def post(self, request: Request) -> HttpResponse:
        return _claim(request, vouchers.use)


class UseDetail(ApiView):
    """What stands under one reference of this till's source."""

    @extend_schema(
        operation_id="getVoucherUse",
        summary="The vouchers of one of your references",
        responses={200: UseOutput, **problems(*READ_PROBLEMS)},
        tags=["vouchers"],
    )
    def get(self, request: Request, reference: str) -> Response:
        uses = vouchers.find_uses(till_key_of(request), reference)
        return Response(UseOutput(_describe(uses)).data)


class _Step(ApiView):
    """A step of what stands under a reference."""

    verb: Callable[..., list[VoucherUse]]

    @extend_schema_serializer(component_name="VoucherStep")
    class Input(Strict):
        pass

    def step(self, request: Request, reference: str) -> HttpResponse:
        checked(self.Input(data=request.data))
        till_key: TillKey = till_key_of(request)

        def act() -> Answer:
            uses = type(self).verb(
                source=till_key.source, reference=reference, at=timezone.now()
            )
            return make_answer(200, UseOutput(_describe(uses)).data)

        return answer_write(request, act, needs_key=True)


class UseHeld(_Step):
    """Use what is held."""

    verb = staticmethod(use_held_vouchers)

    @extend_schema(
        operation_id="useHeldVouchers",
        summary="Use held vouchers",
        parameters=[idempotency_key(is_required=True)],
        request=_Step.Input,
        responses={200: UseOutput, **problems(*WRITE_PROBLEMS)},
        tags=["vouchers"],
    )
    def post(self, request: Request, reference: str) -> HttpResponse:
        return self.step(request, reference)


class Release(_Step):
    """Let go of what is held."""

    verb = staticmethod(release_vouchers)

    @extend_schema(
        operation_id="releaseVouchers",
        summary="Let go of held vouchers",
        description="Afterwards the same reference may hold them anew, or others.",
        parameters=[idempotency_key(is_required=True)],
        request=_Step.Input,
        responses={200: UseOutput, **problems(*WRITE_PROBLEMS)},
        tags=["vouchers"],
    )
    def post(self, request: Request, reference: str) -> HttpResponse:
        return self.step(request, reference)


class RollBack(_Step):
    """Take a use back."""

    verb = staticmethod(roll_back_vouchers)

    @extend_schema(
        operation_id="rollBackVouchers",
        summary="Take the use of vouchers back",
        description=(
            "For an order that did not come about. Orders that you tell as cancelled, or "
            "wholly refunded, give their vouchers back by themselves."
        ),
        parameters=[idempotency_key(is_required=True)],
        request=_Step.Input,
        responses={200: UseOutput, **problems(*WRITE_PROBLEMS)},
        tags=["vouchers"],
    )
    def post(self, request: Request, reference: str) -> HttpResponse:
        return self.step(request, reference)


@extend_schema_serializer(component_name="Voucher")
class VoucherOutput(Body[Voucher]):
    id = WholeNumber(source="pk")
    code = Text()
    type = Text(source="voucher_type.code")
    name = Text(source="voucher_type.name")
    terms = Text(source="voucher_type.fine_print", allow_blank=True)
    valid_from = Moment(allow_null=True)
    valid_until = Moment(allow_null=True, help_text="Usable up to this moment.")
    uses_left = serializers.SerializerMethodField(help_text="Null: any number.")

    def get_uses_left(self, voucher: Voucher) -> int | None:
        return None if voucher.max_uses is None else voucher.max_uses - voucher.uses


class MemberVouchers(ApiView):
    """What a member can use."""

    @extend_schema_serializer(component_name="VouchersQuery")
    class Query(Strict):
        before = WholeNumber(
            required=False,
            min_value=1,
            max_value=MAX_ID,
            help_text="The `next` of the page before.",
        )
        limit = WholeNumber(required=False, default=PAGE, min_value=1, max_value=100)

    @extend_schema_serializer(component_name="MemberVouchers")
    class Output(Body[Any]):
        vouchers = VoucherOutput(many=True, help_text="Newest first.")
        next = WholeNumber(
            allow_null=True,
            help_text="Send it as `before` for the next page; null at the end.",
        )

    @extend_schema(
        operation_id="getMemberVouchers",
        summary="The vouchers that a member can use, now or later",
        parameters=[Query],
        responses={200: Output, **problems(*READ_PROBLEMS)},
        tags=["vouchers"],
    )
    def get(self, request: Request, member_id: str) -> Response:
        told = checked(self.Query(data=request.query_params))
        page = vouchers.vouchers_of(
            find_member(code=member_id),
            at=timezone.now(),
            before_id=told.get("before"),
            limit=told["limit"],
        )
        more = page[-1].pk if len(page) == told["limit"] else None
        return Response(self.Output({"vouchers": page, "next": more}).data)


# --- Telling ----------------------------------------------------------------------------


def _member_of(told: dict[str, Any]) -> Member | None:
    return member_of(told) if any(told.get(name) for name in WHO) else None


def _basket_of(told: dict[str, Any]) -> vouchers.Basket:
    return vouchers.Basket(**{name: told[name] for name in BASKET if name in told})


def _describe_checked(answer: Checked) -> dict[str, Any]:
    """Say what a code does; of one that the reader may know nothing about, nothing."""
    lock, priced = answer.told, answer.priced
    is_open = answer.is_usable and priced is not None
    return {
        "code": answer.found.typed,
        "is_usable": answer.is_usable,
        "name": "" if answer.is_miss else answer.voucher.voucher_type.name,
        "taken_off": answer.taken,
        "delivery": priced.delivery if priced and is_open else Decimal(0),
        "lines": _describe_lines(priced.lines if priced and is_open else ()),
        "notes": priced.notes if priced and is_open else (),
        "reason": lock.code if lock else "",
        "sentence": lock.sentence if lock else "",
    }


def _describe(uses: Sequence[VoucherUse]) -> dict[str, Any]:
    """Describe what stands under a reference; its amounts are those that got furthest."""
    state = furthest(uses)
    taken = sum((use.discount for use in uses if use.state == state), Decimal(0))
    first = uses[0]
    return {
        "reference": first.reference,
        "state": state,
        "held_until": first.held_until if state == VoucherUse.State.HELD else None,
        "total": first.order_total,
        "taken_off": taken,
        "to_pay": first.order_total - taken,
        "vouchers": [_describe_use(use) for use in uses],
    }


def _describe_use(use: VoucherUse) -> dict[str, Any]:
    return {
        "code": use.voucher.code,
        "name": use.voucher.voucher_type.name,
        "state": use.state,
        "taken_off": use.discount,
        "delivery": Decimal(use.breakdown["delivery"]),
        "lines": _describe_lines(
            [(place, Decimal(amount)) for place, amount in use.breakdown["lines"]]
        ),
        "notes": use.breakdown["notes"],
    }


def _describe_lines(lines: Sequence[tuple[int, Decimal]]) -> list[dict[str, Any]]:
    return [{"line": place, "taken_off": amount} for place, amount in lines]
