"""The members' pages."""

from django.urls import path

from portal.views import (
    giving,
    inbox,
    links,
    pages,
    profile,
    redemptions,
    rewards,
    shell,
    sign_in,
    vouchers,
)

app_name = "portal"

urlpatterns = [
    path("", pages.home, name="home"),
    path("card/", pages.card, name="card"),
    path("points/", pages.points, name="points"),
    path("points/give/", giving.form, name="give"),
    path("points/give/confirm/", giving.confirm, name="give-confirm"),
    path("points/give/code/", giving.send_code, name="give-code"),
    path("points/give/done/<int:gift_id>/", giving.done, name="give-done"),
    path("rewards/", rewards.shelf, name="rewards"),
    path("rewards/<slug:code>/", rewards.reward, name="reward"),
    path("rewards/<slug:code>/itself/", rewards.itself, name="reward-itself"),
    path("vouchers/", vouchers.vouchers, name="vouchers"),
    path("vouchers/<slug:code>/", vouchers.voucher, name="voucher"),
    path("redemptions/", redemptions.redemptions, name="redemptions"),
    path("redemptions/<slug:code>/", redemptions.redemption, name="redemption"),
    path("redemptions/<slug:code>/cancel/", redemptions.cancel, name="redemption-cancel"),
    path("gifts/<int:given_id>/", redemptions.gift, name="gift"),
    path("gifts/<int:given_id>/address/", redemptions.address, name="gift-address"),
    path("gifts/<int:given_id>/time/", redemptions.time, name="gift-time"),
    path("tiers/", pages.tiers, name="tiers"),
    path("history/", pages.member_history, name="history"),
    path("messages/", inbox.inbox, name="inbox"),
    path("messages/<int:message_id>/", inbox.message, name="message"),
    path("o/<str:token>/", inbox.refuse, name="refuse"),
    path("me/", profile.me, name="me"),
    path("me/consent/", profile.consent, name="consent"),
    path("language/", profile.language, name="language"),
    path("sign-in/", sign_in.phone, name="sign-in"),
    path("sign-in/code/", sign_in.code, name="sign-in-code"),
    path("sign-in/resend/", sign_in.resend, name="sign-in-resend"),
    path("welcome/", sign_in.welcome, name="welcome"),
    path("sign-out/", sign_in.leave, name="sign-out"),
    path("m/<str:token>/", links.open_link, name="link"),
    path("offline/", shell.offline, name="offline"),
    path("service-worker.js", shell.service_worker, name="service-worker"),
    path("manifest.webmanifest", shell.manifest, name="manifest"),
    path("icon.svg", shell.icon, name="icon"),
]
