"""A relay of bench_dispatch.py: empties the outbox each time it is asked.

python benchmarks/relay_worker.py URL SEED
"""

import sys

from bench_dispatch import AT
from scratch import use_django


def main() -> None:
    use_django(sys.argv[1])
    from messaging.services import dispatch_messages

    dispatch_messages(at=AT)
    print(0, flush=True)
    for _line in sys.stdin:
        print(dispatch_messages(at=AT).sent, flush=True)


if __name__ == "__main__":
    main()
