"""Paying with points: the server says what they are worth, holds and spends them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activities.services import MAX_TOTAL
from api import paying
from api.fields import Amount, Body, Moment, Phone, Strict, Text, WholeNumber
from api.idempotency import Answer, make_answer
from api.schema import READ_PROBLEMS, WRITE_PROBLEMS, idempotency_key, problems
from api.views.base import ApiView, answer_write, checked, till_key_of
from members.models import Member
from members.services import find_member
from points.models import Reservation
from points.queries import balances
from points.services import default_wallet, gift_fee, gift_points

WHO = ("member_id", "phone", "card_number")
MAX_BESIDE = 5


class WhoInput(Strict):
    """Names a member by one of three."""

    member_id = Text(max_length=40, required=False)
    phone = Phone(required=False)
    card_number = Text(max_length=40, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len([name for name in WHO if attrs.get(name)]) != 1:
            raise serializers.ValidationError(
                _("Name the member by one of member_id, phone and card_number.")
            )
        return attrs


def member_of(told: dict[str, Any]) -> Member:
    return find_member(
        code=told.get("member_id", ""),
        phone=told.get("phone", ""),
        card=told.get("card_number", ""),
    )


def total_field(**options: Any) -> Amount:
    return Amount(
        max_digits=18,
        decimal_places=2,
        min_value=Decimal(0),
        max_value=MAX_TOTAL,
        **options,
    )


@extend_schema_serializer(component_name="AskPayment")
class PaymentInput(WhoInput):
    total = total_field(help_text="What the customer owes.")
    points = WholeNumber(
        required=False, min_value=1, help_text="At most so many; left out: all that may."
    )
    wallet = Text(
        required=False,
        max_length=40,
        help_text="Which wallet pays, by its code; that of the points if left out.",
    )
    beside = serializers.ListField(
        child=Text(max_length=60),
        required=False,
        max_length=MAX_BESIDE,
        help_text="Your other reservations for the same order: this one pays the rest.",
    )


@extend_schema_serializer(component_name="Reserve")
class ReserveInput(PaymentInput):
    reference = Text(max_length=60, help_text="Yours, unique within the source.")


@extend_schema_serializer(component_name="Reservation")
class ReservationOutput(Body[Reservation]):
    reference = Text()
    wallet = Text(source="transfer.from_account.wallet.code", help_text="Which one pays.")
    state = serializers.ChoiceField(choices=Reservation.State.values)
    points = WholeNumber(source="amount", help_text="Reserved.")
    value = total_field(help_text="The money that they pay.")
    spent = WholeNumber(source="captured")
    held_until = Moment(source="expires_at")


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    """Return who wants to pay how much of what, from which wallet."""
    return {
        "member": member_of(told),
        "order_total": told["total"],
        "points": told.get("points"),
        "wallet": paying.find_wallet(told.get("wallet", "")),
        "beside": told.get("beside", ()),
    }


class PaymentQuotes(ApiView):
    """What points can pay."""

    @extend_schema_serializer(component_name="PaymentQuote")
    class Output(Body[Any]):
        points = WholeNumber(help_text="That pay; 0 when none can.")
        value = total_field(help_text="The money that they pay.")
        most_points = WholeNumber(help_text="That this order and balance allow.")
        usable = WholeNumber(help_text="The member's points that can be used today.")
        reason = Text(allow_blank=True, help_text="Why none, or fewer than asked for.")

    @extend_schema(
        operation_id="quotePayment",
        summary="What points can pay on an order",
        description="Nothing is held yet; reserve to be sure of the points.",
        request=PaymentInput,
        responses={200: Output, **problems(*READ_PROBLEMS)},
        tags=["points"],
    )
    def post(self, request: Request) -> Response:
        told = checked(PaymentInput(data=request.data))
        offer = paying.quote(
            till_key=till_key_of(request), **_asked(told), at=timezone.now()
        )
        return Response(self.Output(offer).data)


class Reservations(ApiView):
    """Hold points while the customer pays."""

    @extend_schema(
        operation_id="reservePoints",
        summary="Hold points for an order",
        description=(
            "The server decides how many, in whole blocks. Name the reservation when you "
            "tell the order and they are spent with it; otherwise they go back when the "
            "time is over."
        ),
        parameters=[idempotency_key(is_required=True)],
        request=ReserveInput,
        responses={201: ReservationOutput, **problems(*WRITE_PROBLEMS)},
        tags=["points"],
    )
    def post(self, request: Request) -> HttpResponse:
        told = checked(ReserveInput(data=request.data))

        def act() -> Answer:
            reservation = paying.reserve(
                till_key=till_key_of(request),
                reference=told["reference"],
                **_asked(told),
                at=timezone.now(),
            )
            return make_answer(201, ReservationOutput(reservation).data)

        return answer_write(request, act, needs_key=True)


class ReservationDetail(ApiView):
    """One reservation of this till's source."""

    @extend_schema(
        operation_id="getReservation",
        summary="One of your reservations",
        responses={200: ReservationOutput, **problems(*READ_PROBLEMS)},
        tags=["points"],
    )
    def get(self, request: Request, reference: str) -> Response:
        reservation = paying.find_reservation(till_key_of(request), reference)
        return Response(ReservationOutput(reservation).data)


class Gifts(ApiView):
    """Points from one member to another."""

    @extend_schema_serializer(component_name="GivePoints")
    class Input(Strict):
        gift_id = Text(max_length=60, help_text="Unique within the source of your key.")
        from_member = Text(max_length=40, help_text="The giver's member_id.")
        to_member = Text(max_length=40, help_text="The receiver's member_id.")
        points = WholeNumber(min_value=1, max_value=10**9)
        note = Text(max_length=120, required=False, allow_blank=True)

    @extend_schema_serializer(component_name="GiftTaken")
    class Output(Body[Any]):
        gift_id = Text()
        points = WholeNumber()
        fee = WholeNumber(help_text="What the giver paid on top.")
        balance = WholeNumber(help_text="The giver's points now.")

    @extend_schema(
        operation_id="givePoints",
        summary="Give a member's points to another",
        description=(
            "Where the wallet allows it, within its limits. Ask the giver yourself: the "
            "key speaks for your app. Points keep the days on which they expire."
        ),
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={201: Output, **problems(*WRITE_PROBLEMS)},
        tags=["points"],
    )
    def post(self, request: Request) -> HttpResponse:
        told = checked(self.Input(data=request.data))

        def act() -> Answer:
            wallet = default_wallet()
            giver = find_member(code=told["from_member"])
            gift = gift_points(
                giver=giver,
                receiver=find_member(code=told["to_member"]),
                amount=told["points"],
                key=f"gift:{till_key_of(request).source}:{told['gift_id']}",
                at=timezone.now(),
                wallet=wallet,
                note=told.get("note", ""),
                actor=till_key_of(request).name,
            )
            body = {
                "gift_id": told["gift_id"],
                "points": gift.amount,
                "fee": gift_fee(wallet, gift.amount),
                "balance": balances([giver.pk], wallet=wallet)[giver.pk],
            }
            return make_answer(201, self.Output(body).data)

        return answer_write(request, act, needs_key=True)


class Capture(ApiView):
    """Spend reserved points without an order."""

    @extend_schema_serializer(component_name="Capture")
    class Input(Strict):
        points = WholeNumber(
            required=False, min_value=1, help_text="Left out: all that were reserved."
        )

    @extend_schema(
        operation_id="captureReservation",
        summary="Spend reserved points",
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={200: ReservationOutput, **problems(*WRITE_PROBLEMS)},
        tags=["points"],
    )
    def post(self, request: Request, reference: str) -> HttpResponse:
        told = checked(self.Input(data=request.data))

        def act() -> Answer:
            reservation = paying.capture(
                till_key=till_key_of(request),
                reference=reference,
                points=told.get("points"),
                at=timezone.now(),
            )
            return make_answer(200, ReservationOutput(reservation).data)

        return answer_write(request, act, needs_key=True)


class Release(ApiView):
    """Give reserved points back."""

    @extend_schema_serializer(component_name="Release")
    class Input(Strict):
        pass

    @extend_schema(
        operation_id="releaseReservation",
        summary="Give reserved points back",
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={200: ReservationOutput, **problems(*WRITE_PROBLEMS)},
        tags=["points"],
    )
    def post(self, request: Request, reference: str) -> HttpResponse:
        checked(self.Input(data=request.data))

        def act() -> Answer:
            reservation = paying.release(
                till_key=till_key_of(request), reference=reference, at=timezone.now()
            )
            return make_answer(200, ReservationOutput(reservation).data)

        return answer_write(request, act, needs_key=True)
