"""A member in the console: the list, the page of the call centre, points by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminTextInputWidget,
)

from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    days_ago,
    number,
    programme_of,
    two_lines,
    when,
)
from core.clock import local_date
from core.errors import DomainError
from core.phones import display_phone, mask_phone, normalise_phone
from members.admin.benefit_by_hand import BenefitByHandMixin
from members.admin.by_hand import ByHandMixin
from members.admin.merging import MergingMixin
from members.admin.page import member_page
from members.admin.search import member_ids_for_search
from members.admin.tier_by_hand import TierByHandMixin
from members.models import Consent, Identifier, Member, MemberTag, Segment
from members.segments import members_matching
from members.services import register_member, set_consent
from points.amounts import Unit
from points.models import Account
from points.queries import points_wallet

STATE_BADGES = {
    "active": "success",
    "blocked": "danger",
    "left": "warning",
    "merged": "info",
}


class LastPurchaseFilter(admin.SimpleListFilter):
    title = _("last purchase")
    parameter_name = "recency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("45", _("in the last 45 days")),
            ("90", _("46 to 90 days ago")),
            ("older", _("more than 90 days ago")),
            ("never", _("never")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Member]
    ) -> QuerySet[Member]:
        today = local_date(timezone.now())
        near, far = today - timedelta(days=45), today - timedelta(days=90)
        if self.value() == "45":
            return queryset.filter(purchases__last_order_on__gte=near)
        if self.value() == "90":
            return queryset.filter(
                purchases__last_order_on__lt=near, purchases__last_order_on__gte=far
            )
        if self.value() == "older":
            return queryset.filter(purchases__last_order_on__lt=far)
        if self.value() == "never":
            # No purchase at all, or every one of them went back.
            return queryset.filter(purchases__last_order_on__isnull=True)
        return queryset


class SegmentFilter(admin.SimpleListFilter):
    title = _("segment")
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Segment.objects.values_list("code", "name"))

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Member]
    ) -> QuerySet[Member]:
        segment = Segment.objects.filter(code=self.value() or "").first()
        if segment is None:
            return queryset
        matching = members_matching(segment.conditions, at=timezone.now(), few=True)
        return queryset.filter(pk__in=matching.values("pk"))


class IdentifierForm(forms.ModelForm):
    class Meta:
        model = Identifier
        fields = ("kind", "value", "is_valid")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == Identifier.Kind.PHONE and data.get("value"):
            try:
                data["value"] = normalise_phone(data["value"])
            except DomainError as error:
                self.add_error("value", str(error))
        return data


class IdentifierInline(TabularInline):
    model = Identifier
    form = IdentifierForm
    fields = ("kind", "value", "is_valid", "verified_at")
    readonly_fields = ("verified_at",)
    extra = 0
    hide_title = True
    tab = True


class ConsentInline(TabularInline):
    model = Consent
    fields = ("purpose", "channel", "is_given", "changed_at", "source")
    readonly_fields = ("changed_at", "source")
    extra = 0
    hide_title = True
    tab = True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A consent is withdrawn, never forgotten: the answer "no" is kept as well.
        return False


class TagInline(TabularInline):
    model = MemberTag
    verbose_name = _("tag")
    verbose_name_plural = _("tags")
    fields = ("tag", "tagged_at", "source")
    readonly_fields = ("tagged_at", "source")
    autocomplete_fields = ("tag",)
    extra = 0
    hide_title = True
    tab = True


class NewMemberForm(forms.ModelForm):
    """A member made by hand needs a phone; code and card number come by themselves."""

    phone = forms.CharField(
        label=_("Phone"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel"}),
        help_text=_("As people write it: 0912 345 678."),
    )

    class Meta:
        model = Member
        fields = ("name",)

    def clean_phone(self) -> str:
        try:
            phone = normalise_phone(self.cleaned_data["phone"])
        except DomainError as error:
            raise forms.ValidationError(str(error)) from error
        known = Identifier.objects.filter(kind=Identifier.Kind.PHONE, value=phone)
        if owner := known.select_related("member").first():
            raise forms.ValidationError(
                _("This phone already belongs to %(member)s (%(code)s)."),
                params={"member": owner.member, "code": owner.member.code},
            )
        return phone


@admin.register(Member)
class MemberAdmin(
    MergingMixin,
    BenefitByHandMixin,
    TierByHandMixin,
    ByHandMixin,
    BigTableMixin,
    SimpleHistoryAdmin,
    ConsoleAdmin,
):
    list_display = (
        "who",
        "phone",
        "num_points",
        "last_purchase",
        "num_orders",
        "channels",
        "state_badge",
    )
    list_filter = (
        "state",
        LastPurchaseFilter,
        SegmentFilter,
        ("tags__tag", AutocompleteSelectFilter),
        "follows_oa",
    )
    list_select_related = ("purchases",)
    search_fields = ("name", "code")
    search_help_text = _("Phone, card number, member code or name")
    ordering = ("-id",)
    inlines = (IdentifierInline, ConsentInline, TagInline)
    fieldsets = (
        (_("Profile"), {"fields": ("name", "code", "state")}),
        (
            _("About the person"),
            {
                "fields": ("birth_date", "gender", "province", "language"),
                "classes": ("collapse",),
            },
        ),
        (
            _("In the programme"),
            {
                "fields": ("follows_oa", "joined_at", "updated_at"),
                "classes": ("collapse",),
            },
        ),
    )
    readonly_fields = ("follows_oa", "joined_at", "updated_at")
    compressed_fields = False
    actions_detail = (
        "adjust_points_page",
        "benefit_page",
        "tier_page",
        "merge_page",
        "unmerge_page",
    )
    history_list_display = ("state",)
    change_form_outer_before_template = "admin/members/member/_page.html"
    change_form_outer_after_template = "admin/members/member/_timeline.html"
    empty_title = _("No members yet")
    empty_text = _(
        "Members come with their first order, from a file, or by signing in by phone."
    )

    # --- the list ---------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        ways = Identifier.objects.filter(
            kind__in=[Identifier.Kind.PHONE, Identifier.Kind.ZALO], is_valid=True
        )
        wallet = points_wallet()
        self.unit = Unit.of(wallet, programme_of(request)) if wallet else Unit("")
        accounts = Account.objects.filter(wallet=wallet)
        return (
            super()
            .get_queryset(request)
            .prefetch_related(
                Prefetch("identifiers", queryset=ways.order_by("pk"), to_attr="ways"),
                Prefetch("accounts", queryset=accounts, to_attr="points_accounts"),
            )
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Member], search_term: str
    ) -> tuple[QuerySet[Member], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=member_ids_for_search(search_term)), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.sees_identifiers = request.user.has_perm("members.view_identifier")
        self.today = local_date(timezone.now())
        return super().changelist_view(request, extra_context)

    @display(description=_("Member"), ordering="name")
    def who(self, member: Member) -> str:
        return two_lines(member.name or member.code, member.code)

    @display(description=_("Phone"))
    def phone(self, member: Member) -> str:
        for way in member.ways:  # type: ignore[attr-defined]
            if way.kind == Identifier.Kind.PHONE:
                show = display_phone if self.sees_identifiers else mask_phone
                return show(way.value)
        return NOTHING

    @display(description=_("Points"))
    def num_points(self, member: Member) -> str:
        accounts = member.points_accounts  # type: ignore[attr-defined]
        return self.unit.number(sum(account.balance for account in accounts))

    @display(description=_("Last purchase"), ordering="purchases__last_order_on")
    def last_purchase(self, member: Member) -> str:
        purchases = getattr(member, "purchases", None)
        day = purchases.last_order_on if purchases else None
        if day is None:
            return str(_("never"))
        return two_lines(when(day), days_ago(day, self.today))

    @display(description=_("Purchases"), ordering="purchases__num_orders")
    def num_orders(self, member: Member) -> str:
        return number(member.purchases.num_orders if hasattr(member, "purchases") else 0)

    @display(description=_("Reached by"), label=True)
    def channels(self, member: Member) -> list[str]:
        kinds = {way.kind for way in member.ways}  # type: ignore[attr-defined]
        found = []
        if Identifier.Kind.ZALO in kinds and member.follows_oa:
            found.append("OA")
        if Identifier.Kind.PHONE in kinds:
            found.append("ZNS")
        return found

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, member: Member) -> tuple[str, str]:
        return member.state, member.get_state_display()

    # --- the page ---------------------------------------------------------------------

    def get_inlines(self, request: HttpRequest, obj: Member | None) -> Any:
        return self.inlines if obj and not obj.is_merged else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Whoever was merged is somebody else now: their page is a page of history.
        if isinstance(obj, Member) and obj.is_merged:
            return False
        return bool(super().has_change_permission(request, obj))

    def formfield_for_choice_field(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "state":
            # Only the verb merges.
            merged = Member.State.MERGED
            kwargs["choices"] = [c for c in db_field.choices if c[0] != merged]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = NewMemberForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("name", "phone")}),)
        return super().get_fieldsets(request, obj)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = extra_context or {}
        if object_id and request.method == "GET":
            member = self.get_object(request, object_id)
            if member and self.has_view_permission(request, member):
                context["member"] = member
                context["page"] = member_page(member, request=request, at=timezone.now())
        return super().changeform_view(request, object_id, form_url, context)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Orders and points are history; a person who leaves is overwritten, not deleted.
        return False

    def save_model(
        self, request: HttpRequest, obj: Member, form: Any, change: bool
    ) -> None:
        if change:
            obj.updated_at = timezone.now()
            super().save_model(request, obj, form, change)
            return
        saved = register_member(
            phone=form.cleaned_data["phone"],
            name=obj.name,
            at=timezone.now(),
            source=f"staff:{request.user.get_username()}",
        )
        obj.__dict__.update(saved.__dict__)

    def save_formset(
        self, request: HttpRequest, form: Any, formset: Any, change: bool
    ) -> None:
        source = f"staff:{request.user.get_username()}"
        if formset.model is not Consent and formset.model is not MemberTag:
            super().save_formset(request, form, formset, change)
            return
        rows = formset.save(commit=False)
        for row in formset.deleted_objects:
            row.delete()
        for row in rows:
            if isinstance(row, Consent):
                set_consent(
                    member_ids=[form.instance.pk],
                    purpose=row.purpose,
                    channel=row.channel,
                    is_given=row.is_given,
                    source=source,
                    at=timezone.now(),
                )
            else:
                row.tagged_at, row.source = timezone.now(), source
                row.save()
        formset.save_m2m()
