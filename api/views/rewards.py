"""Rewards: what a member can have and what is missing, having it, paying, undoing."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import redeeming
from api.fields import Body, Choice, Flag, Moment, Phone, Strict, Text, WholeNumber
from api.idempotency import Answer, make_answer, read_key
from api.schema import READ_PROBLEMS, WRITE_PROBLEMS, idempotency_key, problems
from api.views.base import ApiView, answer_write, checked, till_key_of
from api.views.members import MAX_ID
from api.views.orders import Money
from members.services import find_member
from rewards.models import Fulfilment, Redemption, Voucher
from rewards.offers import Offer


@extend_schema_serializer(component_name="Offer")
class OfferOutput(Body[Any]):
    reward = Text(help_text="The reward's code.")
    name = Text()
    description = Text(allow_blank=True)
    terms = Text(allow_blank=True)
    category = Text(allow_blank=True)
    kind = Text(help_text="`voucher`, `gift`, `points`, `experience`, `donation`, `tag`…")
    wallet = Text(allow_null=True, help_text="Whose units are paid; null: the points.")
    price_points = WholeNumber(help_text="For this member.")
    price_amount = Money(help_text="To be paid at the till as well.")
    because = Text(allow_blank=True, help_text="Why the price is special.")
    left = WholeNumber(allow_null=True, help_text="Null: no end.")
    is_open = Flag(help_text="Whether the member can have it now.")
    missing = WholeNumber(help_text="Units that the member still needs.")
    reason = Text(allow_blank=True, help_text="Why not, for machines.")
    sentence = Text(allow_blank=True, help_text="Why not, for the customer.")


@extend_schema_serializer(component_name="GivenVoucher")
class GivenVoucherOutput(Body[Voucher]):
    code = Text()
    valid_from = Moment(allow_null=True)
    valid_until = Moment(allow_null=True, help_text="Usable up to this moment.")


@extend_schema_serializer(component_name="Redemption")
class RedemptionOutput(Body[Any]):
    number = Text(help_text="What the customer shows.")
    member_id = Text()
    reward = Text(help_text="The reward's code.")
    name = Text()
    state = serializers.ChoiceField(choices=Redemption.State.values)
    points = WholeNumber(help_text="Paid in units of the wallet.")
    wallet = Text(allow_null=True)
    amount = Money(help_text="Money to be paid at the till.")
    pay_until = Moment(allow_null=True, help_text="Null where no money is asked for.")
    paid_at = Moment(allow_null=True)
    redeemed_at = Moment()
    ended_at = Moment(allow_null=True)
    vouchers = GivenVoucherOutput(many=True, help_text="What was given, if vouchers.")


class MemberRewards(ApiView):
    """The catalogue for one member."""

    @extend_schema_serializer(component_name="Offers")
    class Output(Body[Any]):
        offers = OfferOutput(many=True, help_text="As the catalogue shows them.")

    @extend_schema(
        operation_id="getOffers",
        summary="What a member can have now, and what is missing for the rest",
        responses={200: Output, **problems(*READ_PROBLEMS)},
        tags=["rewards"],
    )
    def get(self, request: Request, member_id: str) -> Response:
        member = find_member(code=member_id)
        offers = redeeming.offers_of(member, at=timezone.now())
        body = {"offers": [_describe_offer(offer) for offer in offers]}
        return Response(self.Output(body).data)


class WishesInput(Strict):
    """How a gift or an experience is wanted; may be said later."""

    method = Choice(choices=Fulfilment.Method.values, required=False)
    recipient = Text(max_length=120, required=False)
    phone = Phone(required=False)
    address = Text(max_length=300, required=False)
    province = Text(max_length=60, required=False)
    store = Text(max_length=40, required=False, help_text="The code, for `pick_up`.")
    slot_id = WholeNumber(required=False, min_value=1, max_value=MAX_ID)


class MemberRedemptions(ApiView):
    """Let a member have a reward."""

    @extend_schema_serializer(component_name="RedeemReward")
    class Input(Strict):
        reward = Text(max_length=40, help_text="The reward's code.")
        wishes = WishesInput(required=False)

    @extend_schema(
        operation_id="redeemReward",
        summary="Let a member have a reward for its price",
        description=(
            "Points, stock and what is given move together or not at all. Where money is "
            "asked for as well, points and stock are kept until it is paid (`unpaid`)."
        ),
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={201: RedemptionOutput, **problems(*WRITE_PROBLEMS)},
        tags=["rewards"],
    )
    def post(self, request: Request, member_id: str) -> HttpResponse:
        told = checked(self.Input(data=request.data))
        key = read_key(request.headers.get("Idempotency-Key"), is_required=True)

        def act() -> Answer:
            redemption = redeeming.redeem(
                till_key=till_key_of(request),
                idempotency_key=key or "",
                member=find_member(code=member_id),
                reward_code=told["reward"],
                wishes=told.get("wishes", {}),
                at=timezone.now(),
            )
            return make_answer(201, RedemptionOutput(_describe(redemption)).data)

        return answer_write(request, act, needs_key=True)


class RedemptionDetail(ApiView):
    """One redemption, by the number that the customer shows."""

    @extend_schema(
        operation_id="getRedemption",
        summary="One redemption",
        responses={200: RedemptionOutput, **problems(*READ_PROBLEMS)},
        tags=["rewards"],
    )
    def get(self, request: Request, number: str) -> Response:
        redemption = redeeming.find_redemption(number)
        return Response(RedemptionOutput(_describe(redemption)).data)


class ConfirmPayment(ApiView):
    """The money was paid."""

    @extend_schema_serializer(component_name="ConfirmPayment")
    class Input(Strict):
        pass

    @extend_schema(
        operation_id="confirmRedemptionPayment",
        summary="Say that the money was paid, and hand over what was bought",
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={200: RedemptionOutput, **problems(*WRITE_PROBLEMS)},
        tags=["rewards"],
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        checked(self.Input(data=request.data))

        def act() -> Answer:
            redemption = redeeming.confirm(
                till_key=till_key_of(request), code=number, at=timezone.now()
            )
            return make_answer(200, RedemptionOutput(_describe(redemption)).data)

        return answer_write(request, act, needs_key=True)


class Cancellation(ApiView):
    """Undo a redemption."""

    @extend_schema_serializer(component_name="CancelRedemption")
    class Input(Strict):
        note = Text(max_length=200, required=False, allow_blank=True, help_text="Why.")

    @extend_schema(
        operation_id="cancelRedemption",
        summary="Undo a redemption: points, stock and what was given go back",
        description=(
            "Refused with 409 `cannot_take_back` when what was given is used already. "
            "Money that was paid is given back by hand."
        ),
        parameters=[idempotency_key(is_required=True)],
        request=Input,
        responses={200: RedemptionOutput, **problems(*WRITE_PROBLEMS)},
        tags=["rewards"],
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        told = checked(self.Input(data=request.data))

        def act() -> Answer:
            redemption = redeeming.cancel(
                till_key=till_key_of(request),
                code=number,
                note=told.get("note", ""),
                at=timezone.now(),
            )
            return make_answer(200, RedemptionOutput(_describe(redemption)).data)

        return answer_write(request, act, needs_key=True)


# --- Telling ----------------------------------------------------------------------------


def _describe_offer(offer: Offer) -> dict[str, Any]:
    reward, lock = offer.reward, offer.lock
    return {
        "reward": reward.code,
        "name": reward.name,
        "description": reward.description,
        "terms": reward.fine_print,
        "category": reward.category.name if reward.category else "",
        "kind": reward.benefit.kind,
        "wallet": reward.wallet.code if reward.wallet else None,
        "price_points": offer.price_points,
        "price_amount": offer.price_amount,
        "because": offer.because,
        "left": reward.left,
        "is_open": offer.is_open,
        "missing": offer.missing,
        "reason": lock.code if lock else "",
        "sentence": lock.sentence if lock else "",
    }


def _describe(redemption: Redemption) -> dict[str, Any]:
    reward = redemption.reward
    return {
        "number": redemption.code,
        "member_id": redemption.member.code,
        "reward": reward.code,
        "name": reward.name,
        "state": redemption.state,
        "points": redemption.points,
        "wallet": reward.wallet.code if reward.wallet else None,
        "amount": redemption.amount,
        "pay_until": redemption.pay_until if redemption.amount else None,
        "paid_at": redemption.paid_at,
        "redeemed_at": redemption.redeemed_at,
        "ended_at": redemption.ended_at,
        "vouchers": redeeming.vouchers_given(redemption),
    }
