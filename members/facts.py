"""What a file, a till or a form says about one person, before it is anyone's data."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.codes import ALPHABET, random_code
from core.errors import InvalidInput
from core.phones import normalise_phone
from members.models import Identifier, Member

Outcome = Literal["new", "updated", "known", "refused"]
NEW: Outcome = "new"
UPDATED: Outcome = "updated"
KNOWN: Outcome = "known"
REFUSED: Outcome = "refused"

GENERATED_CODE = re.compile(rf"M-[{ALPHABET}]{{9}}").fullmatch
FIRST_BIRTH_YEAR = 1900
LONGEST = {"code": 40, "name": 120, "province": 60, "zalo_user_id": 100, "email": 100}
# Control characters break tills, screens and PostgreSQL; lone surrogates cannot be stored.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]").search


@dataclass(frozen=True, slots=True)
class MemberFact:
    """One person as told; empty and None mean "not told" and change nothing."""

    code: str | None = None
    phone: str | None = None
    name: str = ""
    email: str = ""
    birth_date: date | None = None
    gender: str = ""
    province: str = ""
    joined_at: datetime | None = None
    zalo_user_id: str = ""
    follows_oa: bool | None = None
    consent: bool | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedMember:
    """What became of a fact; a refused one has a sentence and no member."""

    fact: MemberFact
    member_id: int | None
    outcome: Outcome
    reason: str = ""


@dataclass(slots=True)
class Draft:
    """A fact that was understood, on its way to its member."""

    fact: MemberFact
    code: str = ""
    name: str = ""
    province: str = ""
    identifiers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    member_id: int | None = None
    outcome: Outcome = KNOWN
    reason: str = ""

    @property
    def keys(self) -> set[tuple[str, str]]:
        """What no two members share."""
        keys = set(self.identifiers.items())
        return keys | {("code", self.code)} if self.code else keys

    def refuse(self, reason: str) -> None:
        self.outcome, self.reason, self.member_id = REFUSED, reason, None

    def start_again(self) -> None:
        self.code = (self.fact.code or "").strip()
        self.outcome, self.reason, self.member_id = KNOWN, "", None

    def saved(self) -> SavedMember:
        return SavedMember(self.fact, self.member_id, self.outcome, self.reason)


def generated_code() -> str:
    """Return a code for a member to whom the brand has given none."""
    return f"M-{random_code(9)}"


def understand(fact: MemberFact, *, at: datetime) -> Draft:
    """Check and normalise what was told; what cannot be understood is refused."""
    draft = Draft(fact)
    try:
        _check_texts(fact)
        _check_person(fact, at)
        draft.code = (fact.code or "").strip()
        draft.name = _tidy(fact.name)
        draft.province = _tidy(fact.province)
        draft.identifiers = _identifiers(fact)
        draft.tags = dict(_tag(name) for name in fact.tags)
    except InvalidInput as error:
        draft.refuse(str(error.message))
    else:
        if not draft.code and Identifier.Kind.PHONE not in draft.identifiers:
            draft.refuse(_("A member needs a member code or a phone number."))
    return draft


def _tidy(text: str) -> str:
    """Bring a name to one form: macOS writes ễ as three characters, others as one."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _check_texts(fact: MemberFact) -> None:
    for name, longest in LONGEST.items():
        text = getattr(fact, name) or ""
        if len(text) > longest:
            raise InvalidInput(
                _("“%(text)s…” in %(field)s is too long. Keep to %(longest)s letters.")
                % {"text": text[:20], "field": name, "longest": longest}
            )
        if _NO_TEXT(text):
            raise InvalidInput(
                _("%(field)s contains characters that are no text. Write it again.")
                % {"field": name}
            )


def _check_person(fact: MemberFact, at: datetime) -> None:
    if fact.gender not in Member.Gender.values:
        raise InvalidInput(
            _("“%(text)s” in gender is unknown. Write female, male or other.")
            % {"text": fact.gender[:20]}
        )
    born = fact.birth_date
    if born and not FIRST_BIRTH_YEAR <= born.year <= at.year:
        raise InvalidInput(
            _("%(date)s in birth_date cannot be. Write the day of birth.")
            % {"date": f"{born:%d/%m/%Y}"}
        )


def _identifiers(fact: MemberFact) -> dict[str, str]:
    found = {}
    if phone := (fact.phone or "").strip():
        found[Identifier.Kind.PHONE.value] = normalise_phone(phone)
    if zalo_user_id := fact.zalo_user_id.strip():
        found[Identifier.Kind.ZALO.value] = zalo_user_id
    if email := fact.email.strip().lower():
        try:
            validate_email(email)
        except ValidationError:
            raise InvalidInput(
                _("“%(email)s” is no e-mail address. Write it like mai@example.com.")
                % {"email": email[:40]}
            ) from None
        found[Identifier.Kind.EMAIL.value] = email
    return found


def _tag(name: str) -> tuple[str, str]:
    # Unicode takes the marks off every Vietnamese letter but this one.
    code = slugify(name.replace("đ", "d").replace("Đ", "D"))
    if not code or len(code) > 40 or len(name) > 60:
        raise InvalidInput(
            _("“%(tag)s” is no tag. Use up to 40 letters and digits.") % {"tag": name[:40]}
        )
    return code, name.strip()
