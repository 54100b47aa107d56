# SPDX-License-Identifier: ISC
"""PagerDuty as its Events API v2 is documented (developer.pagerduty.com, Send an Alert
Event): what it takes, what it answers, and what becomes an incident. A trigger opens
one or joins the open one of its key; a resolve closes that, and without one it is
dropped, with 202 all the same; after it a trigger opens another."""
import http.server
import json
import threading
import time

SEVERITIES = ("critical", "error", "warning", "info")


class Incident:
    def __init__(self, key, event):
        self.key, self.opened, self.closed = key, time.time(), None
        self.triggers = [event]

    @property
    def open(self):
        return self.closed is None


class PagerDuty:
    def __init__(self, key):
        self.key, self.incidents, self.events, self.dropped = key, [], [], []
        self.answers = []  # (status, Retry-After or None) for the next events, then by the book
        self.lock = threading.Lock()
        pd = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with pd.lock:
                    status, more, errors = pd.take(self.path, body)
                text = json.dumps({"status": "success" if status == 202 else "invalid event",
                                   "errors": errors}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                if more is not None:
                    self.send_header("Retry-After", str(more))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/v2/enqueue" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, path, body):
        if self.answers:
            return self.answers.pop(0) + ([],)
        if len(body) > 512 * 1024:
            return 413, None, ["too large"]
        errors = []
        try:
            event = json.loads(body)
        except ValueError:
            return 400, None, ["no JSON"]
        self.check(path, event, errors)
        if errors:
            return 400, None, errors
        self.obey(event)
        return 202, None, []

    def check(self, path, event, errors):
        if path != "/v2/enqueue":
            errors.append("path")
        if len(event.get("routing_key", "")) != 32:
            errors.append("Length of 'routing_key' is incorrect (should be 32 characters)")
        elif event["routing_key"] != self.key:
            errors.append("Invalid routing key")
        if not 1 <= len(event.get("dedup_key", "")) <= 255:
            errors.append("dedup_key")
        action = event.get("event_action")
        if action not in ("trigger", "acknowledge", "resolve"):
            errors.append("event_action")
        if action != "trigger":
            return
        payload = event.get("payload", {})
        if not 1 <= len(payload.get("summary", "")) <= 1024:
            errors.append("payload.summary")
        if not payload.get("source"):
            errors.append("payload.source")
        if payload.get("severity") not in SEVERITIES:
            errors.append("payload.severity")
        if not all(link.get("href", "").startswith("http") for link in event.get("links", [])):
            errors.append("links")

    def obey(self, event):
        self.events.append(event)
        key = event["dedup_key"]
        now = [i for i in self.incidents if i.key == key and i.open]
        if event["event_action"] == "trigger":
            if now:
                now[0].triggers.append(event)
            else:
                self.incidents.append(Incident(key, event))
        elif event["event_action"] == "resolve":
            if now:
                now[0].closed = time.time()
            else:
                self.dropped.append(event)

    def of(self, name):
        """The incidents of one alert, in the order in which they were opened."""
        with self.lock:
            return [i for i in self.incidents if "/%s/" % name in i.key]
