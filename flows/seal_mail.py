"""The newest head of the ledger's seals, mailed to where the database cannot reach it."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone, translation
from django.utils.formats import localize
from django.utils.translation import gettext as _

from core.codes import in_groups
from core.models import Programme
from core.money import group_digits
from points.models import LedgerSeal


def mail_seal() -> int:
    """Mail the newest head to the addresses of LEDGER_SEAL_EMAIL; return how many.

    Mailing it twice does no harm, and a night that fails is told again by the next one.
    """
    addresses = list(settings.LEDGER_SEAL_EMAIL)
    seals = LedgerSeal.objects.defer("transfer_ids", "marks")
    newest = seals.order_by("-number").first()
    if not addresses or newest is None:
        return 0
    with translation.override(settings.LANGUAGE_CODE):
        EmailMessage(_subject(newest), _text(newest), to=addresses).send()
    return len(addresses)


def _subject(seal: LedgerSeal) -> str:
    return _("%(programme)s: seal %(number)s of the points ledger") % {
        "programme": Programme.current().name,
        "number": group_digits(seal.number),
    }


def _text(seal: LedgerSeal) -> str:
    lines = (
        _("Seal %(number)s, %(at)s")
        % {
            "number": group_digits(seal.number),
            "at": localize(timezone.localtime(seal.sealed_at)),
        },
        _("Head: %(head)s") % {"head": in_groups(seal.head)},
        _(
            "Keep this mail. It proves later that no movement of points up to this seal "
            "was changed, not even by someone with the database's password:"
        ),
        f'python manage.py verify_ledger --head "{seal.head}"',
    )
    return "\n\n".join(lines) + "\n"
