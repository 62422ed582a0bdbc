"""A worker of bench_ledger.py in django-hordak's own environment: account to account.

python benchmarks/hordak_worker.py prepare|SEED      (HORDAK_DATABASE_URL)
"""

import os
import random
import sys

import django
from crew import serve

ACCOUNTS = 20_000


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "hordak_settings"
    django.setup()
    if sys.argv[1] == "prepare":
        prepare()
    else:
        work(random.Random(sys.argv[1]))


def prepare() -> None:
    """Make its tables and accounts, the latter as its own benchmark command does."""
    from django.core.management import call_command
    from hordak.models import Account

    call_command("migrate", verbosity=0)
    Account.objects.bulk_create(
        Account(
            name=f"A{n}", type="AS", currencies=["VND"], lft=1, rght=2, tree_id=n, level=0
        )
        for n in range(1, ACCOUNTS + 1)
    )


def work(dice: random.Random) -> None:
    from hordak.models import Account
    from moneyed import Money

    accounts = list(Account.objects.all())

    def transfer() -> None:
        source, target = dice.sample(accounts, 2)
        source.transfer_to(target, Money(5, "VND"))

    serve(transfer)


if __name__ == "__main__":
    main()
