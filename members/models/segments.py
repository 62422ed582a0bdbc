"""Groups of members: saved questions, who answers them now, and lists by name."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.people import Member


class Segment(models.Model):
    """A saved question about members: who meets these conditions now.

    A watched segment keeps who is in it, and writes down who enters and who leaves.
    """

    code = models.SlugField(_("code"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=300, blank=True, default="")
    conditions = models.JSONField(_("conditions"), default=dict, blank=True)
    is_watched = models.BooleanField(
        _("watch who enters and leaves"),
        default=False,
        db_default=False,
        help_text=_(
            "Every few minutes it is seen who came in and who went. Whoever is in it when "
            "you switch this on has not entered; changed conditions do make people enter."
        ),
    )
    watched_since = models.DateTimeField(
        _("watched since"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When everyone in it was first written down."),
    )
    num_members = models.PositiveIntegerField(
        _("members"), null=True, blank=True, editable=False
    )
    counted_at = models.DateTimeField(
        _("counted at"), null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["name"]
        permissions: ClassVar = [
            ("export_segment", "Can take the members of a segment as a file")
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(models.Model):
    """Who is in a watched segment, as the last refresh found it."""

    segment = models.ForeignKey(
        Segment,
        on_delete=models.CASCADE,
        # The constraint's index begins with it.
        db_index=False,
        related_name="members",
        verbose_name=_("segment"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        related_name="segments",
        verbose_name=_("member"),
    )
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("member of a segment")
        verbose_name_plural = _("members of segments")
        constraints = [
            models.UniqueConstraint(
                fields=["segment", "member"], name="members_segmentmember_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.segment_id}"


class SegmentChange(models.Model):
    """One member entered or left a watched segment; only ever added.

    Within a segment the numbers rise in the order in which the changes become visible, so
    whoever reads after the last number that they saw misses none.
    """

    class Kind(models.TextChoices):
        ENTERED = "entered", _("entered")
        LEFT = "left", _("left")

    segment = models.ForeignKey(
        Segment,
        on_delete=models.CASCADE,
        # Both indexes below begin with it.
        db_index=False,
        related_name="changes",
        verbose_name=_("segment"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        related_name="segment_changes",
        verbose_name=_("member"),
    )
    kind = models.CharField(_("what"), max_length=7, choices=Kind)
    happened_at = models.DateTimeField(_("seen at"))

    class Meta:
        verbose_name = _("change of a segment")
        verbose_name_plural = _("changes of segments")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["entered", "left"]),
                name="members_segmentchange_kind_is_known",
            )
        ]
        indexes = [
            # What a reader has not seen yet; the latest on the segment's page.
            models.Index(fields=["segment", "id"], name="members_segmentchange_after"),
            # The size of a segment over the last days.
            models.Index(
                fields=["segment", "happened_at"], name="members_segmentchange_by_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.kind} {self.segment_id}"


class MemberList(models.Model):
    """Members by name: a list that somebody put together outside."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=300, blank=True, default="")
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("list of members")
        verbose_name_plural = _("lists of members")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ListEntry(models.Model):
    """A member on a list, since when and from which file."""

    list = models.ForeignKey(
        MemberList,
        on_delete=models.CASCADE,
        # The constraint's index begins with it.
        db_index=False,
        related_name="entries",
        verbose_name=_("list"),
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="lists", verbose_name=_("member")
    )
    added_at = models.DateTimeField(_("added at"))
    source = models.CharField(
        _("source"), max_length=60, help_text=_("The file or the person it came from.")
    )

    class Meta:
        verbose_name = _("entry of a list")
        verbose_name_plural = _("entries of lists")
        constraints = [
            models.UniqueConstraint(
                fields=["list", "member"], name="members_listentry_once_per_member"
            )
        ]

    def __str__(self) -> str:
        return f"{self.member_id} on {self.list_id}"


class ListUpload(models.Model):
    """A file that was read for a list: looked at first, then taken in or forgotten.

    ``found`` and ``refused`` are compressed JSON: the numbers of the members it names, and
    its other rows, each as (row, text, reason).
    """

    class Mode(models.TextChoices):
        ADD = "add", _("add to the list")
        REPLACE = "replace", _("replace the list")

    class State(models.TextChoices):
        DRAFT = "draft", _("to be looked at")
        TAKEN = "taken", _("taken in")

    list = models.ForeignKey(
        MemberList,
        on_delete=models.CASCADE,
        related_name="uploads",
        verbose_name=_("list"),
    )
    name = models.CharField(_("file"), max_length=60)
    mode = models.CharField(_("what it does"), max_length=7, choices=Mode)
    state = models.CharField(_("state"), max_length=5, choices=State, default=State.DRAFT)
    num_found = models.PositiveIntegerField(_("members found"), default=0)
    num_doubled = models.PositiveIntegerField(_("named twice"), default=0)
    num_refused = models.PositiveIntegerField(_("not found"), default=0)
    found = models.BinaryField()
    refused = models.BinaryField()
    read_at = models.DateTimeField(_("read at"))
    read_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("read by"),
    )

    class Meta:
        verbose_name = _("file for a list")
        verbose_name_plural = _("files for lists")

    def __str__(self) -> str:
        return self.name
