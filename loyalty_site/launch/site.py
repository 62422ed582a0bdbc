"""Start the whole site, watch it, stop it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loyalty_site.launch import ports
from loyalty_site.launch.broker import Broker, choose_broker
from loyalty_site.launch.children import Child, Supervisor
from loyalty_site.launch.errors import CannotStart
from loyalty_site.launch.screen import Screen
from loyalty_site.running import BASE_DIR, AlreadyRunning, RunningSite
from zalo_simulator.options import Options

VAR_DIR = BASE_DIR / "var"
LOG_DIR = VAR_DIR / "log"
SIMULATOR_PORT = 8787
START_TIMEOUT = 90.0
# Celery's word against root is about pickled tasks; ours are JSON with ids in it.
_HUSHED = "ignore:You're running the worker with superuser privileges"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to be started, decided before anything is."""

    host: str
    port: int
    url: str
    broker: Broker
    simulator_port: int | None
    environment: Mapping[str, str]

    @property
    def simulator_url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.simulator_port}"


def make_plan(environment: Mapping[str, str], *, var_dir: Path = VAR_DIR) -> Plan:
    """Decide from the environment what runs where, or say what stands in the way."""
    host = environment.get("HOST") or ports.LOOPBACK
    port = ports.read_port(environment.get("PORT", ""), name="PORT", default=8000)
    ports.require_free(port, name="PORT", host=_bindable(host))
    url = f"http://{ports.LOOPBACK if host in ('0.0.0.0', '') else host}:{port}"
    simulator_port = _simulator_port(environment)
    broker = _broker(environment, var_dir)
    children_environment = {
        **environment,
        "CELERY_BROKER_URL": broker.url,
        "PUBLIC_URL": environment.get("PUBLIC_URL") or url,
        # Lines appear when they are written, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": environment.get("PYTHONWARNINGS") or _HUSHED,
    }
    if simulator_port is not None:
        children_environment |= simulator_environment(simulator_port)
        if not environment.get("SMS_API_KEY"):
            children_environment |= sms_environment(simulator_port)
    return Plan(
        host=host,
        port=port,
        url=url,
        broker=broker,
        simulator_port=simulator_port,
        environment=children_environment,
    )


def simulator_environment(port: int) -> dict[str, str]:
    """Return the settings under which the site talks to the simulated platform."""
    url = f"http://{ports.LOOPBACK}:{port}"
    public = Options()
    return {
        "ZALO_APP_ID": public.app_id,
        "ZALO_APP_SECRET": public.app_secret,
        "ZALO_OA_ID": public.oa_id,
        "ZALO_OA_SECRET": public.oa_secret,
        "ZALO_REFRESH_TOKEN": public.first_refresh_token,
        "ZALO_OAUTH_URL": url,
        "ZALO_OPENAPI_URL": url,
        "ZALO_BUSINESS_URL": url,
    }


def sms_environment(port: int) -> dict[str, str]:
    """Return the settings under which the same program stands in for an SMS gateway."""
    return {
        "SMS_URL": f"http://{ports.LOOPBACK}:{port}",
        "SMS_API_KEY": "simulator",
        "SMS_SECRET_KEY": "simulator",
        "SMS_BRANDNAME": "DEMO",
    }


def _bindable(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError:
        raise CannotStart(
            f"HOST={host} is no address of this machine; write 127.0.0.1 or 0.0.0.0."
        ) from None


def _simulator_port(environment: Mapping[str, str]) -> int | None:
    """Simulate Zalo unless this installation knows a real account."""
    if environment.get("ZALO_APP_ID") or environment.get("ZALO_OPENAPI_URL"):
        return None
    asked = environment.get("ZALO_SIMULATOR_PORT", "")
    if not asked:
        return ports.first_free_port(SIMULATOR_PORT)
    port = ports.read_port(asked, name="ZALO_SIMULATOR_PORT", default=SIMULATOR_PORT)
    return ports.require_free(port, name="ZALO_SIMULATOR_PORT")


def _broker(environment: Mapping[str, str], var_dir: Path) -> Broker:
    if url := environment.get("CELERY_BROKER_URL"):
        return Broker(url=url, says=url.split("://", 1)[0])
    return choose_broker(data_dir=var_dir / "broker")


def children_of(plan: Plan) -> list[Child]:
    """Return the processes of the site, in the order in which they start."""
    python = sys.executable
    celery = (python, "-m", "celery", "-q", "-A", "loyalty_site")
    concurrency = plan.environment.get("WORKER_CONCURRENCY") or "2"
    children = []
    if plan.simulator_port is not None:
        children.append(Child("simulator", _simulator_command(plan)))
    children += [
        Child(
            "web",
            (
                *(python, "-m", "gunicorn", "loyalty_site.wsgi:application"),
                *("--bind", f"{plan.host}:{plan.port}"),
                *("--worker-class", "gthread", "--threads", "4"),
                *("--workers", plan.environment.get("WEB_CONCURRENCY") or "2"),
                *("--timeout", "60", "--graceful-timeout", "4"),
                # Its socket lies in the home directory and is shared by every site.
                *("--no-control-socket", "--log-level", "warning"),
            ),
            is_vital=True,
        ),
        Child(
            "worker",
            (
                *(*celery, "worker", "--loglevel", "INFO"),
                *("--concurrency", concurrency, "--without-gossip", "--without-mingle"),
            ),
        ),
        # Exactly one beat; two would be harmless, but of no use.
        Child("beat", (*celery, "beat", "--loglevel", "INFO", "--pidfile=")),
    ]
    return children


def _simulator_command(plan: Plan) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "zalo_simulator"),
        *("--port", str(plan.simulator_port)),
        *("--state", str(VAR_DIR / "zalo_simulator.sqlite3")),
        *("--webhook-url", f"{plan.url}/api/v1/webhooks/zalo/"),
        # People try a demo at any hour.
        "--ignore-night",
    )


def run_site(environment: Mapping[str, str]) -> int:
    """Run the site until Ctrl-C, SIGTERM or the death of the web server."""
    running = RunningSite()
    try:
        running.take(says=f"process {os.getpid()}")
    except AlreadyRunning as other:
        raise CannotStart(
            f"The site already runs from this folder ({other}); stop it with Ctrl-C "
            "in its window first."
        ) from None
    try:
        return _run(make_plan(environment), running)
    finally:
        running.forget()


def _run(plan: Plan, running: RunningSite) -> int:
    screen = Screen()
    supervisor = Supervisor(
        environment=plan.environment, log_dir=LOG_DIR, cwd=BASE_DIR, say=screen.say
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.ask_to_stop())
    try:
        _start_broker(plan, supervisor)
        running.tell(_addresses(plan))
        _prepare(plan, supervisor)
        for child in children_of(plan):
            if not supervisor.must_stop():
                supervisor.start(child)
        _wait_until_ready(plan, supervisor)
        if not supervisor.must_stop():
            screen.welcome(plan, _demo_lines(plan))
        return _watch(supervisor)
    finally:
        if supervisor.children:
            screen.note("Stopping…")
        supervisor.stop_all()


def _start_broker(plan: Plan, supervisor: Supervisor) -> None:
    if not plan.broker.is_own:
        return
    broker = Child("broker", plan.broker.command, stops_last=True, is_quiet=True)
    supervisor.start(broker)
    deadline = time.monotonic() + 30
    while not plan.broker.is_ready():
        supervisor.pause(0.1)
        if supervisor.must_stop():
            return
        if not broker.is_running or time.monotonic() > deadline:
            raise CannotStart(
                "The message broker does not start; the reason stands in "
                f"{LOG_DIR / 'broker.log'}."
            )


def _addresses(plan: Plan) -> dict[str, str]:
    names = ["DATABASE_URL", "CELERY_BROKER_URL", "PUBLIC_URL"]
    if plan.simulator_port is not None:
        names += simulator_environment(plan.simulator_port)
    return {name: plan.environment.get(name, "") for name in names}


def _prepare(plan: Plan, supervisor: Supervisor) -> None:
    """Bring tables and files up to date in a process that knows the right settings."""
    if supervisor.must_stop():
        return
    process = subprocess.Popen(
        (sys.executable, "manage.py", "prepare_site", "--require-broker"),
        env=dict(plan.environment),
        cwd=BASE_DIR,
        start_new_session=True,
    )
    while process.poll() is None:
        supervisor.pause(0.1)
        if supervisor.must_stop():
            process.terminate()
    if process.returncode and not supervisor.must_stop():
        # It has said why.
        raise SystemExit(1)


def _wait_until_ready(plan: Plan, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not supervisor.must_stop() and not _is_ready(plan):
        supervisor.pause(0.3)
        if (dead := supervisor.look_after()) is not None:
            raise CannotStart(_obituary(dead))
        if time.monotonic() > deadline:
            raise CannotStart(
                f"The site does not answer at {plan.url}/readyz; the reason stands in "
                f"{LOG_DIR / 'web.log'}."
            )


def _is_ready(plan: Plan) -> bool:
    # A proxy of the environment must not stand between us and ourselves.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    host = ports.LOOPBACK if plan.host == "0.0.0.0" else plan.host
    request = urllib.request.Request(f"http://{host}:{plan.port}/readyz")
    try:
        with opener.open(request, timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        # It serves; what is still amiss it says at that address.
        return answer.code != 503
    except OSError:
        return False


def _demo_lines(plan: Plan) -> list[str]:
    """Ask for the demo's logins; the simulator learns its people on the way."""
    try:
        answer = subprocess.run(
            (sys.executable, "manage.py", "show_demo"),
            env=dict(plan.environment),
            cwd=BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=START_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return []
    return answer.stdout.splitlines()


def _watch(supervisor: Supervisor) -> int:
    while not supervisor.must_stop():
        supervisor.wait(0.5)
        if (dead := supervisor.look_after()) is not None:
            raise CannotStart(_obituary(dead))
    return 0


def _obituary(child: Child) -> str:
    return (
        f"The {child.name} server has ended by itself, so everything is stopped; the "
        f"reason stands in {LOG_DIR / f'{child.name}.log'}."
    )
