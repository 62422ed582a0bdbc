"""Who stands at which till: a signed-in person of the shop, and one of their stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from activities.models import Store
from till.errors import NoTill
from till.models import TillStaff
from till.rendering import render_page

PERMISSION = "till.use_till"
SESSION_KEY = "till"
# Till phones lie about: who did nothing for so long, or began so long ago, signs in again.
IDLE = timedelta(hours=2)
SHIFT = timedelta(hours=12)
# How exactly the idle time is kept; each note of it is a write.
NOTED_EVERY = timedelta(minutes=5)
# Orders and uses of vouchers name it; a store's code may be changed, its number never is.
SOURCE = "till:{}"

View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Desk:
    """A person at the till of a store."""

    user: User
    staff: TillStaff
    store: Store
    num_stores: int = 1

    @property
    def actor(self) -> str:
        return self.user.get_username()[:80]

    @property
    def source(self) -> str:
        """The system that tells: order numbers and references are unique within it."""
        return SOURCE.format(self.store.pk)


class TillRequest(HttpRequest):
    """A request behind ``till_required``: the desk is there."""

    desk: Desk


def stores_of(user: Any) -> tuple[TillStaff, list[Store]]:
    """Return the open stores in which a person serves. Raises NoTill."""
    if not (user.is_active and user.has_perm(PERMISSION)):
        raise NoTill
    staff = TillStaff.objects.filter(user=user).first()
    stores = list(staff.stores.filter(is_active=True)) if staff else []
    if staff is None or not stores:
        raise NoTill
    return staff, stores


def till_required(view: View) -> View:
    """Let in who serves at a till: others sign in, or are told that they do not."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        try:
            staff, stores = stores_of(request.user)
        except NoTill as refusal:
            page = {"sentence": refusal.message}
            return render_page(request, "till/no_till.html", page, status=refusal.status)
        if not _is_in_time(request, timezone.now()):
            logout(request)
            return to_sign_in(request)
        store = _chosen(request, stores)
        if store is None:
            return redirect("till:store")
        desk = Desk(request.user, staff, store, len(stores))
        cast(TillRequest, request).desk = desk
        return view(request, *args, **kwargs)

    return wrapper


def sign_in(request: HttpRequest, user: User, *, at: datetime) -> None:
    """Begin a shift under a new session key. Raises NoTill."""
    stores_of(user)
    login(request, user)
    request.session.set_expiry(int(IDLE.total_seconds()))
    request.session[SESSION_KEY] = {"since": at.isoformat(), "seen": at.isoformat()}


def is_on_shift(request: HttpRequest, *, at: datetime) -> bool:
    """Tell whether somebody is signed in here, and still in time."""
    return request.user.is_authenticated and _is_in_time(request, at)


def choose_store(request: HttpRequest, store: Store) -> None:
    """Serve in this store from now on; what was shown in another one is forgotten."""
    state = request.session[SESSION_KEY]
    request.session[SESSION_KEY] = {**state, "store": store.pk, "shown": {}}


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send to the sign-in page, and back here afterwards where that makes sense."""
    path = request.get_full_path() if request.method in ("GET", "HEAD") else ""
    query = f"?{urlencode({'next': path})}" if path else ""
    return redirect(f"{reverse('till:sign-in')}{query}")


def safe_next(request: HttpRequest) -> str:
    """Return where to go after signing in: a page of the till."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    home = reverse("till:home")
    is_ours = target.startswith(home) and "//" not in target and "\\" not in target
    return target if is_ours else home


def _is_in_time(request: HttpRequest, at: datetime) -> bool:
    state = request.session.get(SESSION_KEY)
    if not state:
        return False
    since, seen = (datetime.fromisoformat(state[name]) for name in ("since", "seen"))
    if at - since > SHIFT or at - seen > IDLE:
        return False
    if at - seen > NOTED_EVERY:
        request.session[SESSION_KEY] = {**state, "seen": at.isoformat()}
    return True


def _chosen(request: HttpRequest, stores: list[Store]) -> Store | None:
    """Return the store that was chosen, if it still is one of theirs; the only one."""
    if len(stores) == 1:
        _forget_other(request, stores[0])
        return stores[0]
    wanted = request.session[SESSION_KEY].get("store")
    return next((store for store in stores if store.pk == wanted), None)


def _forget_other(request: HttpRequest, store: Store) -> None:
    """Note the only store, so that nothing shown in another one stays open."""
    if request.session[SESSION_KEY].get("store") != store.pk:
        choose_store(request, store)
