"""Members from a file: each row is one person; what is wrong with a row costs only it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from core.batch import chunks
from core.clock import local_date
from core.errors import InvalidInput
from core.models import Programme
from core.phones import normalise_phone
from core.retry import retry_on_conflict
from core.tabular import (
    Progress,
    RejectFile,
    Row,
    open_table,
    parse_date,
    parse_flag,
    parse_moment,
    parse_whole,
    reject_path,
)
from members.models import Member
from members.services import MemberFact, find_member_ids, merged_ids, save_members
from points.models import MAX_AMOUNT, Transfer, Wallet
from points.services import Grant, default_wallet, grant_points

EITHER = ("member_id", "phone")
OPTIONAL = (
    "name",
    "email",
    "birth_date",
    "gender",
    "province",
    "joined_at",
    "zalo_user_id",
    "follows_oa",
    "consent",
    "tags",
    "tier",
    "points",
    "points_expire_on",
)
# How the lists of Vietnamese brands call the same columns.
ALIASES = {
    "mã_khách_hàng": "member_id",
    "mã_kh": "member_id",
    "mã_thành_viên": "member_id",
    "customer_id": "member_id",
    "điện_thoại": "phone",
    "số_điện_thoại": "phone",
    "sđt": "phone",
    "họ_tên": "name",
    "họ_và_tên": "name",
    "tên_khách_hàng": "name",
    "ngày_sinh": "birth_date",
    "giới_tính": "gender",
    "tỉnh_thành": "province",
    "tỉnh/thành": "province",
    "ngày_tham_gia": "joined_at",
    "điểm": "points",
    "hạng": "tier",
}
GENDERS = {
    **dict.fromkeys(("female", "f", "nữ", "nu"), Member.Gender.FEMALE.value),
    **dict.fromkeys(("male", "m", "nam"), Member.Gender.MALE.value),
    **dict.fromkeys(("other", "khác", "khac"), Member.Gender.OTHER.value),
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the person asked for."""

    source: str = "file"
    renames: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    quiet: bool = False
    reject_file: Path | None = None


@dataclass(slots=True)
class ImportReport:
    """What came of a file: ``rows`` read, and what each of them did."""

    rows: int = 0
    new: int = 0
    updated: int = 0
    known: int = 0
    rejected: int = 0
    points: int = 0
    member_ids: set[int] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    reject_file: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "members": len(self.member_ids),
            "new": self.new,
            "updated": self.updated,
            "known": self.known,
            "rejected": self.rejected,
            "points": self.points,
            "reject_file": self.reject_file,
            "notices": self.notices,
        }


@dataclass(slots=True)
class Line:
    """One row as understood, and what became of it."""

    row: Row
    fact: MemberFact | None = None
    points: int = 0
    expires_on: date | None = None
    member_id: int | None = None
    outcome: str = ""
    problem: str = ""

    def refuse(self, problem: str) -> None:
        self.fact, self.problem = None, problem


def import_members(path: Path, *, options: ImportOptions, at: datetime) -> ImportReport:
    """Import a file of members; raises InvalidInput when the file itself is no good.

    Every chunk is kept as a whole, so a run that was killed is simply started again. A dry
    run does everything in one transaction that is rolled back.
    """
    if not options.dry_run:
        return _import_file(path, options=options, at=at)
    with transaction.atomic():
        report = _import_file(path, options=options, at=at)
        transaction.set_rollback(True)
        return report


def _import_file(path: Path, *, options: ImportOptions, at: datetime) -> ImportReport:
    report = ImportReport()
    target = options.reject_file or reject_path(path)
    with (
        open_table(
            path,
            required=(),
            optional=OPTIONAL,
            either=EITHER,
            aliases=ALIASES,
            renames=options.renames,
        ) as table,
        RejectFile(target, table.columns, source=path) as rejects,
        Progress(_("Members"), quiet=options.quiet) as progress,
    ):
        report.notices += table.notices
        if "tier" in table.fields:
            report.notices.append(
                _("The column “tier” is ignored: there are no tiers yet.")
            )
        lines = _read_lines(table.rows(), at=at)
        for chunk in chunks(lines):
            points = _save_chunk(chunk, source=f"import:{options.source}", at=at)
            _count(chunk, points, report, rejects)
            progress.update(report.rows, table.part_read())
        if rejects.count:
            report.reject_file = str(rejects.path)
    return report


def _count(
    chunk: Sequence[Line], points: int, report: ImportReport, rejects: RejectFile
) -> None:
    report.points += points
    for line in chunk:
        report.rows += 1
        if line.problem:
            report.rejected += 1
            rejects.write(line.row, line.problem)
            continue
        assert line.member_id is not None  # only refused rows have none
        report.member_ids.add(line.member_id)
        setattr(report, line.outcome, getattr(report, line.outcome) + 1)


# --- From cells to facts -----------------------------------------------------------------


def _read_lines(rows: Iterator[Row], *, at: datetime) -> Iterator[Line]:
    zone, today = Programme.current().zone, local_date(at)
    for row in rows:
        line = Line(row, problem=row.problem)
        if not row.problem:
            try:
                line.fact = read_fact(row.values, zone)
                line.points, line.expires_on = _read_opening(row.values, today)
            except InvalidInput as error:
                line.refuse(str(error.message))
        yield line


def read_fact(values: Mapping[str, str], zone: ZoneInfo) -> MemberFact:
    """Read the cells of one row; empty cells are "not told"."""
    born, joined = values.get("birth_date"), values.get("joined_at")
    follows, consent = values.get("follows_oa"), values.get("consent")
    phone = values.get("phone")
    return MemberFact(
        code=values.get("member_id") or None,
        phone=normalise_phone(phone) if phone else None,
        name=values.get("name", ""),
        email=values.get("email", ""),
        birth_date=parse_date(born) if born else None,
        gender=_read_gender(values.get("gender", "")),
        province=values.get("province", ""),
        joined_at=parse_moment(joined, zone) if joined else None,
        zalo_user_id=values.get("zalo_user_id", ""),
        follows_oa=parse_flag(follows, "follows_oa") if follows else None,
        consent=parse_flag(consent, "consent") if consent else None,
        tags=_read_tags(values.get("tags", "")),
    )


def _read_gender(text: str) -> str:
    if not text:
        return ""
    try:
        return GENDERS[text.casefold()]
    except KeyError:
        raise InvalidInput(
            _("“%(text)s” in gender is unknown. Write female, male or other.")
            % {"text": text[:20]}
        ) from None


def _read_tags(text: str) -> tuple[str, ...]:
    names = text.replace(";", ",").replace("|", ",").split(",")
    return tuple(name.strip() for name in names if name.strip())


def _read_opening(values: Mapping[str, str], today: date) -> tuple[int, date | None]:
    """Read the balance that a member brings along, and its last usable day."""
    text, day = values.get("points"), values.get("points_expire_on")
    points = parse_whole(text, "points") if text else 0
    if not 0 <= points <= MAX_AMOUNT:
        raise InvalidInput(
            _("“%(text)s” in points cannot be. Write a number from 0 to a trillion.")
            % {"text": (text or "")[:40]}
        )
    expires_on = parse_date(day) if day else None
    if points and expires_on and expires_on < today:
        raise InvalidInput(
            _("%(date)s in points_expire_on has passed. Leave these points out.")
            % {"date": f"{expires_on:%d/%m/%Y}"}
        )
    return points, expires_on


# --- Keeping a chunk ---------------------------------------------------------------------


@retry_on_conflict
@transaction.atomic
def _save_chunk(lines: list[Line], *, source: str, at: datetime) -> int:
    """Save the members of some lines with their opening balances; return the points."""
    wallet = default_wallet() if any(line.points for line in lines) else None
    if wallet:
        _refuse_other_openings(lines, wallet)
    good = [line for line in lines if line.fact is not None]
    facts = [line.fact for line in good if line.fact is not None]
    saved = save_members(facts, source=source, at=at)
    for line, one in zip(good, saved, strict=True):
        line.member_id, line.outcome = one.member_id, one.outcome
        if one.reason:
            line.refuse(one.reason)
    return _grant_openings(good, wallet, at=at) if wallet else 0


def _opening_key(member_id: int, wallet: Wallet) -> str:
    return f"opening:{member_id}:{wallet.code}"


def _refuse_other_openings(lines: list[Line], wallet: Wallet) -> None:
    """A member has one opening balance: another number is for a person to decide.

    Two members who were merged came with two, and either may be told again.
    """
    facts = [line.fact for line in lines if line.fact]
    codes, phones = find_member_ids(
        codes=[fact.code for fact in facts if fact.code],
        phones=[fact.phone for fact in facts if fact.phone],
    )
    given = _openings({*codes.values(), *phones.values()}, wallet)
    told: dict[int | str, int] = {}
    for line in lines:
        if line.fact is None or not line.points:
            continue
        # A new member has no id yet; within the chunk, code or phone will do.
        name = line.fact.code or line.fact.phone or ""
        member_id = codes.get(line.fact.code or "") or phones.get(line.fact.phone or "")
        before = given.get(member_id or 0, [])
        if line.points in before:
            line.points = 0
            continue
        amount = before[0] if before else told.setdefault(member_id or name, line.points)
        if amount != line.points:
            line.refuse(
                _("This member came with %(points)s points before. Adjust them by hand.")
                % {"points": amount}
            )


def _openings(member_ids: set[int], wallet: Wallet) -> dict[int, list[int]]:
    """Return the opening balances that members, and who was merged into them, came with."""
    others = merged_ids(member_ids)
    owners = {
        _opening_key(pk, wallet): member_id
        for member_id in member_ids
        for pk in (member_id, *others.get(member_id, ()))
    }
    found: dict[int, list[int]] = {}
    for key, amount in Transfer.objects.filter(key__in=owners).values_list("key", "amount"):
        found.setdefault(owners[key], []).append(amount)
    return found


def _grant_openings(lines: list[Line], wallet: Wallet, *, at: datetime) -> int:
    grants: dict[str, Grant] = {}
    for line in lines:
        if line.points and line.member_id is not None:
            key = _opening_key(line.member_id, wallet)
            grants.setdefault(
                key,
                Grant(
                    member_id=line.member_id,
                    amount=line.points,
                    key=key,
                    expires_on=line.expires_on,
                ),
            )
    return grant_points(grants=list(grants.values()), at=at) if grants else 0
