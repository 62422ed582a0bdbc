"""Let processes ask for an access token that is not the rejected one; print what each got.

Run as a program: ``python -m tests.battery.renew_token REJECTED PROCESSES``. CLAIMS_OFF=1
takes away what lets only one process use the refresh token.
"""

import json
import multiprocessing
import os
import sys
from typing import Any

import django


def renew(rejected: str) -> str:
    from messaging.errors import GrantLost
    from messaging.zalo import tokens
    from messaging.zalo.client import ZaloClient

    if os.environ.get("CLAIMS_OFF"):
        tokens._claim = lambda account, now: True
    try:
        with ZaloClient() as client:
            return tokens.fresh_token(client, rejected=rejected)
    except GrantLost:
        return "lost"


def work(rejected: str, start: Any, answers: Any) -> None:
    start.wait(60)
    answers.put(renew(rejected))


def main(rejected: str, processes: int) -> list[str]:
    fork = multiprocessing.get_context("fork")
    # Everyone starts when the last one is ready, or the first would be done by then.
    start, answers = fork.Barrier(processes), fork.SimpleQueue()
    workers = [
        fork.Process(target=work, args=(rejected, start, answers)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    return [answers.get() for _ in workers]


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
