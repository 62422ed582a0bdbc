"""What the pages of a batch show: how far it is, its figures, the rows of a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.admin_tools import link, list_address, number, percent, when
from core.codes import ALPHABET
from core.money import group_digits
from rewards.admin.words import through, window
from rewards.batches import Wish
from rewards.batches.approving import (
    how_many,
    needs_second_person,
    waiting_for,
    worth,
)
from rewards.batches.asking import codes_in_space
from rewards.batches.figures import figures_of, refused
from rewards.batches.making import draw_codes
from rewards.batches.terms import Terms, is_printed
from rewards.codes import in_fours
from rewards.models import UploadedCode, VoucherBatch, VoucherType
from rewards.standing import Standing

State = VoucherBatch.State
Problem = UploadedCode.Problem
STATE_BADGES = {
    "draft": "warning",
    "running": "info",
    "done": "success",
    "cancelled": "warning",
    "failed": "danger",
    "withdrawing": "info",
    "withdrawn": "warning",
}
FIRST_ROWS = 10
EXAMPLES = 5
# A workbook is made in memory; and a spreadsheet of a million rows helps nobody.
SHEET_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of a batch, what it means, and the vouchers behind it."""

    title: str
    value: str
    detail: str
    address: str = ""


def batch_context(
    batch: VoucherBatch, request: HttpRequest, *, at: datetime
) -> dict[str, Any]:
    """Return what the page of a batch needs beyond its frame."""
    context: dict[str, Any] = {
        "batch": batch,
        "is_live": batch.is_open,
        "state_label": STATE_BADGES[batch.state],
        "lead": _lead(batch),
        "asked": when(batch.asked_at),
        "window": _window(batch),
        "part": position(batch),
        "minutes_left": minutes_left(batch, at),
        "may_have_sheet": batch.made <= SHEET_ROWS,
        "num_refused": number(batch.num_rejected),
        "has_refused": bool(batch.num_rejected),
    }
    if batch.state == State.DRAFT:
        return context | _draft(batch, request, at)
    if not batch.is_open:
        context["tiles"] = _tiles(batch, at)
    return context


def position(batch: VoucherBatch) -> tuple[int, int]:
    """Return how many codes are dealt with, and of how many."""
    if batch.withdraw_asked_at is not None:
        return min(batch.num_withdrawn, batch.made), batch.made
    return batch.made, batch.size


def progress_bar(batch: VoucherBatch) -> SafeString:
    """Show how far a batch is."""
    done, of = position(batch)
    return format_html(
        '<progress class="console-progress is-small" max="{}" value="{}" '
        'aria-label="{}"></progress><small class="console-quiet">{}</small>',
        of or 1,
        done,
        _("Codes done"),
        percent(done, of),
    )


def minutes_left(batch: VoucherBatch, at: datetime) -> int | None:
    """Guess from its own speed how long a batch still takes; None while nobody can say."""
    done, of = position(batch)
    begun = batch.withdraw_asked_at or batch.started_at
    if not batch.is_open or not done or begun is None:
        return None
    seconds = (at - begun).total_seconds()
    return round(seconds * (of - done) / done / 60)


def _lead(batch: VoucherBatch) -> str:
    """Say where the codes come from and whose they are."""
    if batch.origin == VoucherBatch.Origin.UPLOADED:
        return _("An uploaded list")
    if is_printed(batch.voucher_type):
        return _("Printed codes: whoever shows one can use it")
    return _("Codes for the pool")


def _window(batch: VoucherBatch) -> str:
    """Say when its codes can be used, where that is known before they are given."""
    terms = Terms.of(batch)
    if terms.starts is None and terms.ends is None:
        return ""
    return window(terms.starts, terms.ends)


def _tiles(batch: VoucherBatch, at: datetime) -> list[Tile]:
    figures = figures_of(batch, at=at)
    made = _("%(share)s of the codes")

    def tile(title: str, count: int, standing: str) -> Tile:
        address = list_address("rewards.voucher", batch=batch.pk, standing=standing)
        share = made % {"share": percent(count, figures.made)}
        return Tile(title, number(count), share, address if count else "")

    waits = _("Not used yet") if is_printed(batch.voucher_type) else _("Given out")
    tiles = [
        Tile(
            _("Codes"),
            number(figures.made),
            _("asked for: %(size)s") % {"size": number(batch.size)}
            if figures.made != batch.size
            else _("ready %(when)s") % {"when": when(batch.finished_at)},
            list_address("rewards.voucher", batch=batch.pk),
        ),
        tile(_("In the pool"), figures.pooled, Standing.POOLED.value),
        tile(waits, figures.given, Standing.OPEN.value),
        tile(_("Used"), figures.used, Standing.USED.value),
        tile(_("Expired unused"), figures.expired, Standing.EXPIRED.value),
        tile(_("Cancelled"), figures.cancelled, Standing.CANCELLED.value),
    ]
    if is_printed(batch.voucher_type):
        del tiles[1]
    return tiles


# --- a list that waits to be confirmed --------------------------------------------------


def _draft(batch: VoucherBatch, request: HttpRequest, at: datetime) -> dict[str, Any]:
    rows = UploadedCode.objects.filter(batch=batch).order_by("number")[:FIRST_ROWS]
    waiting = waiting_for(batch)
    taking_in = _taking_in(batch, request, at)
    text = ngettext("Take in %(count)s code", "Take in %(count)s codes", batch.size)
    confirm = text % {"count": number(batch.size)}
    return {
        "tiles": [
            Tile(_("New codes"), number(batch.size), _("would be taken in")),
            Tile(_("Known already"), number(batch.num_known), _("change nothing")),
            Tile(_("Refused"), number(batch.num_rejected), _("said why below")),
        ],
        "rows": [_row(row) for row in rows],
        "reasons": _reasons(batch),
        "waiting": link(waiting, _("Waits for a second person")) if waiting else "",
        "consequences": [] if waiting else taking_in.lines,
        "confirm": _("Ask a second person") if taking_in.waits else confirm,
    }


def _row(row: UploadedCode) -> dict[str, Any]:
    is_fine = row.problem in (Problem.NONE, Problem.KNOWN)
    return {
        "number": row.number,
        "code": row.written_as or row.code,
        "until": through(row.valid_until),
        "problem": row.get_problem_display(),
        "is_fine": is_fine,
    }


def _reasons(batch: VoucherBatch) -> list[dict[str, Any]]:
    """Return why rows are refused, the most frequent reason first, with some of each."""
    counts = refused(batch).values_list("problem").annotate(count=Count("pk"))
    rank = Window(RowNumber(), partition_by="problem", order_by="number")
    found: dict[str, list[UploadedCode]] = {}
    for row in refused(batch).annotate(rank=rank).filter(rank__lte=EXAMPLES):
        found.setdefault(row.problem, []).append(row)
    return [
        {
            "why": Problem(problem).label,
            "count": number(count),
            "rows": [
                {"number": row.number, "code": row.written_as or row.code}
                for row in sorted(found[problem], key=lambda row: row.number)
            ],
            "has_more": count > EXAMPLES,
        }
        for problem, count in sorted(counts, key=lambda pair: -pair[1])
    ]


def _taking_in(batch: VoucherBatch, request: HttpRequest, at: datetime) -> Consequences:
    voucher_type = batch.voucher_type
    second = _second_person(voucher_type, batch.size, request, at)
    lines = [_worth(voucher_type, batch.size), _whose(voucher_type), *second]
    return Consequences(lines, bool(second))


# --- what an act does, said before it is done -------------------------------------------


class Consequences(NamedTuple):
    """What an act does, in sentences; ``waits``: for a second person, before anything."""

    lines: list[str]
    waits: bool


def consequences_of_making(wish: Wish, request: HttpRequest, at: datetime) -> Consequences:
    voucher_type, size = wish.voucher_type, wish.size
    second = _second_person(voucher_type, size, request, at)
    example = in_fours(draw_codes(voucher_type, 1).pop())
    lines = [
        _worth(voucher_type, size),
        _("They look like %(example)s.") % {"example": example},
        _whose(voucher_type),
        *_when_usable(wish),
        _guess(voucher_type, size),
        *second,
    ]
    return Consequences(lines, bool(second))


def consequences_of_sharing(
    voucher_type: VoucherType, code: str, request: HttpRequest, at: datetime
) -> Consequences:
    uses = voucher_type.uses_per_code
    second = _second_person(voucher_type, uses, request, at)
    if uses is None:
        times = _("It can be used any number of times, by everyone together.")
    else:
        times = ngettext(
            "It can be used once: who comes first has it.",
            "It can be used %(count)s times, by everyone together.",
            uses,
        ) % {"count": number(uses)}
    usable = window(voucher_type.valid_from, voucher_type.valid_until)
    lines = [
        _("Whoever says %(code)s at a till gets “%(name)s”.")
        % {"code": code, "name": voucher_type.name},
        times,
        _("Usable %(window)s.") % {"window": usable},
        _worth(voucher_type, uses),
        *second,
    ]
    return Consequences(lines, bool(second))


def consequences_of_withdrawing(batch: VoucherBatch, count: int) -> list[str]:
    text = ngettext(
        "%(count)s code that nobody was given and nobody used stops working.",
        "%(count)s codes that nobody was given and nobody used stop working.",
        count,
    )
    lines = [text % {"count": number(count)}]
    if is_printed(batch.voucher_type):
        lines.append(_("Flyers with these codes are worth nothing from then on."))
    else:
        lines.append(_("What members were given stays theirs."))
    return [*lines, _("It cannot be undone.")]


def _worth(voucher_type: VoucherType, count: int | None) -> str:
    """Say how many there will be, and what they are worth."""
    told = {
        "codes": capfirst(how_many(voucher_type, count)),
        "worth": worth(voucher_type, count),
    }
    return _("%(codes)s, %(worth)s.") % told


def _whose(voucher_type: VoucherType) -> str:
    if is_printed(voucher_type):
        return _("Whoever shows one at a till can use it, from the moment it is made.")
    return _("They wait in the pool until members are given them.")


def _when_usable(wish: Wish) -> list[str]:
    draft = VoucherBatch(
        voucher_type=wish.voucher_type,
        valid_from=wish.valid_from,
        valid_until=wish.valid_until,
    )
    usable = _window(draft)
    return [_("Usable %(window)s.") % {"window": usable}] if usable else []


def _guess(voucher_type: VoucherType, size: int) -> str:
    there = codes_in_space(voucher_type) + size
    once_in = len(ALPHABET) ** voucher_type.length // there
    return _("A guess meets one of them once in %(times)s.") % {
        "times": group_digits(once_in)
    }


def _second_person(
    voucher_type: VoucherType, count: int | None, request: HttpRequest, at: datetime
) -> list[str]:
    assert isinstance(request.user, User), "the console lets nobody else in"
    if not needs_second_person(voucher_type, count, by=request.user, at=at):
        return []
    return [
        _("Above %(bound)s a day a second person has to approve it first.")
        % {"bound": number(voucher_type.approval_above)}
    ]
