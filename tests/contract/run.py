#!/usr/bin/env python3
"""Holds the running server to its own OpenAPI document.

Starts the executable on a data folder of its own, makes one of each thing there, and lets Schemathesis try every operation
of the served document with an API token: right requests, wrong ones, and what follows from them. It fails on a 500, on a
status or a body that the document does not promise, on a wrong request that is accepted, on an address that lets in
whoever has no credentials.

    python3 tests/contract/run.py [SECONDS]     ILLUMICHAT_BIN names the executable; the `st` beside this Python is used

One check is left out, `positive_data_acceptance`: that every request that fits the schemas is taken. The schemas cannot say
all that a request must be (a model that can be resolved, a time zone that exists, an address that is not a private one), and
refusing the rest with 400 and the field's name is right.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 150
BIN = os.environ.get("ILLUMICHAT_BIN") or sys.exit("Name the executable in ILLUMICHAT_BIN.")
ST = Path(sys.executable).with_name("st")

# Nothing that is tried may leave the machine, and no try is one too many.
SETTINGS = {"ILLUMICHAT_LIMITS__ENABLED": "false", "ILLUMICHAT_AIRGAP": "true"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cli(folder, *argv, text=None):
    argv = [BIN, *argv, "--data-dir", folder]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


class Api:
    def __init__(self, url, token):
        self.url, self.token = url, token

    def __call__(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def wait_for(url, server):
    for _ in range(300):
        if server.poll() is not None:
            sys.exit(f"The server ended with {server.returncode} before it was ready.")
        try:
            urllib.request.urlopen(url + "/readyz", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("The server was not ready within 30 s.")


def make_things(api):
    """One of each thing, by what its address begins with, so that not everything that is tried is missing."""
    workspace = api("GET", "/api/workspaces")["data"][0]["id"]
    root = f"/api/workspaces/{workspace}"
    project = api("POST", f"{root}/projects", {"name": "Guide"})["id"]
    document = api("POST", f"{root}/projects/{project}/documents", {"title": "Refunds", "text": "We refund every purchase within 30 days."})
    document = document.get("id") or document["data"][0]["id"]
    assistant = api("POST", f"{root}/assistants", {"name": "Bot", "visibility": "public", "widgetEnabled": True})["id"]
    api("POST", f"{root}/assistants/{assistant}/projects", {"projectId": project})
    question = [{"role": "user", "content": "How long do refunds take?"}]
    chat = api("POST", "/api/chat", {"assistantId": assistant, "messages": question, "stream": False})
    api("PUT", f"{root}/providers/openai", {"apiKey": "sk-contract-0123456789", "baseUrl": "http://127.0.0.1:9/v1", "models": ["gpt-4o"]})
    return {
        "ws": workspace, "projects": project, "document": document, "assistants": assistant, "widget": assistant,
        "conversations": chat["chatId"], "chat": chat["chatId"], "message": chat["messageId"], "providers": "openai",
    }


def config(things):
    """Real ids for the parameters of every operation but those that would destroy what they name."""
    lines = [f'[parameters]\n"path.ws" = "{things["ws"]}"\n']
    by_collection = {name: things[name] for name in ("projects", "assistants", "conversations")}
    for collection, thing in by_collection.items():
        lines.append(
            "[[operations]]\n"
            f'include-path-regex = "/{collection}/[{{]id[}}]"\nexclude-method = ["DELETE"]\n'
            f'parameters = {{ "path.ws" = "{things["ws"]}", "path.id" = "{thing}" }}\n'
        )
    return "\n".join(lines)


def main():
    with tempfile.TemporaryDirectory(prefix="illumichat-contract-") as folder:
        data = os.path.join(folder, "data")
        cli(data, "user", "create", "--email", "owner@example.com", "--name", "Owner", "--workspace", "Contract", "--role", "owner", "--password-stdin", text="contract tests\n")
        token = cli(data, "token", "create", "--email", "owner@example.com", "--workspace", "Contract", "--name", "contract").splitlines()[-1]
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        log = open(os.path.join(folder, "log"), "w+")
        server = subprocess.Popen([BIN, "serve", "--data-dir", data, "--listen", f"127.0.0.1:{port}"], env={**os.environ, **SETTINGS}, stdout=log, stderr=log)
        try:
            wait_for(url, server)
            things = make_things(Api(url, token))
            settings = os.path.join(folder, "schemathesis.toml")
            Path(settings).write_text(config(things))
            command = [
                str(ST), "--config-file", settings, "--no-color", "run", f"{url}/api/openapi.json",
                "--header", f"Authorization: Bearer {token}",
                "--exclude-checks", "positive_data_acceptance",
                "--phases", "examples,coverage,fuzzing,stateful",
                "--max-time", str(SECONDS), "--max-examples", "20", "--seed", "20", "--continue-on-failure", "--no-shrink",
                "--request-timeout", "20", "--suppress-health-check", "all", "--report", "junit", "--report-junit-path", os.path.join(folder, "junit.xml"),
            ]
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
            tried = subprocess.run(command, env=environment, cwd=folder, timeout=SECONDS + 80)
            failed = tried.returncode != 0
            if server.poll() is not None:
                print(f"The server ended with {server.returncode} while it was tried.")
                failed = True
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
            log.seek(0)
            complaints = [line for line in log if "panicked" in line or "ERROR" in line]
            print("".join(complaints[:20]), end="")
        failed = failed or bool(complaints)
        print(f"contract tests: {0 if failed else 1} passed, {1 if failed else 0} failed")
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
