"""Members, how they are known, what they allowed, and the labels on them."""

from __future__ import annotations

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from core.phones import display_phone


class Member(models.Model):
    """A person in the programme."""

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        BLOCKED = "blocked", _("blocked")
        LEFT = "left", _("left the programme")
        MERGED = "merged", _("merged with another member")

    class Gender(models.TextChoices):
        UNKNOWN = "", _("not told")
        FEMALE = "female", _("female")
        MALE = "male", _("male")
        OTHER = "other", _("other")

    class Language(models.TextChoices):
        VIETNAMESE = "vi", _("Vietnamese")
        ENGLISH = "en", _("English")

    code = models.CharField(
        _("member code"),
        max_length=40,
        unique=True,
        help_text=_("The number by which the brand's own systems know this person."),
    )
    name = models.CharField(_("name"), max_length=120, blank=True, default="")
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    gender = models.CharField(
        _("gender"), max_length=6, choices=Gender, blank=True, default=Gender.UNKNOWN
    )
    province = models.CharField(_("province"), max_length=60, blank=True, default="")
    language = models.CharField(
        _("language"), max_length=2, choices=Language, default=Language.VIETNAMESE
    )
    follows_oa = models.BooleanField(
        _("follows the Official Account"),
        default=False,
        help_text=_("Kept up to date by Zalo's follow and unfollow events."),
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.ACTIVE)
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="merged_members",
        verbose_name=_("merged into"),
        help_text=_("Who this person is now; the old code still finds them."),
    )
    joined_at = models.DateTimeField(_("joined at"), default=timezone.now)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(
        _("data updated at"),
        default=timezone.now,
        help_text=_("When the member's own data last changed; purchases do not count."),
    )

    history = HistoricalRecords(excluded_fields=["created_at"])

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(code=""), name="members_member_has_code"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "blocked", "left", "merged"]),
                name="members_member_state_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state="merged", merged_into__isnull=False)
                | (~models.Q(state="merged") & models.Q(merged_into__isnull=True)),
                name="members_member_merged_names_who_is_kept",
            ),
            models.CheckConstraint(
                condition=~models.Q(merged_into=models.F("pk")),
                name="members_member_never_merged_into_itself",
            ),
        ]
        permissions = [("merge_member", "Can merge members and undo it")]

    def __str__(self) -> str:
        return self.name or self.code

    def get_absolute_url(self) -> str:
        return reverse("admin:members_member_change", args=[self.pk])

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE

    @property
    def is_merged(self) -> bool:
        return self.state == self.State.MERGED


class Identifier(models.Model):
    """One way to recognise a member: a phone, a card, a Zalo user id."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("phone")
        ZALO = "zalo", _("Zalo user id")
        CARD = "card", _("card number")
        EMAIL = "email", _("e-mail")

    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        related_name="identifiers",
        verbose_name=_("member"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    value = models.CharField(
        _("value"),
        max_length=100,
        help_text=_("Phones are stored as +84912345678."),
    )
    is_valid = models.BooleanField(
        _("works"),
        default=True,
        help_text=_("Cleared when the provider says that nobody is there."),
    )
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "value"], name="members_identifier_belongs_to_one"
            ),
            models.CheckConstraint(
                condition=~models.Q(value=""), name="members_identifier_has_value"
            ),
        ]
        indexes = [
            # Reach of an audience: "has a working phone", "has a Zalo id".
            models.Index(
                fields=["member", "kind", "is_valid"], name="members_identifier_of_member"
            )
        ]

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        return display_phone(self.value) if self.kind == self.Kind.PHONE else self.value


class Consent(models.Model):
    """What a member allows now, by purpose and channel.

    An empty channel speaks for every channel; a row for one channel overrides it.
    """

    class Purpose(models.TextChoices):
        MARKETING = "marketing", _("offers and news")
        CARE = "care", _("customer care")

    class Channel(models.TextChoices):
        ANY = "", _("every channel")
        ZALO_UID = "zalo_uid", _("Zalo Official Account")
        ZALO_PHONE = "zalo_phone", _("Zalo by phone (ZNS)")
        SMS = "sms", _("SMS")
        EMAIL = "email", _("e-mail")
        INBOX = "inbox", _("inbox on the member page")

    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        related_name="consents",
        verbose_name=_("member"),
    )
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose)
    channel = models.CharField(
        _("channel"), max_length=10, choices=Channel, blank=True, default=Channel.ANY
    )
    is_given = models.BooleanField(_("given"))
    changed_at = models.DateTimeField(_("changed at"))
    source = models.CharField(
        _("source"),
        max_length=60,
        help_text=_("Where the member said so: a form, a file, Zalo, the till."),
    )

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "purpose", "channel"],
                name="members_consent_once_per_purpose_and_channel",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} · {self.get_channel_display()}"


class Tag(models.Model):
    """A label that staff and campaigns put on members."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    description = models.CharField(
        _("what it means"), max_length=200, blank=True, default=""
    )

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class MemberTag(models.Model):
    """A tag on a member, since when and by whom."""

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="tags", verbose_name=_("member")
    )
    tag = models.ForeignKey(
        Tag, on_delete=models.CASCADE, related_name="members", verbose_name=_("tag")
    )
    tagged_at = models.DateTimeField(_("tagged at"))
    source = models.CharField(
        _("source"),
        max_length=60,
        help_text=_("The campaign, file or person that put the tag on."),
    )

    class Meta:
        verbose_name = _("tag on a member")
        verbose_name_plural = _("tags on members")
        constraints = [
            models.UniqueConstraint(
                fields=["tag", "member"], name="members_membertag_once_per_member"
            )
        ]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.member_id}"


class MemberMerge(models.Model):
    """Two members who are one person: who was kept, what moved, and whether it stands.

    ``moved`` keeps the numbers of everything that came along and what stood before, so that
    undoing gives back exactly that; ``gone_back`` says what undoing came to.
    """

    kept = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="merges", verbose_name=_("kept")
    )
    merged = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="own_merges",
        verbose_name=_("merged member"),
    )
    note = models.CharField(_("why"), max_length=200)
    merged_at = models.DateTimeField(_("merged at"))
    merged_by = models.CharField(_("merged by"), max_length=150)
    moved = models.JSONField(_("what moved"), default=dict)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)
    undone_by = models.CharField(_("undone by"), max_length=150, blank=True, default="")
    undone_note = models.CharField(_("why undone"), max_length=200, blank=True, default="")
    gone_back = models.JSONField(_("what went back"), default=dict, blank=True)

    class Meta:
        verbose_name = _("merge of members")
        verbose_name_plural = _("merges of members")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["merged"],
                condition=models.Q(undone_at__isnull=True),
                name="members_membermerge_once_while_it_stands",
            ),
            models.CheckConstraint(
                condition=~models.Q(kept=models.F("merged")),
                name="members_membermerge_of_two_members",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.merged_id} → {self.kept_id}"

    @property
    def stands(self) -> bool:
        return self.undone_at is None
