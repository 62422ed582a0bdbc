"""T24: files that are bombs or disguises, as pictures in the console and as tables.

Pictures are sent to a real web worker by the console's own form; tables are read by the
import command in a process of its own. Each must be refused with a sentence or made anew,
within 100 MiB of memory and two seconds of work; nothing that was sent is ever served. The
controls take the bounds away and show that the same files then break them.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from PIL import Image

from tests.battery import table_bombs
from tests.battery.figures import report
from tests.battery.picture_bombs import (
    BOMBS,
    CAMERA,
    SCRIPT,
    SECRET,
    scans,
    segments,
    text_chunks,
)
from tests.battery.running import Database, new_database, run, web_site
from tests.pictures import png, png_by_hand

pytestmark = [
    pytest.mark.battery,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads /proc"),
]

MOST_MEBIBYTES, MOST_SECONDS = 100, 2
# A model with a picture, and the console's form for it.
SHELF = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
LIST = "/admin/shelf/poster/"
FORM = f"{LIST}add/"
SENTENCE = re.compile(r"(?:This is no|The file|The picture) [^<]+\.")
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What a file cost a process: its work, and how far its memory rose."""

    seconds: float
    mebibytes: float

    @property
    def is_fair(self) -> bool:
        return self.seconds < MOST_SECONDS and self.mebibytes < MOST_MEBIBYTES


def as_text(cost: Cost) -> str:
    return f"{cost.mebibytes:.0f} MiB, {cost.seconds:.2f} s"


def worst(costs: dict[str, Cost]) -> dict[str, str]:
    """Return the figures of the files that cost most."""
    memory = max(costs, key=lambda name: costs[name].mebibytes)
    work = max(costs, key=lambda name: costs[name].seconds)
    return {
        "most_mebibytes": f"{costs[memory].mebibytes:.0f} ({memory})",
        "most_seconds": f"{costs[work].seconds:.2f} ({work})",
    }


# --- Pictures, sent to a worker ---------------------------------------------------------


class Answer(NamedTuple):
    """How a form with a picture was answered."""

    status: int
    sentence: str
    cost: Cost
    is_taken: bool


class Worker:
    """The one worker of a web site, watched from outside."""

    def __init__(self, port: int) -> None:
        self._folder = next(_workers(port))

    @contextmanager
    def watched(self) -> Iterator[Callable[[], Cost]]:
        """Begin to measure; the cost may be asked when the work is done."""
        # The highest mark of memory starts anew from what is in use now.
        (self._folder / "clear_refs").write_text("5")
        kilobytes, seconds = self._status("VmRSS"), self._seconds()

        def cost() -> Cost:
            rise = (self._status("VmHWM") - kilobytes) / 1024
            return Cost(self._seconds() - seconds, max(0.0, rise))

        yield cost

    def _status(self, name: str) -> int:
        text = (self._folder / "status").read_text()
        return int(text.partition(f"{name}:")[2].split()[0])

    def _seconds(self) -> float:
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def _workers(port: int) -> Iterator[Path]:
    """Find the processes that serve a port: the children of the one that was started."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if f"--bind=127.0.0.1:{port}".encode() in command and parent != os.getpid():
            yield folder


class Staff:
    """Somebody at the console's form."""

    def __init__(self, port: int) -> None:
        self._site = f"http://127.0.0.1:{port}"
        self._worker = Worker(port)
        self._session = requests.Session()
        self._session.headers["Accept-Language"] = "en"
        self._session.get(self._site + "/admin/login/", timeout=60)
        self._post("/admin/login/", {"username": "staff", "password": "battery"})
        # The first picture pays for what is loaded only then.
        assert self.send(png()).is_taken

    def send(self, content: bytes) -> Answer:
        with self._worker.watched() as cost:
            response = self._post(FORM, {"title": "a"}, {"picture": ("a.jpg", content)})
        found = SENTENCE.search(response.text)
        is_taken = response.headers.get("Location") == LIST
        return Answer(response.status_code, found[0] if found else "", cost(), is_taken)

    def get(self, path: str) -> requests.Response:
        return requests.get(self._site + path, timeout=60)

    def _post(
        self,
        path: str,
        data: dict[str, str],
        files: dict[str, tuple[str, bytes]] | None = None,
    ) -> requests.Response:
        token = self._session.cookies["csrftoken"]
        return self._session.post(
            self._site + path,
            {**data, "csrfmiddlewaretoken": token},
            files=files,
            allow_redirects=False,
            timeout=600,
        )


Console = Callable[..., AbstractContextManager[Staff]]


@pytest.fixture(scope="module")
def shelf(
    empty_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """Make a database whose console has a form with a picture, and one of its staff."""
    with new_database(tmp_path_factory.mktemp("shelf"), like=empty_database) as database:
        run(database, "manage.py", "migrate", "shelf", "--verbosity=0", **SHELF)
        named = {"USERNAME": "staff", "PASSWORD": "battery", "EMAIL": "staff@example.com"}
        run(
            database,
            *("manage.py", "createsuperuser", "--noinput", "--verbosity=0"),
            **{f"DJANGO_SUPERUSER_{name}": value for name, value in named.items()},
            **SHELF,
        )
        yield database


@contextmanager
def console(database: Database, guards_off: str = "") -> Iterator[Staff]:
    more = {"GUARDS_OFF": guards_off, **SHELF}
    with web_site(database, workers=1, threads=4, **more) as port:
        yield Staff(port)


def test_pictures_are_refused_or_made_anew(shelf: Database) -> None:
    with console(shelf) as staff:
        answers = {name: staff.send(bomb.make()) for name, bomb in BOMBS.items()}
        served = [
            staff.get(f"/pictures/{digest}-{size}.webp")
            for (digest,) in shelf.ask("SELECT digest FROM core_picture")
            for size in ("card", "thumbnail")
        ]
    num_taken = sum(answer.is_taken for answer in answers.values())
    report(
        "T24 pictures",
        files=len(answers),
        refused=len(answers) - num_taken,
        made_anew=num_taken,
        **worst({name: answer.cost for name, answer in answers.items()}),
        photo_of_12_megapixels=as_text(answers[CAMERA].cost),
        served=len(served),
        served_as_sent=sum(not is_ours(response) for response in served),
    )
    for name, answer in answers.items():
        wanted = BOMBS[name].is_taken
        assert answer.status in (200, 302), name
        assert wanted in (None, answer.is_taken), (name, answer)
        assert answer.is_taken or answer.sentence, name
        assert answer.cost.is_fair, (name, answer.cost)
    assert all(is_ours(response) for response in served)


def is_ours(response: requests.Response) -> bool:
    """Tell whether what is served is a picture of our making, and can be nothing else."""
    headers = {
        "Content-Type": "image/webp",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    foreign = (SCRIPT, SECRET, b"PK\x03\x04", b"EXIF", b"XMP ", b"ICCP", b"META-INF")
    with Image.open(io.BytesIO(response.content)) as image:
        is_picture = image.format == "WEBP" and image.width * 3 == image.height * 4
    return (
        is_picture
        and headers.items() <= response.headers.items()
        and not any(piece in response.content for piece in foreign)
    )


CONTROLS = {
    "flood": lambda: png_by_hand((13_000, 13_000), depth=1),
    "scans": lambda: scans(15_000),
    "segments": lambda: segments(4_500_000),
    "texts": text_chunks,
}


def test_control_without_bounds_pictures_cost_too_much(shelf: Database) -> None:
    with console(shelf, "pictures") as staff:
        costs = {name: staff.send(make()).cost for name, make in CONTROLS.items()}

    report("T24 control: no bounds on pictures", **_figures(costs))
    assert not any(cost.is_fair for cost in costs.values()), costs


# --- Tables, read by the command --------------------------------------------------------


class Reading(NamedTuple):
    """How an import ended: with what sentence, if any, and at which cost."""

    refusal: str
    cost: Cost


def read(database: Database, table: Path, guards_off: str = "") -> Reading:
    """Import a file in a process of its own."""
    said = run(
        database, "-m", "tests.battery.read_table", str(table), GUARDS_OFF=guards_off
    )
    answer = json.loads(said.splitlines()[-1])
    return Reading(answer["refusal"], Cost(answer["seconds"], answer["mebibytes"]))


def beyond(reading: Reading, usual: Reading) -> Cost:
    """Return what a file cost beyond what the command needs for a good one."""
    seconds, mebibytes = zip(reading.cost, usual.cost, strict=True)
    return Cost(max(0.0, seconds[0] - seconds[1]), max(0.0, mebibytes[0] - mebibytes[1]))


def test_tables_are_refused_before_they_fill_the_memory(
    shelf: Database, tmp_path: Path
) -> None:
    usual = read(shelf, table_bombs.good(tmp_path))
    readings: dict[str, Reading] = {}
    for number, (name, make) in enumerate(table_bombs.BOMBS.items()):
        folder = tmp_path / "in" / str(number)
        folder.mkdir(parents=True)
        readings[name] = read(shelf, make(folder))
    costs = {name: beyond(reading, usual) for name, reading in readings.items()}
    num_refused = sum(bool(reading.refusal) for reading in readings.values())
    refused = {name: costs[name] for name in costs if name not in table_bombs.HARMLESS}
    report(
        "T24 tables",
        files=len(costs),
        refused=num_refused,
        most_mebibytes=worst(costs)["most_mebibytes"],
        most_seconds_to_refuse=worst(refused)["most_seconds"],
    )
    for name, reading in readings.items():
        is_harmless = name in table_bombs.HARMLESS
        assert is_harmless != bool(reading.refusal), (name, reading)
        # Rows that are read take their time, but never more memory.
        assert costs[name].mebibytes < MOST_MEBIBYTES, (name, costs[name])
        assert is_harmless or costs[name].is_fair, (name, costs[name])
    assert not list(tmp_path.rglob("escaped.txt"))
    assert not Path("/tmp/escaped.txt").exists()


TABLE_CONTROLS = {
    "line": table_bombs.endless_line(2**28),
    "cell": table_bombs.cell(128),
    "styles": table_bombs.styles(4),
}


def test_control_without_bounds_tables_cost_too_much(
    shelf: Database, tmp_path: Path
) -> None:
    usual = read(shelf, table_bombs.good(tmp_path))
    costs = {
        name: beyond(read(shelf, make(tmp_path), "tables"), usual)
        for name, make in TABLE_CONTROLS.items()
    }

    report("T24 control: no bounds on tables", **_figures(costs))
    assert not any(cost.is_fair for cost in costs.values()), costs


def _figures(costs: dict[str, Cost]) -> dict[str, str]:
    return {name: as_text(cost) for name, cost in costs.items()}
