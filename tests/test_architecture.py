"""The rules of the house that no single file can hold: who may import and write what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import RequestFactory

from points.models import Account, Lot, LotDraw, Transfer

ROOT = Path(__file__).resolve().parent.parent

# An app may import what stands on a lower floor; neighbours do not know each other.
FLOORS = {
    "core": 0,
    "members": 1,
    "activities": 2,
    "messaging": 2,
    "webhooks": 2,
    "points": 3,
    "rewards": 4,
    "tiers": 5,
    "qrcodes": 5,
    "games": 5,
    "campaigns": 6,
    "flows": 7,
    "insights": 8,
    "portal": 8,
    "api": 8,
    "till": 8,
    "loyalty_site": 9,
}
# Doors parse, call one verb and report; they alone may call upwards.
DOORS = frozenset({"admin", "tasks", "apps", "management", "unfold"})
# It stands in for another company's servers, so it knows nothing of ours.
SIMULATOR = "zalo_simulator"

LEDGER = (Account, Transfer, Lot, LotDraw)
LEDGER_NAMES = frozenset(model.__name__ for model in LEDGER)
WRITES = frozenset(
    {
        "create",
        "acreate",
        "bulk_create",
        "bulk_update",
        "get_or_create",
        "update_or_create",
        "update",
        "delete",
        "save",
    }
)
LEDGER_SQL = re.compile(
    r'(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+"?points_(transfer|lotdraw|lot|account)\b',
    re.IGNORECASE,
)


# --- Who imports whom -------------------------------------------------------------------


def source_files(*apps: str) -> Iterator[Path]:
    for app in apps:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def imported_packages(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name.split(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno


def forbidden_imports(app: str, source: str, *, is_door: bool = False) -> list[str]:
    """Return what this source imports although its floor does not allow it."""
    found = []
    for package, line in imported_packages(ast.parse(source)):
        if package == app or package not in {*FLOORS, SIMULATOR}:
            continue
        if app == SIMULATOR or package == SIMULATOR:
            allowed = is_door or app == "loyalty_site"
        else:
            allowed = is_door or FLOORS[package] < FLOORS[app]
        if not allowed:
            found.append(f"line {line} imports {package}")
    return found


def is_door(path: Path) -> bool:
    return bool(DOORS & {*path.relative_to(ROOT).with_suffix("").parts[1:]})


def test_imports_go_down_only() -> None:
    violations = [
        f"{path.relative_to(ROOT)}: {violation}"
        for app in (*FLOORS, SIMULATOR)
        for path in source_files(app)
        for violation in forbidden_imports(app, path.read_text(), is_door=is_door(path))
    ]

    assert violations == []


@pytest.mark.parametrize(
    ("app", "source"),
    [
        ("core", "from members.models import Member"),
        ("activities", "import messaging.services"),
        ("messaging", "from activities.models import Order"),
        ("points", "def late():\n    from flows.record import record"),
        ("portal", "from api.views import orders"),
        ("webhooks", "from messaging.channels.http import ask"),
        ("messaging", "from zalo_simulator.server import Simulator"),
        ("zalo_simulator", "from core.phones import normalise_phone"),
        ("campaigns", "from loyalty_site import settings"),
    ],
)
def test_a_planted_import_is_found(app: str, source: str) -> None:
    assert len(forbidden_imports(app, source)) == 1


def test_every_package_has_its_floor() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/apps.py")}

    assert packages <= FLOORS.keys()


# --- Who writes the ledger --------------------------------------------------------------


def ledger_writes(source: str) -> list[str]:
    """Return where this source makes, changes or deletes rows of the ledger."""
    tree = ast.parse(source)
    names = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "points.models"
        for name in node.names
        if name.name in LEDGER_NAMES
    }
    return [
        f"line {node.lineno}"
        for node in ast.walk(tree)
        if _makes_a_row(node, names) or _writes(node, names) or _says_so_in_sql(node)
    ]


def _makes_a_row(node: ast.AST, names: set[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in names
    )


def _writes(node: ast.AST, names: set[str]) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in WRITES and _root_of(node.func) in names


def _root_of(node: ast.AST) -> str:
    """Return the name at the far left of ``Lot.objects.filter(…).update``."""
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""


def _says_so_in_sql(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and LEDGER_SQL.search(node.value) is not None
    )


def test_only_points_writes_the_ledger() -> None:
    others = (app for app in FLOORS if app != "points")

    violations = [
        f"{path.relative_to(ROOT)}: {place}"
        for path in source_files(*others)
        for place in ledger_writes(path.read_text())
    ]

    assert violations == []


@pytest.mark.parametrize(
    "source",
    [
        "from points.models import Transfer\nTransfer(amount=5).save()",
        "from points.models import Lot\nLot.objects.filter(pk=1).update(remaining=9)",
        "from points.models import Account as A\nA.objects.all().delete()"
        "\nfrom points.models import Account\nAccount.objects.create()",
        "cursor.execute('update points_account set balance = 5')",
    ],
)
def test_a_planted_ledger_write_is_found(source: str) -> None:
    assert ledger_writes(source) != []


def test_reading_the_ledger_is_no_write() -> None:
    source = "from points.models import Lot\nLot.objects.filter(pk=1).count()"

    assert ledger_writes(source) == []


@pytest.mark.django_db
@pytest.mark.parametrize("model", LEDGER, ids=lambda model: model.__name__)
def test_ledger_admin_only_shows(model: type, staff: User, rf: RequestFactory) -> None:
    model_admin = admin.site._registry.get(model)
    if model_admin is None:
        return
    request = rf.get("/")
    request.user = staff

    assert not model_admin.has_add_permission(request)
    assert not model_admin.has_change_permission(request)
    assert not model_admin.has_delete_permission(request)


# --- What fits on a page ----------------------------------------------------------------

MOST_LINES_OF_A_FILE = 500
MOST_LINES_OF_A_FUNCTION = 60
# Longer for a reason: one table, written as code.
LONG_TABLES = frozenset({"members/segments/fields.py _profile_fields"})


def long_functions(source: str) -> list[str]:
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]


def test_files_and_functions_fit_on_a_page() -> None:
    sources = {
        str(path.relative_to(ROOT)): path.read_text()
        for path in source_files(*FLOORS, SIMULATOR)
    }

    long_files = [p for p, s in sources.items() if s.count("\n") > MOST_LINES_OF_A_FILE]
    too_long = {f"{p} {name}" for p, s in sources.items() for name in long_functions(s)}

    assert long_files == []
    assert too_long - LONG_TABLES == set()


def test_a_planted_long_function_is_found() -> None:
    assert long_functions("def long():\n" + "    pass\n" * 60) == ["long"]
    assert long_functions("def short():\n" + "    pass\n" * 59) == []


# --- What is written down twice must agree ----------------------------------------------


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def names_read(sources: Iterable[str]) -> set[str]:
    """Return the environment variables that the code asks for."""
    pattern = re.compile(r'(?:env\.\w+|environ(?:ment)?\.get)\(\s*["\']([A-Z_]+)["\']')
    return {name for source in sources for name in pattern.findall(source)}


def names_listed(example: str) -> list[str]:
    return re.findall(r"^#?\s?([A-Z_]+)=", example, flags=re.MULTILINE)


def test_every_setting_is_in_the_example() -> None:
    sources = [path.read_text() for path in source_files("loyalty_site", "core")]
    listed = names_listed((ROOT / ".env.example").read_text())

    # Not ours: Python's own, handed on to the children.
    asked = names_read(sources) - {"PYTHONWARNINGS"}

    assert sorted(set(listed)) == listed
    assert set(listed) == asked


def test_a_forgotten_setting_is_found() -> None:
    assert names_read(['env.str("FORGOTTEN", default="")']) == {"FORGOTTEN"}
    assert names_listed("# A=1\nB=2\n") == ["A", "B"]
