"""What may be asked about a member's own data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members.models import Consent, Identifier, Member, MemberTag, Tag
from members.segments.nested import group_fields
from members.segments.person import person_fields, tell_birthday
from members.segments.registry import (
    Field,
    Moment,
    Operator,
    ValueKind,
    register_field,
    yes_and_no,
)
from members.segments.split import split_fields
from members.segments.telling import tell_column, tell_yes_or_no
from members.segments.uses import register_trees, segment_trees

PROFILE = _("About the member")
REACH = _("How to reach the member")

MONTHS = [(str(month), str(month)) for month in range(1, 13)]


def register_own_fields() -> None:
    """Fill the registry with the fields of this app."""
    for field in (
        *_profile_fields(),
        *person_fields(),
        *_reach_fields(),
        *group_fields(),
        *split_fields(),
    ):
        register_field(field)
    register_trees(segment_trees)


def _profile_fields() -> tuple[Field, ...]:
    return (
        _tag_field(),
        _days_field(
            "joined_days_ago",
            _("days since joining"),
            "joined_at",
            _("joined more than %(value)s days ago"),
            _("joined at most %(value)s days ago"),
            _("Joined %(day)s"),
        ),
        _days_field(
            "data_updated_days_ago",
            _("days since their data changed"),
            "updated_at",
            _("have not changed their data for more than %(value)s days"),
            _("changed their data in the last %(value)s days"),
            _("Data changed %(day)s"),
        ),
        _choice_field(
            "gender",
            _("gender"),
            (_("are (gender): %(value)s"), _("are not (gender): %(value)s")),
            Member.Gender.choices[1:],
        ),
        _choice_field(
            "state",
            _("state"),
            (_("are in state: %(value)s"), _("are not in state: %(value)s")),
            Member.State.choices,
        ),
        _choice_field(
            "province",
            _("province"),
            (_("live in %(value)s"), _("do not live in %(value)s")),
            None,
        ),
        _birthday_field(),
    )


def _tag_field() -> Field:
    return Field(
        "tag",
        _("tag"),
        PROFILE,
        (
            Operator(
                "has",
                _("has"),
                _("have the tag “%(value)s”"),
                lambda code, _moment: _tagged(code),
                ValueKind.CHOICE,
                _tags,
            ),
            Operator(
                "has_not",
                _("does not have"),
                _("do not have the tag “%(value)s”"),
                lambda code, _moment: ~_tagged(code),
                ValueKind.CHOICE,
                _tags,
            ),
        ),
        tell=_tell_tag,
    )


def _birthday_field() -> Field:
    return Field(
        "birthday_month",
        _("month of birth"),
        PROFILE,
        (
            Operator(
                "is",
                _("is"),
                _("were born in month %(value)s"),
                lambda month, _moment: _born_in(int(month)),
                ValueKind.CHOICE,
                lambda: MONTHS,
            ),
            Operator(
                "this_month",
                _("is this month"),
                _("have their birthday this month"),
                lambda _value, moment: _born_in(moment.today.month),
            ),
        ),
        tell=tell_birthday,
    )


def _reach_fields() -> tuple[Field, ...]:
    return (
        _yes_no_field(
            "follows_oa",
            _("follows the Official Account"),
            _("follow the Official Account"),
            _("do not follow the Official Account"),
            Q(follows_oa=True),
        ),
        _identifier_field(
            "has_phone",
            _("has a phone number that works"),
            Identifier.Kind.PHONE,
            _("have a phone number that works"),
            _("have no phone number that works"),
        ),
        _identifier_field(
            "has_email",
            _("has an e-mail address that works"),
            Identifier.Kind.EMAIL,
            _("have an e-mail address that works"),
            _("have no e-mail address that works"),
        ),
        _identifier_field(
            "has_zalo",
            _("is known on Zalo"),
            Identifier.Kind.ZALO,
            _("are known on Zalo"),
            _("are not known on Zalo"),
        ),
        _yes_no_field(
            "marketing_consent",
            _("allows offers"),
            _("allow offers on some channel"),
            _("allow offers on no channel"),
            Q(
                Exists(
                    Consent.objects.filter(
                        member=OuterRef("pk"),
                        purpose=Consent.Purpose.MARKETING,
                        is_given=True,
                    )
                )
            ),
        ),
    )


def _tags() -> list[tuple[str, str]]:
    return list(Tag.objects.values_list("code", "name"))


def _tagged(code: str) -> Q:
    return Q(Exists(MemberTag.objects.filter(member=OuterRef("pk"), tag__code=code)))


def _tell_tag(member_ids: Sequence[int], code: str, moment: Moment) -> Mapping[int, str]:
    tagged = dict(
        MemberTag.objects.filter(tag__code=code, member_id__in=member_ids).values_list(
            "member_id", "tagged_at"
        )
    )
    return {
        pk: gettext("tagged “%(tag)s” since %(day)s")
        % {"tag": code, "day": f"{moment.local_day(tagged[pk]):%d/%m/%Y}"}
        if pk in tagged
        else gettext("not tagged “%(tag)s”") % {"tag": code}
        for pk in member_ids
    }


def _days_field(
    code: str, label: Any, column: str, more_than: Any, at_most: Any, told: Any
) -> Field:
    """Build a field that counts days, as differences of local dates."""

    def is_older(days: int, moment: Moment) -> Q:
        return Q(**{f"{column}__lt": moment.start_of_days_before(days)})

    def tell(member_ids: Sequence[int], _value: Any, moment: Moment) -> Mapping[int, str]:
        rows = Member.objects.filter(pk__in=member_ids).values_list("pk", column)
        return {
            pk: str(told) % {"day": f"{moment.local_day(at):%d/%m/%Y}"} for pk, at in rows
        }

    return Field(
        code,
        label,
        PROFILE,
        (
            Operator(
                "more_than",
                _("more than"),
                more_than,
                is_older,
                ValueKind.NUMBER,
                negated=at_most,
            ),
            Operator(
                "at_most",
                _("at most"),
                at_most,
                lambda days, moment: ~is_older(days, moment),
                ValueKind.NUMBER,
                negated=more_than,
            ),
        ),
        tell=tell,
    )


def _choice_field(code: str, label: Any, phrases: tuple[Any, Any], choices: Any) -> Field:
    is_it, is_not = phrases
    kind = ValueKind.TEXT if choices is None else ValueKind.CHOICE
    listed = None if choices is None else (lambda: choices)
    return Field(
        code,
        label,
        PROFILE,
        (
            Operator("is", _("is"), is_it, lambda v, _m: Q(**{code: v}), kind, listed),
            Operator(
                "is_not", _("is not"), is_not, lambda v, _m: ~Q(**{code: v}), kind, listed
            ),
        ),
        tell=tell_column(label, code, listed),
    )


def _identifier_field(code: str, label: Any, kind: str, yes: Any, no: Any) -> Field:
    known = Identifier.objects.filter(member=OuterRef("pk"), kind=kind, is_valid=True)
    return _yes_no_field(code, label, yes, no, Q(Exists(known)))


def _yes_no_field(code: str, label: Any, yes: Any, no: Any, condition: Q) -> Field:
    return Field(
        code,
        label,
        REACH,
        yes_and_no(
            label_yes=_("yes"),
            label_no=_("no"),
            yes=yes,
            no=no,
            build=lambda _moment: condition,
        ),
        tell=tell_yes_or_no(label, lambda _value, _moment: condition),
    )


def _born_in(month: int) -> Q:
    return Q(birth_date__isnull=False, birth_date__month=month)
