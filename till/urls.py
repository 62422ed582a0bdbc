"""The till's pages."""

from django.urls import path

from till.views import desk, members, rewards, sales, sign_in, vouchers

app_name = "till"

urlpatterns = [
    path("", desk.home, name="home"),
    path("look-up/", desk.look_up, name="look-up"),
    path("day/", desk.day, name="day"),
    path("sign-in/", sign_in.enter, name="sign-in"),
    path("sign-out/", sign_in.leave, name="sign-out"),
    path("store/", sign_in.store, name="store"),
    path("voucher/<str:token>/", vouchers.voucher, name="voucher"),
    path("sale/<str:token>/", sales.confirm, name="sale"),
    path("done/<str:token>/", sales.done, name="done"),
    path("done/<str:token>/undo/", sales.take_back, name="undo"),
    path("join/<str:token>/", members.new, name="join"),
    path("member/<str:token>/", members.member, name="member"),
    path("member/<str:token>/code/", members.prove, name="prove"),
    path("member/<str:token>/send-code/", members.send, name="send-code"),
    path("member/<str:token>/order/", sales.order, name="order"),
    path("member/<str:token>/voucher/", vouchers.of_member, name="voucher-of-member"),
    path("member/<str:token>/reward/", rewards.choose, name="choose-reward"),
    path("member/<str:token>/redemption/", rewards.open_unpaid, name="open-redemption"),
    path("member/<str:token>/gift/", rewards.open_gift, name="open-gift"),
    path("reward/<str:token>/", rewards.redeem_page, name="reward"),
    path("redemption/<str:token>/", rewards.redemption, name="redemption"),
    path("gift/<str:token>/", rewards.gift, name="gift"),
]
