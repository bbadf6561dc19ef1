"""The executable as the oracles run it: its commands, and the server on a data folder."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

BIN = os.environ.get("ILLUMICHAT_BIN") or sys.exit("Name the executable in ILLUMICHAT_BIN.")


def cli(data, *argv, text=None):
    return subprocess.run([BIN, *argv, "--data-dir", str(data)], input=text, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def owner(data, name):
    """Makes a workspace with an owner, and gives a token of theirs."""
    who = ["--email", "owner@example.com", "--workspace", name]
    cli(data, "user", "create", "--name", "Owner", "--role", "owner", "--password-stdin", *who, text=f"{name.lower()} tests\n")
    return cli(data, "token", "create", "--name", name.lower(), *who).splitlines()[-1]


class Server:
    """Serves a data folder as long as the `with` lasts; what it logs stands in a file beside the folder."""

    def __init__(self, data, settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{address}"
        self.log = open(data.with_suffix(".log"), "w+")
        environment = {**os.environ, "ILLUMICHAT_LIMITS__ENABLED": "false", **settings}
        self.process = subprocess.Popen([BIN, "serve", "--data-dir", str(data), "--listen", address], env=environment, stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        said = self.said()
        self.__exit__()
        sys.exit(f"The server does not start: {said}")

    def said(self):
        self.log.flush()
        with open(self.log.name) as log:
            return log.read()[-4000:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
