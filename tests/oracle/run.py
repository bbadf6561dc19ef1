#!/usr/bin/env python3
"""Starts the executable on a data folder of its own, and has other people's libraries judge its signatures: see signatures.py.

    python3 tests/oracle/run.py [COUNT]     ILLUMICHAT_BIN names the executable; the packages are in requirements.txt
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from server import Server, owner

COUNT = sys.argv[1] if len(sys.argv) > 1 else "3000"


def main():
    with tempfile.TemporaryDirectory(prefix="illumichat-oracle-") as folder:
        data = Path(folder) / "data"
        token = owner(data, "Oracle")
        with Server(data, {"ILLUMICHAT_EGRESS__ALLOW": '["127.0.0.1"]'}) as server:
            script = str(Path(__file__).resolve().with_name("signatures.py"))
            status = subprocess.run([sys.executable, script, server.url, token, COUNT], timeout=200).returncode
            if status:
                print(server.said())
    # One for each library.
    print("oracle tests: 2 passed, 0 failed" if status == 0 else "oracle tests: 0 passed, 1 failed")
    return status


if __name__ == "__main__":
    sys.exit(main())
