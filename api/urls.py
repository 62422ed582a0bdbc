"""Addresses of the API, below /api/v1/."""

from django.urls import path, re_path

from api.views.base import NoSuchAddress
from api.views.members import Balance, History, MemberDetail, Members
from api.views.orders import OrderDetail, Orders
from api.views.webhooks import ZaloWebhook

app_name = "api"

urlpatterns = [
    path("orders/", Orders.as_view(), name="orders"),
    # Order numbers such as HD/2026/001 are in use.
    path("orders/<path:order_id>/", OrderDetail.as_view(), name="order-detail"),
    path("members/", Members.as_view(), name="members"),
    path("members/<str:member_id>/", MemberDetail.as_view(), name="member-detail"),
    path("members/<str:member_id>/balance/", Balance.as_view(), name="member-balance"),
    path("members/<str:member_id>/history/", History.as_view(), name="member-history"),
    path("webhooks/zalo/", ZaloWebhook.as_view(), name="webhook-zalo"),
    # Or an address without its last slash would be redirected and lose its body.
    re_path(r"", NoSuchAddress.as_view()),
]
