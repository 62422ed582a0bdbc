"""Work on one batch of vouchers in small chunks, as a worker would. Run as a program.

Its argument is the number of the batch.
"""

import sys
from datetime import timedelta

import django


def main(number: str) -> None:
    from rewards.batches import run_batch, running

    # Whoever was killed is given up at once, so that the test need not wait for it.
    running.LEASE = timedelta(milliseconds=1)
    running.MAX_FAILURES = 99
    run_batch(int(number), chunk=500)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
