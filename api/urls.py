"""Addresses of the API, below /api/v1/."""

from django.urls import path, re_path

from api.views.base import NoSuchAddress
from api.views.facts import Activities, Deliveries, Refunds
from api.views.members import Balance, History, MemberDetail, Members, Wallets
from api.views.orders import OrderDetail, Orders
from api.views.points import (
    Capture,
    Gifts,
    PaymentQuotes,
    Release,
    ReservationDetail,
    Reservations,
)
from api.views.rewards import (
    Cancellation,
    ConfirmPayment,
    MemberRedemptions,
    MemberRewards,
    RedemptionDetail,
)
from api.views.vouchers import (
    Holds,
    MemberVouchers,
    RollBack,
    UseDetail,
    UseHeld,
    Uses,
    Validation,
)
from api.views.vouchers import Release as ReleaseVouchers
from api.views.webhooks import SmsReport, ZaloWebhook

app_name = "api"

urlpatterns = [
    path("orders/", Orders.as_view(), name="orders"),
    # Order numbers such as HD/2026/001 are in use.
    path("orders/<path:order_id>/", OrderDetail.as_view(), name="order-detail"),
    path("refunds/", Refunds.as_view(), name="refunds"),
    path("deliveries/", Deliveries.as_view(), name="deliveries"),
    path("activities/", Activities.as_view(), name="activities"),
    path("payments/quote/", PaymentQuotes.as_view(), name="payment-quote"),
    path("gifts/", Gifts.as_view(), name="gifts"),
    path("reservations/", Reservations.as_view(), name="reservations"),
    path("reservations/<str:reference>/capture/", Capture.as_view(), name="capture-points"),
    path("reservations/<str:reference>/release/", Release.as_view(), name="release-points"),
    path(
        "reservations/<str:reference>/",
        ReservationDetail.as_view(),
        name="reservation-detail",
    ),
    path("vouchers/validate/", Validation.as_view(), name="validate-vouchers"),
    path("vouchers/holds/", Holds.as_view(), name="voucher-holds"),
    # References are often order numbers.
    path(
        "vouchers/holds/<path:reference>/use/", UseHeld.as_view(), name="use-held-vouchers"
    ),
    path(
        "vouchers/holds/<path:reference>/release/",
        ReleaseVouchers.as_view(),
        name="release-vouchers",
    ),
    path("vouchers/uses/", Uses.as_view(), name="voucher-uses"),
    path(
        "vouchers/uses/<path:reference>/roll-back/",
        RollBack.as_view(),
        name="roll-back-vouchers",
    ),
    path("vouchers/uses/<path:reference>/", UseDetail.as_view(), name="voucher-use-detail"),
    path(
        "redemptions/<str:number>/confirm-payment/",
        ConfirmPayment.as_view(),
        name="confirm-redemption-payment",
    ),
    path(
        "redemptions/<str:number>/cancel/",
        Cancellation.as_view(),
        name="cancel-redemption",
    ),
    path("redemptions/<str:number>/", RedemptionDetail.as_view(), name="redemption-detail"),
    path("members/", Members.as_view(), name="members"),
    path("members/<str:member_id>/", MemberDetail.as_view(), name="member-detail"),
    path("members/<str:member_id>/balance/", Balance.as_view(), name="member-balance"),
    path("members/<str:member_id>/wallets/", Wallets.as_view(), name="member-wallets"),
    path("members/<str:member_id>/history/", History.as_view(), name="member-history"),
    path(
        "members/<str:member_id>/vouchers/",
        MemberVouchers.as_view(),
        name="member-vouchers",
    ),
    path(
        "members/<str:member_id>/rewards/", MemberRewards.as_view(), name="member-rewards"
    ),
    path(
        "members/<str:member_id>/redemptions/",
        MemberRedemptions.as_view(),
        name="member-redemptions",
    ),
    path("webhooks/zalo/", ZaloWebhook.as_view(), name="webhook-zalo"),
    path("webhooks/sms/<str:secret>/", SmsReport.as_view(), name="webhook-sms"),
    # Or an address without its last slash would be redirected and lose its body.
    re_path(r"", NoSuchAddress.as_view()),
]
