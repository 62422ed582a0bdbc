"""`python -m zalo_simulator`: run the simulator until it is interrupted."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from zalo_simulator.options import Options
from zalo_simulator.server import Simulator

DEFAULT_PORT = 8787
DEFAULT_STATE = "var/zalo_simulator.sqlite3"
DEFAULT_WEBHOOK_URL = "http://127.0.0.1:8000/api/v1/webhooks/zalo/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; the Django command declares the same ones."""
    known = Options()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--state", default=DEFAULT_STATE, help="SQLite file, or :memory:")
    parser.add_argument(
        "--webhook-url", default="", help=f"for example {DEFAULT_WEBHOOK_URL}"
    )
    parser.add_argument(
        "--webhook-time-scale", type=float, default=known.webhook_time_scale
    )
    parser.add_argument("--delivery-seconds", type=float, default=known.delivery_seconds)
    parser.add_argument("--app-id", default=known.app_id)
    parser.add_argument("--app-secret", default=known.app_secret)
    parser.add_argument("--oa-id", default=known.oa_id)
    parser.add_argument("--oa-secret", default=known.oa_secret)
    parser.add_argument("--oa-name", default=known.oa_name)
    parser.add_argument("--refresh-token", default=known.first_refresh_token)
    parser.add_argument(
        "--access-token-seconds", type=int, default=known.access_token_seconds
    )
    parser.add_argument("--daily-quota", type=int, default=known.daily_quota)
    parser.add_argument("--balance", type=int, default=None)
    parser.add_argument("--promotions-per-day", type=int, default=None)
    parser.add_argument("--promotions-per-month", type=int, default=None)
    parser.add_argument(
        "--requests-per-minute", type=int, default=known.requests_per_minute
    )
    parser.add_argument("--admin-phone", action="append", default=[], dest="admin_phones")
    parser.add_argument("--require-proof", action="store_true")
    parser.add_argument(
        "--ignore-night", action="store_true", help="accept promotions at night"
    )
    parser.add_argument(
        "--flip-types", action="store_true", help="numbers for strings, and back"
    )
    parser.add_argument(
        "--fresh-credentials",
        action="store_true",
        help="make the first refresh token usable again",
    )


def options_from(values: argparse.Namespace) -> Options:
    return Options(
        app_id=values.app_id,
        app_secret=values.app_secret,
        oa_id=values.oa_id,
        oa_secret=values.oa_secret,
        oa_name=values.oa_name,
        first_refresh_token=values.refresh_token,
        access_token_seconds=values.access_token_seconds,
        require_proof=values.require_proof,
        state_path=values.state,
        webhook_url=values.webhook_url,
        webhook_time_scale=values.webhook_time_scale,
        delivery_seconds=values.delivery_seconds,
        ignore_night=values.ignore_night,
        daily_quota=values.daily_quota,
        balance=values.balance,
        promotions_per_day=values.promotions_per_day,
        promotions_per_month=values.promotions_per_month,
        requests_per_minute=values.requests_per_minute,
        admin_phones=tuple(values.admin_phones),
        flip_types=values.flip_types,
    )


def announce(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(values: argparse.Namespace) -> None:
    """Serve until interrupted or terminated."""
    simulator = Simulator(port=values.port, host=values.host, options=options_from(values))
    if values.fresh_credentials:
        simulator.platform.tokens.mint()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with simulator:
        announce(f"Zalo simulator: {simulator.base_url}/")
        announce(f"Webhooks go to: {values.webhook_url or 'nowhere'}")
        ended.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m zalo_simulator", description=__doc__)
    add_arguments(parser)
    serve(parser.parse_args(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
