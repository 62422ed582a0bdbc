"""Refunds, deliveries and activities: what else a till or an app has to tell."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from activities.models import Refund
from activities.services import ActivityFact, RefundFact, RefundLineFact
from api.errors import OrderConflict, OrderRefused
from api.fields import Amount, Body, Moment, Strict, Text, WholeNumber
from api.idempotency import Answer, make_answer
from api.schema import WRITE_PROBLEMS, idempotency_key, problems
from api.services import find_order
from api.views.base import ApiView, answer_write, checked, till_key_of
from api.views.points import WhoInput, member_of, total_field
from flows.record import NEW, REFUSED, record_activities, record_refunds
from points.queries import balances
from points.services import deliver_orders

MAX_LINES = 500


@extend_schema_serializer(component_name="RefundLineInput")
class RefundLineInput(Strict):
    sku = Text(max_length=60, required=False, allow_blank=True)
    product = Text(max_length=160, required=False, allow_blank=True)
    quantity = Amount(
        max_digits=12, decimal_places=3, min_value=Decimal("0.001"), required=False
    )
    total = total_field(help_text="Money given back for it, above zero.")


class Refunds(ApiView):
    """Tell goods that came back."""

    @extend_schema_serializer(component_name="TellRefund")
    class Input(WhoInput):
        refund_id = Text(max_length=80, help_text="Unique within the source of your key.")
        order_id = Text(
            max_length=80,
            required=False,
            help_text="The sale it gives back; left out: the member's latest that fits.",
        )
        total = total_field(help_text="Money given back.")
        refunded_at = Moment(required=False, help_text="Now if left out.")
        reason = Text(max_length=120, required=False, allow_blank=True)
        lines = RefundLineInput(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]

    @extend_schema_serializer(component_name="RefundTaken")
    class Output(Body[Any]):
        refund_id = Text()
        status = serializers.ChoiceField(choices=["recorded", "known"])
        points_taken = WholeNumber(help_text="Taken back.")
        points_short = WholeNumber(help_text="Already spent, and not taken.")
        points_returned = WholeNumber(help_text="Points that had paid, given back.")
        unmatched = total_field(help_text="Money for which no sale is known.")
        balance = WholeNumber(help_text="The member's points now.")

    @extend_schema(
        operation_id="tellRefund",
        summary="Tell goods that came back",
        description=(
            "The rules are asked again about what remains of the sale; the difference is "
            "taken back. A refund that comes before its sale waits for it."
        ),
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={200: Output, 201: Output, **problems(*WRITE_PROBLEMS)},
        tags=["refunds"],
    )
    def post(self, request: Request) -> HttpResponse:
        told = checked(self.Input(data=request.data))

        def act() -> Answer:
            now = timezone.now()
            member = member_of(told)
            fact = RefundFact(
                source=till_key_of(request).source,
                external_id=told["refund_id"],
                member_id=member.pk,
                refunded_at=told.get("refunded_at") or _time_told(request, told) or now,
                total=told["total"],
                order_number=told.get("order_id", ""),
                reason=told.get("reason", ""),
                lines=tuple(RefundLineFact(**line) for line in told.get("lines", ())),
            )
            (saved,) = record_refunds([fact], at=now)
            _refuse(saved.outcome, saved.code, saved.reason, told["refund_id"])
            refund = Refund.objects.get(pk=saved.refund_id or 0)
            body = {
                "refund_id": refund.external_id,
                "status": "recorded" if saved.outcome == NEW else "known",
                "points_taken": refund.points_taken,
                "points_short": refund.points_short,
                "points_returned": refund.points_returned,
                "unmatched": refund.unmatched,
                "balance": balances([member.pk])[member.pk],
            }
            status = 201 if saved.outcome == NEW else 200
            return make_answer(status, self.Output(body).data)

        return answer_write(request, act, needs_key=True)


def _time_told(request: Request, told: dict[str, Any]) -> Any:
    """Return the time a refund was first given; a repeat without a time means that one."""
    stored = Refund.objects.filter(
        source=till_key_of(request).source, external_id=told["refund_id"]
    )
    return stored.values_list("refunded_at", flat=True).first()


def _refuse(outcome: str, code: str, reason: str, number: str) -> None:
    if outcome != REFUSED:
        return
    if code == "conflict":
        raise OrderConflict(reason, number=number)
    raise OrderRefused(reason, reason=code)


class Deliveries(ApiView):
    """Tell that an order was delivered."""

    @extend_schema_serializer(component_name="TellDelivery")
    class Input(Strict):
        order_id = Text(max_length=80)
        delivered_at = Moment(required=False, help_text="Now if left out.")

    @extend_schema_serializer(component_name="DeliveryTaken")
    class Output(Body[Any]):
        order_id = Text()
        points_released = WholeNumber(help_text="Held points that are usable at once.")

    @extend_schema(
        operation_id="tellDelivery",
        summary="Tell that an order was delivered",
        description="Points that waited for it become usable, at once or after their days.",
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={200: Output, **problems(*WRITE_PROBLEMS)},
        tags=["orders"],
    )
    def post(self, request: Request) -> HttpResponse:
        told = checked(self.Input(data=request.data))

        def act() -> Answer:
            order = find_order(till_key=till_key_of(request), order_id=told["order_id"])
            at = told.get("delivered_at") or timezone.now()
            matured = deliver_orders([order.pk], at=at)
            body = {"order_id": order.external_id, "points_released": matured.points}
            return make_answer(200, self.Output(body).data)

        return answer_write(request, act, needs_key=True)


class Activities(ApiView):
    """Tell what a member did besides buying."""

    @extend_schema_serializer(component_name="TellActivity")
    class Input(WhoInput):
        activity_id = Text(max_length=80, help_text="Unique within the source of your key.")
        type = Text(max_length=40, help_text="The code of its kind, from the console.")
        quantity = Amount(
            max_digits=14, decimal_places=3, min_value=Decimal(0), required=False
        )
        happened_at = Moment(help_text="With its time zone.")

    @extend_schema_serializer(component_name="ActivityTaken")
    class Output(Body[Any]):
        activity_id = Text()
        status = serializers.ChoiceField(choices=["recorded", "known"])
        points = WholeNumber(help_text="Given by this call.")
        balance = WholeNumber(help_text="The member's points now.")

    @extend_schema(
        operation_id="tellActivity",
        summary="Tell what a member did",
        description="A review, a check-in, a survey, steps walked: rules may give points.",
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={200: Output, 201: Output, **problems(*WRITE_PROBLEMS)},
        tags=["activities"],
    )
    def post(self, request: Request) -> HttpResponse:
        told = checked(self.Input(data=request.data))

        def act() -> Answer:
            member = member_of(told)
            fact = ActivityFact(
                type=told["type"],
                source=till_key_of(request).source,
                external_id=told["activity_id"],
                member_id=member.pk,
                happened_at=told["happened_at"],
                quantity=told.get("quantity", Decimal(1)),
            )
            (recorded,) = record_activities([fact], at=timezone.now())
            saved = recorded.saved
            _refuse(saved.outcome, saved.code, saved.reason, fact.external_id)
            is_new = saved.outcome == NEW
            body = {
                "activity_id": fact.external_id,
                "status": "recorded" if is_new else "known",
                "points": recorded.points,
                "balance": balances([member.pk])[member.pk],
            }
            return make_answer(201 if is_new else 200, self.Output(body).data)

        return answer_write(request, act, needs_key=True)
