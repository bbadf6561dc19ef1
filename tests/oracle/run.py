#!/usr/bin/env python3
"""Starts the executable on a data folder of its own, and has other people's libraries judge its signatures: see signatures.py.

    python3 tests/oracle/run.py [COUNT]     ILLUMICHAT_BIN names the executable; the packages are in requirements.txt
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

COUNT = sys.argv[1] if len(sys.argv) > 1 else "3000"
BIN = os.environ.get("ILLUMICHAT_BIN") or sys.exit("Name the executable in ILLUMICHAT_BIN.")
SETTINGS = {"ILLUMICHAT_LIMITS__ENABLED": "false", "ILLUMICHAT_EGRESS__ALLOW": '["127.0.0.1"]'}


def cli(folder, *argv, text=None):
    return subprocess.run([BIN, *argv, "--data-dir", folder], input=text, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def main():
    with tempfile.TemporaryDirectory(prefix="illumichat-oracle-") as folder:
        data = os.path.join(folder, "data")
        cli(data, "user", "create", "--email", "owner@example.com", "--name", "Owner", "--workspace", "Oracle", "--role", "owner", "--password-stdin", text="oracle tests\n")
        token = cli(data, "token", "create", "--email", "owner@example.com", "--workspace", "Oracle", "--name", "oracle").splitlines()[-1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        with open(os.path.join(folder, "log"), "w+") as log:
            server = subprocess.Popen([BIN, "serve", "--data-dir", data, "--listen", address], env={**os.environ, **SETTINGS}, stdout=log, stderr=log)
            try:
                for _ in range(300):
                    try:
                        urllib.request.urlopen(f"http://{address}/readyz", timeout=2).close()
                        break
                    except OSError:
                        time.sleep(0.1)
                script = str(Path(__file__).resolve().with_name("signatures.py"))
                status = subprocess.run([sys.executable, script, f"http://{address}", token, COUNT], timeout=200).returncode
            finally:
                server.terminate()
                server.wait(30)
            if status:
                log.seek(0)
                print(log.read()[-4000:])
    # One for each library.
    print("oracle tests: 2 passed, 0 failed" if status == 0 else "oracle tests: 0 passed, 1 failed")
    return status


if __name__ == "__main__":
    sys.exit(main())
