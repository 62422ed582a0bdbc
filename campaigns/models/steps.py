"""The steps of a campaign: a tree, in versions."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from campaigns.models.campaigns import Campaign
from members.models import Tag
from messaging.models import MessageTemplate
from rewards.models import Benefit


class Step(models.Model):
    """One thing a campaign does with each member it finds.

    Steps follow each other by their position. A step that chooses (a branch, a split, a
    wait for something) has lanes with steps of their own; all lanes lead on to the step
    after it. A version that members have entered is never changed.
    """

    class Kind(models.TextChoices):
        TAG = "tag", _("put a tag on; take it off when the conditions no longer hold")
        MESSAGE = "message", _("send a message")
        GIVE = "give", _("give a benefit")
        ADD_TAG = "add_tag", _("put a tag on")
        REMOVE_TAG = "remove_tag", _("take a tag off")
        WAIT = "wait", _("wait")
        WAIT_UNTIL = "wait_until", _("wait until")
        WAIT_FOR = "wait_for", _("wait for something to happen")
        BRANCH = "branch", _("ask a question")
        SPLIT = "split", _("split at random")
        COUNTER = "counter", _("let through so many times")
        STOP = "stop", _("stop here")

    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="steps", verbose_name=_("campaign")
    )
    version = models.PositiveIntegerField(_("version"), default=1)
    key = models.SlugField(
        _("key"),
        max_length=20,
        default="1",
        help_text=_("Names the step from version to version."),
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("inside"),
    )
    lane = models.CharField(_("lane"), max_length=10, blank=True, default="")
    position = models.PositiveSmallIntegerField(
        pgettext_lazy("place in a row", "order"), default=1
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    tag = models.ForeignKey(
        Tag, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("tag")
    )
    template = models.ForeignKey(
        MessageTemplate,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("message template"),
    )
    benefit = models.ForeignKey(
        Benefit,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("benefit"),
    )
    offer = models.CharField(
        _("offer"),
        max_length=80,
        blank=True,
        default="",
        help_text=_("Goes into the message where the template says {{ offer }}."),
    )
    news = models.CharField(
        _("news"),
        max_length=200,
        blank=True,
        default="",
        help_text=_("Goes into the message where the template says {{ news }}."),
    )
    valid_days = models.PositiveSmallIntegerField(
        _("offer valid for (days)"),
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_("The offer's last day goes into {{ valid_until }}."),
    )
    settings = models.JSONField(
        _("settings"),
        default=dict,
        blank=True,
        help_text=_("What only this kind of step has, such as how long to wait."),
    )

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["version", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "version", "key"], name="campaigns_step_once_per_key"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["tag", "add_tag", "remove_tag"], tag__isnull=False)
                | Q(kind="message", template__isnull=False)
                | Q(kind="give", benefit__isnull=False)
                | Q(
                    kind__in=[
                        "wait",
                        "wait_until",
                        "wait_for",
                        "branch",
                        "split",
                        "counter",
                        "stop",
                    ]
                ),
                name="campaigns_step_has_what_its_kind_needs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.get_kind_display()}"
