#!/bin/sh
# Find a Python that is new enough and let it prepare .venv. Needs nothing but a shell.
# usage: scripts/setup.sh requirements.txt …
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
for name in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3 python; do
    # A name may exist and still not start (version managers leave such behind).
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$name" "$here/setup.py" "$@"
    fi
done
echo "This needs Python 3.11 or newer, and none was found: install it (Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python) or say where it is with PYTHON=/path/to/python3, and run make again." >&2
exit 1
