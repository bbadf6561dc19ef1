"""Tries signatures with other people's own libraries, against a server that runs: Twilio's SDK for what comes in,
Standard Webhooks' for what goes out.

    pip install -r tests/oracle/requirements.txt
    ILLUMICHAT_LIMITS__ENABLED=false ILLUMICHAT_EGRESS__ALLOW='["127.0.0.1"]' illumichat serve ...
    python3 tests/oracle/signatures.py http://127.0.0.1:8080 ic_TOKEN [COUNT]

The server's public address must be the one that is given. It ends with the number of requests on which both agreed.
"""
import http.server
import json
import random
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from standardwebhooks.webhooks import Webhook
from twilio.request_validator import RequestValidator

url, token = sys.argv[1].rstrip("/"), sys.argv[2]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
chance = random.Random(20260401)


def call(method, path, body=None, headers=None, raw=None):
    data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
    request = urllib.request.Request(url + path, data=data, method=method)
    request.add_header("Authorization", "Bearer " + token) if headers is None else None
    for name, value in (headers or {"Content-Type": "application/json"}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def made(method, path, body):
    status, text = call(method, path, body)
    assert status in (200, 201), (status, text)
    return json.loads(text)


workspace = made("GET", "/api/workspaces", None)["data"][0]["id"]
base = f"/api/workspaces/{workspace}"

# Twilio: random forms, addresses and secrets, half of them spoilt; the SDK says which are right.
assistant = made("POST", base + "/assistants", {"name": "Oracle"})["id"]
secret = "0123456789abcdef0123456789abcdef"
config = {"enabled": True, "twilioAccountSid": "AC" + "0" * 32, "twilioAuthToken": secret, "phoneNumber": "+15551234567"}
made("PUT", f"{base}/assistants/{assistant}/sms", config)
letters = "abcXYZ019 +&=%äß日本語🙂\n/?#'\"<>"
word = lambda most: "".join(chance.choice(letters) for _ in range(chance.randrange(most)))
right, agreed = RequestValidator(secret), 0
for number in range(count):
    fields = {"SmsSid": f"SM{number}"} | {f"F{chance.randrange(99)}{chance.choice('abAB')}": word(40) for _ in range(chance.randrange(8))}
    fields["MessageStatus"] = "sent"
    query = "?" + urllib.parse.urlencode({"q": word(10), "z": word(5)}) if chance.random() < 0.5 else ""
    path = f"/api/sms/status/{assistant}{query}"
    algorithm = chance.choice(["HMAC_SHA1", "HMAC_SHA256"])
    signature = right.compute_signature(url + path, fields, algorithm)
    spoilt = chance.randrange(6)
    sent = dict(fields)
    if spoilt == 0:
        sent["MessageStatus"] = "delivered"
    elif spoilt == 1:
        signature = RequestValidator("another").compute_signature(url + path, fields, algorithm)
    elif spoilt == 2:
        algorithm = "HMAC_SHA1" if algorithm == "HMAC_SHA256" else "HMAC_SHA256"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    if algorithm == "HMAC_SHA256":
        headers["X-Twilio-Webhooks-Signature-Settings"] = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    status, text = call("POST", path, headers=headers, raw=urllib.parse.urlencode(sent).encode())
    valid = right.validate(url + path, sent, signature, algorithm)
    assert status == (200 if valid else 403), (status, valid, spoilt, path, sent, text)
    agreed += 1
print(f"twilio: agreed on {agreed} of {count} requests")

# Standard Webhooks: what a receiver gets is verified by the library.
got = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        got.append((dict((name.lower(), value) for name, value in self.headers.items()), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
webhook = made("POST", base + "/webhooks", {"url": f"http://127.0.0.1:{server.server_port}/", "events": ["*"]})
for number in range(50):
    made("POST", base + "/contacts", {"name": f"Person {number}", "attributes": {"note": word(200)}})
until = time.time() + 30
while len(got) < 50 and time.time() < until:
    time.sleep(0.05)
for headers, body in got:
    Webhook(webhook["secret"]).verify(body, headers)
    try:
        Webhook(webhook["secret"]).verify(body + b" ", headers)
    except Exception:
        continue
    raise AssertionError("a changed body was verified")
print(f"standardwebhooks: verified {len(got)} deliveries")
assert len(got) == 50
