import re
import subprocess
import sys
from typing import Any

import pytest
import requests


@pytest.mark.parametrize(
    "entry", [["-m", "zalo_simulator"], ["manage.py", "zalo_simulator"]]
)
def test_serves_until_it_is_terminated(entry: list[str], tmp_path: Any) -> None:
    state = str(tmp_path / "var" / "state.sqlite3")
    command = [
        sys.executable,
        *entry,
        "--port",
        "0",
        "--state",
        state,
        "--oa-name",
        "Trà Sen",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", first_line)
        assert address is not None, first_line
        answer = requests.get(f"{address[0]}simulator/state", timeout=5).json()
        process.terminate()

    assert answer["oa_name"] == "Trà Sen"
    assert answer["ignore_night"] is False
    assert process.returncode == 0
