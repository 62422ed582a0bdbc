"""What can be chosen when the simulator starts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Defaults are fixed and public, so that a demo can be configured before it runs."""

    app_id: str = "1000000000000000001"
    app_secret: str = "simulator-app-secret"
    oa_id: str = "1000000000000000002"
    oa_secret: str = "simulator-oa-secret"
    oa_name: str = "Cà phê Mộc"
    first_refresh_token: str = "simulator-refresh-token"
    # 25 hours and three months, as the platform does.
    access_token_seconds: int = 90_000
    refresh_token_seconds: int = 90 * 86_400
    # The app setting "verify API calls with appsecret_proof".
    require_proof: bool = False

    state_path: str = ":memory:"

    webhook_url: str = ""
    # 1.0 is the real ladder (30 s … 1 h); 0.001 makes an hour 3.6 seconds.
    webhook_time_scale: float = 1.0
    delivery_seconds: float = 1.0

    # Demos run at any hour; the platform refuses promotions from 22:00 to 06:00.
    ignore_night: bool = False
    daily_quota: int = 500_000
    # None means the account never runs out of money.
    balance: int | None = None
    # Published figures disagree (one a day; four or thirty a month): off until asked for.
    promotions_per_day: int | None = None
    promotions_per_month: int | None = None
    # The real limit is 4000 a minute per app; 0 is off, so that load can be measured.
    requests_per_minute: int = 0
    # Phones that may receive messages sent with "mode": "development".
    admin_phones: tuple[str, ...] = ()
    # Sends numbers where the platform sends strings and the other way round.
    flip_types: bool = False
