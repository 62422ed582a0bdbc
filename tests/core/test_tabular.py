"""Reading tables: what is understood, what is refused, and what one bad row costs."""

import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from core.errors import InvalidInput
from core.tabular import (
    Progress,
    RejectFile,
    open_table,
    parse_amount,
    parse_date,
    parse_flag,
    parse_moment,
    parse_quantity,
    parse_renames,
    parse_whole,
    reject_path,
)
from tests.tables import (
    BOOK,
    MAIN,
    SHEET,
    STRINGS,
    STYLES,
    TYPES,
    laughing,
    ordinary_parts,
    repeated,
    sheet,
    texts,
    workbook,
)

HCMC = ZoneInfo("Asia/Ho_Chi_Minh")


def write(tmp_path: Path, content: str | bytes, name: str = "orders.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options):
    options = {"required": {"id", "total"}, "optional": {"name"}} | options
    with open_table(path, **options) as table:
        return list(table.rows())


def values(path: Path, **options):
    return [row.values for row in read(path, **options)]


TWO = [{"id": "A1", "total": "10"}, {"id": "A2", "total": "20"}]


@pytest.mark.parametrize(
    "content",
    [
        "id,total\nA1,10\nA2,20\n",
        "\ufeffid,total\r\nA1,10\r\nA2,20",
        "id;total\nA1;10\nA2;20\n",
        "id\ttotal\nA1\t10\nA2\t20\n",
        "sep=;\nid;total\nA1;10\nA2;20\n",
        'ID , "Total"\n A1 , 10 \n\n,\nA2,20,\n',
        "id,total\nA1,10\nA2,20\n".encode("utf-16"),
        gzip.compress(b"id,total\nA1,10\nA2,20\n"),
    ],
    ids=["plain", "bom", "semicolon", "tab", "sep", "untidy", "utf-16", "gzip"],
)
def test_reads_every_usual_form(tmp_path, content):
    assert values(write(tmp_path, content)) == TWO


def test_reads_a_workbook(tmp_path):
    book = openpyxl.Workbook()
    for cells in (
        ["id", "total", "name", "when"],
        [1, 1250000.0, None, datetime(2026, 3, 2, 9, 30)],  # noqa: DTZ001
        [None, None, None, None],
        ["A2", 12.5, True, datetime(2026, 3, 2)],  # noqa: DTZ001
    ):
        book.active.append(cells)
    book.save(tmp_path / "orders.xlsx")
    rows = read(tmp_path / "orders.xlsx", optional={"name", "when"})
    assert [(row.number, row.values) for row in rows] == [
        (2, {"id": "1", "total": "1250000", "name": "", "when": "2026-03-02 09:30:00"}),
        (4, {"id": "A2", "total": "12.5", "name": "true", "when": "2026-03-02"}),
    ]


def test_names_of_columns_may_be_translated(tmp_path):
    path = write(tmp_path, "Mã đơn;Tổng tiền;Ghi chú\nA1;10;x\n")
    options = {"aliases": {"mã_đơn": "id"}, "renames": {"tổng tiền": "total"}}
    with open_table(path, required={"id", "total"}, **options) as table:
        assert [row.values for row in table.rows()] == [{"id": "A1", "total": "10"}]
        assert table.unknown == ["Ghi chú"]
        assert "“Ghi chú” is unknown" in table.notices[0]


def test_a_mapping_takes_the_place_of_the_column_of_that_name(tmp_path):
    path = write(tmp_path, "id,total,net\nA1,10,9\n")
    assert values(path, renames={"net": "total"}) == [{"id": "A1", "total": "9"}]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("id,price\nA1,10\n", "lacks the column total. It has: id, price."),
        ("id,total,Total\nA1,10,10\n", "Two columns are called “total”"),
        ("<html><body>login</body></html>", "lacks the column"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no CSV or XLSX"),
        (b"\0" * 5000, "no CSV or XLSX"),
        (b"x" * 100_000, "no CSV or XLSX"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel file"),
        (b"PK\x03\x04 not really", "no Excel workbook"),
        (gzip.compress(b"id,total\nA1,10\n", mtime=0)[:12], "no CSV or XLSX"),
        (b"id,total\n" + b"B\xecnh,10\n" * 5, "not in UTF-8"),
    ],
)
def test_refuses_what_is_no_table(tmp_path, content, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read(write(tmp_path, content))


# --- Files that would fill the memory, or never end --------------------------------------


@pytest.mark.parametrize("ending", ["", "\nA2,20\n"])
def test_a_line_without_an_end_is_refused_and_the_rows_before_it_are_read(tmp_path, ending):
    path = write(tmp_path, "id,total\nA1,10\n" + "x" * 5_000_000 + ending)
    rows = []
    with (
        open_table(path, required={"id", "total"}) as table,
        pytest.raises(InvalidInput, match="a line of more than 4.194.304 letters"),
    ):
        rows.extend(row.values for row in table.rows())
    assert rows == [{"id": "A1", "total": "10"}]


@pytest.mark.parametrize(
    "line", ["x," * 30_000, "A1," + "1" * 16_384, 'A1,"' + "x" * 99_999]
)
def test_a_long_line_that_ends_is_only_a_bad_row_and_is_cut(tmp_path, line):
    rows = read(write(tmp_path, f"id,total\n{line}\nA2,20\n"))
    assert [bool(row.problem) for row in rows] == [True, False]
    assert sum(map(len, rows[0].cells)) <= 16_384
    assert rows[1].values == {"id": "A2", "total": "20"}


def test_a_line_as_long_as_allowed_is_read(tmp_path):
    name = "x" * (16_384 - len("A1,10,\n") - 1)
    assert values(write(tmp_path, f"id,total,name\nA1,10,{name}\n"))[0]["name"] == name


def test_a_quote_that_is_never_closed_keeps_no_more_than_a_long_line(tmp_path):
    cells = ",".join("x" * 7_000 for _cell in range(2))
    lines = "".join(f'A{n},{cells},"\n' for n in range(40))
    rows = read(write(tmp_path, "id,total\n" + lines + "A2,20\n"))
    assert rows[-1].values == {"id": "A2", "total": "20"}
    assert all(row.problem for row in rows[:-1])


BOMBS = {
    "texts": {STRINGS: repeated(f'<sst xmlns="{MAIN}">', "<si/>", "</sst>", mebibytes=8)},
    "one-text": {
        STRINGS: repeated(
            f'<sst xmlns="{MAIN}"><si><t>', "a", "</t></si></sst>", mebibytes=8
        )
    },
    "cell": {
        SHEET: repeated(
            f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c t="inlineStr"><is><t>',
            "a",
            "</t></is></c></row></sheetData></worksheet>",
            mebibytes=8,
        )
    },
    "styles": {
        STYLES: repeated(
            f'<styleSheet xmlns="{MAIN}"><cellXfs>', "<xf/>", "</cellXfs>", mebibytes=2
        )
    },
    "few-styles": {
        STYLES: f'<styleSheet xmlns="{MAIN}">{"<xf/>" * 25_000}</styleSheet>'.encode()
    },
    "billion-laughs": {SHEET: laughing(sheet('<row r="2"><c><v>&a9;</v></c></row>'))},
    "laughing-book": {BOOK: laughing(b"<workbook>&a9;</workbook>")},
    "names": {BOOK: repeated("<workbook>", "<x/>", "</workbook>", mebibytes=2)},
}


@pytest.mark.parametrize("changed", BOMBS.values(), ids=BOMBS)
def test_refuses_a_workbook_that_unpacks_to_a_mountain(tmp_path, changed):
    path = workbook(tmp_path / "orders.xlsx", with_texts(changed))
    assert path.stat().st_size < 200_000
    with pytest.raises(
        InvalidInput, match="orders.xlsx unpacks to more than a table needs"
    ):
        read(path)


def with_texts(changed):
    """Name the shared texts among the parts, where there are some."""
    if STRINGS not in changed:
        return changed
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    named = f'<Override PartName="/{STRINGS}" ContentType="{kind}"/></Types>'.encode()
    types = ordinary_parts()[TYPES].replace(b"</Types>", named)
    return {TYPES: types, **changed}


def test_refuses_an_archive_of_too_many_parts(tmp_path):
    many = (f"part-{number}" for number in range(30_000))
    path = workbook(tmp_path / "orders.xlsx", more=many)
    with pytest.raises(InvalidInput, match="unpacks to more"):
        read(path)


def test_nothing_is_written_for_parts_that_lead_out_of_the_archive(tmp_path):
    (tmp_path / "in").mkdir()
    path = workbook(tmp_path / "in" / "orders.xlsx", more=["../out.txt", "/out.txt"])
    assert values(path) == [{"id": "A1", "total": "10"}]
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in", "orders.xlsx"]


DAMAGED = {
    "cut-sheet": {SHEET: sheet()[:-40]},
    "no-book": {BOOK: b"<workbook>"},
}


@pytest.mark.parametrize("changed", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_workbook_is_refused_with_a_sentence(tmp_path, changed):
    path = workbook(tmp_path / "orders.xlsx", changed)
    with pytest.raises(InvalidInput, match="no Excel workbook with a sheet"):
        read(path)


def test_what_cannot_be_read_ends_the_file_and_keeps_the_rows_before_it(tmp_path):
    good = '<row r="2"><c t="str"><v>A1</v></c><c><v>10</v></c></row>'
    huge = f'<row r="3"><c><v>{"9" * 5000}</v></c></row>'
    path = workbook(tmp_path / "orders.xlsx", {SHEET: sheet(good, huge)})
    rows = []
    with (
        open_table(path, required={"id", "total"}) as table,
        pytest.raises(InvalidInput, match="orders.xlsx is damaged after row 2"),
    ):
        rows.extend(row.values for row in table.rows())
    assert rows == [{"id": "A1", "total": "10"}]


def test_a_row_that_claims_to_be_the_billionth_is_passed_over(tmp_path):
    far = '<row r="1000000000"><c r="A1000000000"><v>1</v></c></row>'
    assert values(workbook(tmp_path / "orders.xlsx", {SHEET: sheet(far)})) == []


def test_reads_texts_of_several_dresses_and_not_how_they_are_spoken(tmp_path):
    items = (
        "<si><t>id</t></si>",
        "<si><t>total</t></si>",
        "<si><r><t>Mai</t></r><r><t xml:space='preserve'> Lan</t></r>"
        "<rPh sb='0' eb='1'><t>mai</t></rPh></si>",
        "<si><t>_x005F_x</t></si>",
        "<si/>",
    )
    cells = "".join(f'<c t="s"><v>{number}</v></c>' for number in (2, 3))
    rows = (
        '<row r="1"><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>',
        f'<row r="2">{cells}</row>',
    )
    body = f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'
    changed = with_texts({STRINGS: texts(*items), SHEET: body.encode()})
    path = workbook(tmp_path / "orders.xlsx", changed)
    assert values(path) == [{"id": "Mai Lan", "total": "_x"}]


# --- Which columns there are --------------------------------------------------------------


def test_refuses_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(InvalidInput, match="There is no file"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("renames", "sentence"),
    [
        ({"foo": "total"}, "no column “foo”. Its columns are: id, total"),
        ({"total": "price"}, "no field “price”. The fields are: id, name, total"),
    ],
)
def test_refuses_a_mapping_that_fits_nothing(tmp_path, renames, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read(write(tmp_path, "id,total\nA1,10\n"), renames=renames)


def test_needs_one_of_two_columns(tmp_path):
    path = write(tmp_path, "total\n10\n")
    with pytest.raises(InvalidInput, match="lacks the column id or phone"):
        read(path, required={"total"}, either={"id", "phone"})


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (b"A2\n", "The row has 1 cells; the header has 2."),
        (b"A2,20,30\n", "The row has 3 cells; the header has 2."),
        (b"A\0,20\n", "binary characters"),
        (b"B\xecnh,20\n", "not in UTF-8"),
        (b'A2,"20\n', "quotation marks"),
        (b'"A2"x,20\n', "quotation marks"),
        (b'A2,"' + b"9" * 200_000 + b'"\n', "quotation marks"),
        (b"A2," + b"9" * 200_000 + b"\n", "longer than 16.384 letters"),
    ],
)
def test_one_bad_row_costs_only_itself(tmp_path, bad, sentence):
    path = write(tmp_path, b"id,total\nA1,10\n" + bad + b"A3,30\nA4,40\n")
    rows = read(path)
    assert [row.values.get("id") for row in rows] == ["A1", None, "A3", "A4"]
    assert [row.number for row in rows] == [2, 3, 4, 5]
    assert sentence in rows[1].problem


def test_stray_quotes_everywhere_lose_no_other_row(tmp_path):
    lines = [f'A{i},"{i}\n' if i % 2 else f"A{i},{i}\n" for i in range(2000)]
    rows = read(write(tmp_path, "id,total\n" + "".join(lines)))
    assert [row.number for row in rows] == list(range(2, 2002))
    assert sum(bool(row.problem) for row in rows) == 1000


def test_a_cell_may_span_lines(tmp_path):
    path = write(tmp_path, 'id,total,name\nA1,10,"Mai\nNguyễn"\nA2,20,\n')
    assert [row.values["name"] for row in read(path)] == ["Mai\nNguyễn", ""]


def test_a_cut_archive_gives_its_rows_and_then_says_so(tmp_path):
    whole = gzip.compress(b"id,total\n" + b"".join(b"A%d,10\n" % i for i in range(90_000)))
    path = write(tmp_path, whole[:-2000])
    numbers = []
    with (
        open_table(path, required={"id", "total"}) as table,
        pytest.raises(InvalidInput, match="ends too early"),
    ):
        numbers.extend(row.number for row in table.rows())
    assert len(numbers) > 50_000
    assert numbers == list(range(2, len(numbers) + 2))


def test_knows_how_far_it_has_read(tmp_path):
    path = write(tmp_path, "id,total\n" + "A1,10\n" * 100_000)
    with open_table(path, required={"id", "total"}) as table:
        rows = table.rows()
        next(rows)
        assert table.part_read() < 0.3
        assert len(list(rows)) == 99_999
        assert table.part_read() == 1


def test_rejects_are_safe_and_can_be_sent_again(tmp_path):
    source = write(tmp_path, "id,total\n=1+1,10\nA2,-20\n")
    path = reject_path(source)
    assert path == tmp_path / "orders.rejected.csv"
    with (
        open_table(source, required={"id", "total"}) as table,
        RejectFile(path, table.columns, source=source) as rejects,
    ):
        for row in table.rows():
            rejects.write(row, "No reason.")
    assert path.read_text("utf-8-sig").splitlines() == [
        "id,total,rejected_row,reason",
        "'=1+1,10,2,No reason.",
        "A2,'-20,3,No reason.",
    ]
    with open_table(path, required={"id", "total"}) as table:
        assert [row.values for row in table.rows()] == [
            {"id": "=1+1", "total": "10"},
            {"id": "A2", "total": "-20"},
        ]
        assert table.unknown == []


def test_no_rejects_no_file_and_never_the_source(tmp_path):
    source = write(tmp_path, "id\n1\n")
    with RejectFile(tmp_path / "out.csv", ["id"], source=source) as rejects:
        assert rejects.count == 0
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(InvalidInput, match="would overwrite"):
        RejectFile(source, ["id"], source=source)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv.gz", "a.rejected.csv"),
        ("a.xlsx", "a.rejected.csv"),
        ("a.b.CSV", "a.b.rejected.csv"),
        ("a", "a.rejected.csv"),
    ],
)
def test_rejects_lie_beside_the_input(tmp_path: Path, name, expected):
    assert reject_path(tmp_path / name) == tmp_path / expected


def test_progress_is_quiet_when_nobody_watches():
    stream = io.StringIO()
    with Progress("Orders", stream=stream) as progress:
        progress.update(10, 0.5)
    assert stream.getvalue() == ""


def test_progress_says_rows_and_percent_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with Progress("Orders", stream=stream) as progress:
        progress.update(12_345, 0.5)
    assert stream.getvalue().startswith("\rOrders:  50.0% · 12.345 · ")
    assert stream.getvalue().endswith("\n")


def test_reads_mappings():
    assert parse_renames(["Mã KH=member_id", "tel = phone"]) == {
        "Mã KH": "member_id",
        "tel": "phone",
    }
    with pytest.raises(InvalidInput, match="“phone” is no mapping"):
        parse_renames(["phone"])


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1250000", "1250000"),
        ("1.250.000", "1250000"),
        ("1,250,000", "1250000"),
        ("1.250.000,50", "1250000.5"),
        ("1,250,000.50", "1250000.5"),
        ("12.50", "12.50"),
        ("12,5", "12.5"),
        ("11.7700", "11.77"),
        ("1.250", "1250"),
        ("1,250", "1250"),
        ("0", "0"),
        ("-45.000", "-45000"),
        ("45.000 ₫", "45000"),
        ("45.000đ", "45000"),
        ("45 000 VND", "45000"),
        ("1\xa0250\xa0000", "1250000"),
        ("9999999999999999.99", "9999999999999999.99"),
    ],
)
def test_reads_money(text, amount):
    assert parse_amount(text, "total") == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1e5",
        "NaN",
        "Infinity",
        "1.2.3",
        "1,2,3",
        "12.5.000",
        "--5",
        "١٢",
        "0x10",
    ],
)
def test_refuses_what_is_no_amount(text):
    with pytest.raises(InvalidInput, match=f"“{text}” in total is no amount"):
        parse_amount(text, "total")


@pytest.mark.parametrize("text", ["12.3456", "1234567890123456789", "0.001"])
def test_refuses_more_digits_than_are_kept(text):
    with pytest.raises(InvalidInput, match="too long"):
        parse_amount(text, "total")


def test_refuses_to_guess_between_thousands_and_cents():
    with pytest.raises(InvalidInput, match="two ways"):
        parse_amount("1.250", "total", currency="USD")
    assert parse_amount("1,250", "total", currency="USD") == 1250
    assert parse_amount("$1,250.50", "total", currency="USD") == Decimal("1250.50")


def test_reads_quantities_and_whole_numbers():
    assert parse_quantity("1.250", "quantity") == Decimal("1.25")
    assert parse_quantity("-3", "quantity") == -3
    assert parse_whole("1.250", "points") == 1250
    with pytest.raises(InvalidInput, match="no quantity"):
        parse_quantity("two", "quantity")
    with pytest.raises(InvalidInput, match="no whole number"):
        parse_whole("12.5", "points")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02", datetime(2026, 3, 2, 5, tzinfo=UTC)),
        ("02/03/2026", datetime(2026, 3, 2, 5, tzinfo=UTC)),
        ("2/3/2026", datetime(2026, 3, 2, 5, tzinfo=UTC)),
        ("2026-03-02T09:30", datetime(2026, 3, 2, 2, 30, tzinfo=UTC)),
        ("2026-03-02 09:30:15", datetime(2026, 3, 2, 2, 30, 15, tzinfo=UTC)),
        ("2026-03-02T09:30:00Z", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("2026-03-02T09:30:00+09:00", datetime(2026, 3, 2, 0, 30, tzinfo=UTC)),
        ("02/03/2026 09:30", datetime(2026, 3, 2, 2, 30, tzinfo=UTC)),
        ("31/12/2026 23:59:59", datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC)),
    ],
)
def test_reads_moments(text, moment):
    assert parse_moment(text, HCMC) == moment


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-02-30", "31/02/2026", "13/13/2026", "0001-01-01", "9999-12-31",
     "0001-01-01T00:00:00", "2026-03-02 25:00", "45234.5"],
)  # fmt: skip
def test_refuses_what_is_no_date(text):
    with pytest.raises(InvalidInput, match=f"“{text}” is no date"):
        parse_moment(text, HCMC)


def test_reads_days():
    assert parse_date("2001-02-03") == date(2001, 2, 3)
    assert parse_date("2001-02-03 00:00:00") == date(2001, 2, 3)
    assert parse_date("3.2.2001") == date(2001, 2, 3)


@pytest.mark.parametrize(
    ("text", "flag"),
    [("yes", True), ("1", True), ("TRUE", True), ("Có", True), ("no", False), ("0", False),
     ("không", False), ("False", False)],
)  # fmt: skip
def test_reads_yes_and_no(text, flag):
    assert parse_flag(text, "consent") is flag


def test_refuses_maybe():
    with pytest.raises(InvalidInput, match="“maybe” in consent is neither yes nor no"):
        parse_flag("maybe", "consent")


def test_rejects_leave_a_folder_alone_that_may_only_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    monkeypatch.chdir(tmp_path)

    assert reject_path(Path("/somewhere/orders.csv.gz")) == (
        tmp_path / "orders.rejected.csv"
    )
