"""Ask for an access token that is not the rejected one; print what came of it.

Run as a program: ``python -m tests.battery.renew_token REJECTED``. CLAIMS_OFF=1 takes
away what lets only one process use the refresh token.
"""

import os
import sys

import django


def renew(rejected: str) -> str:
    from messaging.errors import GrantLost
    from messaging.zalo import tokens
    from messaging.zalo.client import ZaloClient

    if os.environ.get("CLAIMS_OFF"):
        tokens._claim = lambda account, now: True
    # Everyone starts when the last one is ready, or the first would be done by then.
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        with ZaloClient() as client:
            return tokens.fresh_token(client, rejected=rejected)
    except GrantLost:
        return "lost"


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(renew(sys.argv[1]))
