"""Earn rules: what staff write, the versions they published, and what caps have counted."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from activities.models import ActivityType, Store
from core.money import Rounding
from members.models import Member, Segment
from points.models.wallets import Funder, Wallet


class EarnRule(models.Model):
    """When which points are given, as staff write it down.

    The fields are the draft. Points are given by the published versions, which are copies
    of it that never change.
    """

    class Trigger(models.TextChoices):
        ORDER = "order", _("an order")
        ACTIVITY = "activity", _("an activity")
        SIGN_UP = "sign_up", _("joining the programme")
        BIRTHDAY = "birthday", _("each birthday")
        ANNIVERSARY = "anniversary", _("each year of membership")

    class Method(models.TextChoices):
        PER_AMOUNT = "per_amount", _("points for each amount of money")
        PERCENT = "percent", _("a percent of the amount, into a wallet of money")
        PER_UNIT = "per_unit", _("points for each piece (or unit of an activity)")
        FIXED = "fixed", _("the same points each time")
        BANDS = "bands", _("points by the size of the order")
        MULTIPLIER = "multiplier", _("multiply the points of the other rules")
        EXTRA = "extra", _("extra points on top, after multiplying")

    class Scope(models.TextChoices):
        ORDER = "order", _("the whole order")
        LINES = "lines", _("only the chosen products")

    class Holidays(models.TextChoices):
        ANY = "any", _("on every day")
        ONLY = "only", _("only on public holidays")
        EXCEPT = "except", _("not on public holidays")

    class Birthday(models.TextChoices):
        ANY = "any", _("at any time")
        DAY = "day", _("on the birthday")
        WEEK = "week", _("in the seven days from the birthday")
        MONTH = "month", _("in the month of the birthday")

    class Stacking(models.TextChoices):
        ADD = "add", _("adds to what other rules give")
        BEST = "best", _("only the best rule of its group counts")
        EXCLUSIVE = "exclusive", _("if it gives anything, no other rule does")

    class Hold(models.TextChoices):
        NONE = "none", _("at once")
        DAYS = "days", _("some days after the purchase")
        DATE = "date", _("from a date")
        DELIVERY = "delivery", _("some days after delivery")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        related_name="earn_rules",
        verbose_name=_("wallet"),
    )
    trigger = models.CharField(
        _("given for"), max_length=12, choices=Trigger, default=Trigger.ORDER
    )
    activity_type = models.ForeignKey(
        ActivityType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="earn_rules",
        verbose_name=_("which activity"),
    )
    method = models.CharField(
        _("how points are counted"),
        max_length=12,
        choices=Method,
        default=Method.PER_AMOUNT,
    )
    scope = models.CharField(
        _("counted on"), max_length=6, choices=Scope, default=Scope.ORDER
    )
    points = models.PositiveIntegerField(
        _("points"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("How many points are given…"),
    )
    amount = models.DecimalField(
        _("for each"),
        max_digits=18,
        decimal_places=2,
        default=Decimal(10000),
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("…for this much money (or so many pieces)."),
    )
    percent = models.DecimalField(
        _("percent of the amount"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(5),
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))],
        help_text=_("5 gives 5.000 ₫ back for 100.000 ₫."),
    )
    factor = models.DecimalField(
        _("times"),
        max_digits=6,
        decimal_places=2,
        default=Decimal(2),
        validators=[MinValueValidator(Decimal(1)), MaxValueValidator(Decimal(100))],
        help_text=_("2 doubles the points, 1.5 adds half."),
    )
    rounding = models.CharField(
        _("rounding"), max_length=8, choices=Rounding, default=Rounding.DOWN
    )
    order_limit = models.PositiveBigIntegerField(
        _("at most for one order"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("In units of the wallet, such as 50000 for 50.000 ₫. Empty: no limit."),
    )
    minimum_total = models.DecimalField(
        _("smallest order"),
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Orders below this amount earn nothing."),
    )
    before_discount = models.BooleanField(
        _("count the price before discounts"), default=False
    )
    before_voucher = models.BooleanField(_("count what vouchers took off"), default=False)
    without_tax = models.BooleanField(_("leave out tax"), default=False)
    without_delivery = models.BooleanField(_("leave out delivery"), default=False)
    without_points = models.BooleanField(
        _("leave out what was paid with points"), default=True
    )
    skus = models.JSONField(_("products (SKU)"), default=list, blank=True)
    categories = models.JSONField(_("categories"), default=list, blank=True)
    brands = models.JSONField(_("brands"), default=list, blank=True)
    labels = models.JSONField(_("labels"), default=list, blank=True)
    excluded_skus = models.JSONField(_("but not products (SKU)"), default=list, blank=True)
    excluded_categories = models.JSONField(
        _("but not categories"), default=list, blank=True
    )
    excluded_brands = models.JSONField(_("but not brands"), default=list, blank=True)
    excluded_labels = models.JSONField(_("but not labels"), default=list, blank=True)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    weekdays = models.JSONField(
        _("weekdays"), default=list, blank=True, help_text=_("None chosen: every day.")
    )
    from_time = models.TimeField(_("from the hour"), null=True, blank=True)
    until_time = models.TimeField(_("until the hour"), null=True, blank=True)
    holidays = models.CharField(
        _("public holidays"), max_length=6, choices=Holidays, default=Holidays.ANY
    )
    segment = models.ForeignKey(
        Segment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="earn_rules",
        verbose_name=_("only for"),
        help_text=_("A group of members; empty: everyone."),
    )
    stores = models.ManyToManyField(
        Store, blank=True, related_name="earn_rules", verbose_name=_("stores")
    )
    channels = models.JSONField(_("channels"), default=list, blank=True)
    payment_methods = models.JSONField(_("payment methods"), default=list, blank=True)
    promo_code = models.CharField(_("promo code"), max_length=40, blank=True, default="")
    nth_order = models.PositiveIntegerField(
        _("only a member's order number"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("1 is the first order. Empty: every order."),
    )
    birthday = models.CharField(
        _("around the birthday"), max_length=6, choices=Birthday, default=Birthday.ANY
    )
    budget = models.PositiveBigIntegerField(
        _("budget of the rule"),
        null=True,
        blank=True,
        help_text=_("Points it may give in all; empty: no limit."),
    )
    stacking = models.CharField(
        _("beside other rules"), max_length=10, choices=Stacking, default=Stacking.ADD
    )
    group = models.CharField(
        _("group"),
        max_length=40,
        blank=True,
        default="",
        help_text=_("Rules of one group compete where only the best counts."),
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=100, help_text=_("Rules are asked from low to high.")
    )
    stops_here = models.BooleanField(
        _("stop here"),
        default=False,
        help_text=_("When this rule gives points, no rule after it is asked."),
    )
    hold = models.CharField(_("usable"), max_length=10, choices=Hold, default=Hold.NONE)
    hold_days = models.PositiveSmallIntegerField(_("days"), default=0)
    hold_date = models.DateField(_("usable from"), null=True, blank=True)
    funder = models.ForeignKey(
        Funder,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="earn_rules",
        verbose_name=_("paid for by"),
        help_text=_("Empty: the brand."),
    )
    funder_percent = models.DecimalField(
        _("share it pays, in percent"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text=_("The brand pays the rest."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    version = models.PositiveIntegerField(
        _("published version"),
        default=0,
        editable=False,
        help_text=_("0: not published yet."),
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("earn rule")
        verbose_name_plural = _("earn rules")
        ordering = ["priority", "code"]
        permissions = [("publish_earnrule", "Can publish earn rules")]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="points_earnrule_amount_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(points__gte=1), name="points_earnrule_points_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(percent__gt=0) & Q(percent__lte=100),
                name="points_earnrule_percent_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(order_limit__isnull=True) | Q(order_limit__gte=1),
                name="points_earnrule_order_limit_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True)
                | Q(ends_at__isnull=True)
                | Q(ends_at__gt=models.F("starts_at")),
                name="points_earnrule_ends_after_start",
            ),
            models.CheckConstraint(
                condition=(Q(trigger="activity") & Q(activity_type__isnull=False))
                | (~Q(trigger="activity") & Q(activity_type__isnull=True)),
                name="points_earnrule_activity_has_type",
            ),
            models.CheckConstraint(
                condition=~Q(hold="date") | Q(hold_date__isnull=False),
                name="points_earnrule_hold_has_date",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EarnBand(models.Model):
    """One step of points by the size of the order: from this amount on."""

    rule = models.ForeignKey(
        EarnRule, on_delete=models.CASCADE, related_name="bands", verbose_name=_("rule")
    )
    from_amount = models.DecimalField(
        _("orders from"),
        max_digits=18,
        decimal_places=2,
        validators=[MinValueValidator(Decimal(0))],
    )
    points = models.PositiveIntegerField(_("points"), validators=[MinValueValidator(1)])
    per_amount = models.DecimalField(
        _("for each"),
        max_digits=18,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("Empty: that many points for the whole order."),
    )

    class Meta:
        verbose_name = _("band")
        verbose_name_plural = _("bands")
        ordering = ["from_amount"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "from_amount"], name="points_earnband_once_per_amount"
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_amount}: {self.points}"


class EarnCap(models.Model):
    """How much, or how often, one member can get out of a rule in a span of time."""

    class Period(models.TextChoices):
        DAY = "day", _("a day")
        WEEK = "week", _("a week")
        MONTH = "month", _("a month")
        YEAR = "year", _("a year")
        ALL = "all", _("in all")

    class Unit(models.TextChoices):
        POINTS = "points", _("points")
        TIMES = "times", _("times")

    rule = models.ForeignKey(
        EarnRule, on_delete=models.CASCADE, related_name="caps", verbose_name=_("rule")
    )
    limit = models.PositiveIntegerField(_("at most"), validators=[MinValueValidator(1)])
    unit = models.CharField(_("of"), max_length=6, choices=Unit, default=Unit.POINTS)
    period = models.CharField(_("in"), max_length=5, choices=Period, default=Period.DAY)

    class Meta:
        verbose_name = _("limit for each member")
        verbose_name_plural = _("limits for each member")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "unit", "period"], name="points_earncap_once_per_period"
            )
        ]

    def __str__(self) -> str:
        return f"{self.limit} {self.get_unit_display()} {self.get_period_display()}"


class EarnRuleVersion(models.Model):
    """A published rule, word for word; never changed, so that it can explain old points."""

    rule = models.ForeignKey(
        EarnRule, on_delete=models.PROTECT, related_name="versions", verbose_name=_("rule")
    )
    number = models.PositiveIntegerField(_("version"))
    definition = models.JSONField(_("content"))
    applies_from = models.DateTimeField(
        _("for purchases from"),
        null=True,
        blank=True,
        help_text=_("Purchases before it, told late, follow the version before."),
    )
    published_at = models.DateTimeField(_("published at"))
    published_by = models.CharField(_("published by"), max_length=150, default="")

    class Meta:
        verbose_name = _("version of a rule")
        verbose_name_plural = _("versions of rules")
        ordering = ["rule", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "number"], name="points_earnruleversion_once_per_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"


class EarnUse(models.Model):
    """What a capped rule has given: to one member in one span, or in all (its budget)."""

    rule = models.ForeignKey(
        EarnRule, on_delete=models.CASCADE, related_name="uses", verbose_name=_("rule")
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("member"),
        help_text=_("Empty: the budget of the rule."),
    )
    period = models.CharField(_("span"), max_length=5, choices=EarnCap.Period)
    starts_on = models.DateField(_("first day"), help_text=_("1970-01-01 for “in all”."))
    points = models.BigIntegerField(_("points"), default=0)
    times = models.IntegerField(_("times"), default=0)

    class Meta:
        verbose_name = _("use of a rule")
        verbose_name_plural = _("uses of rules")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "member", "period", "starts_on"],
                condition=Q(member__isnull=False),
                name="points_earnuse_once_per_member",
            ),
            models.UniqueConstraint(
                fields=["rule", "period", "starts_on"],
                condition=Q(member__isnull=True),
                name="points_earnuse_once_per_budget",
            ),
            models.CheckConstraint(
                condition=Q(points__gte=0) & Q(times__gte=0),
                name="points_earnuse_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.points}"
