# SPDX-License-Identifier: ISC
"""Chromium without a window, driven over WebDriver (W3C) by chromedriver, with
nothing but the standard library. It reaches no other host than this one."""
import base64
import json
import shutil
import subprocess
import urllib.error
import urllib.request

from .net import Workdir, end_process, free_port
from .wait import wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run", "--no-default-browser-check",
             "--disable-default-apps", "--disable-extensions", "--lang=en-GB",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


def missing():
    """Why there can be no browser, or None."""
    for tool in ("chromium", "chromedriver"):
        if shutil.which(tool) is None:
            return tool + " is not there"
    return None


class Browser:
    def __init__(self, size=(1400, 900)):
        self.work = Workdir("chrome")
        self.port = free_port()
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=%d" % self.port], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = None
        wait_for(lambda: self._call("GET", "/status")["ready"], 20, "chromedriver")
        got = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "binary": shutil.which("chromium"),
                "args": ARGUMENTS + ["--user-data-dir=" + self.work.path,
                                     "--window-size=%d,%d" % size]}}}})
        self.session = "/session/" + got["sessionId"]

    def _call(self, method, path, body=None, timeout=60):
        data = None if body is None else json.dumps(body).encode()
        req = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), data,
                                     {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(req, timeout=timeout) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            with e:
                raise RuntimeError("%s %s: %s" % (method, path, e.read()[:600])) from None

    def call(self, method, path, body=None):
        return self._call(method, self.session + path, body)

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            end_process(self.driver)
            self.work.remove()

    def go(self, url):
        """Whatever the page before complained of, its server gone, is not told."""
        self.call("POST", "/url", {"url": "about:blank"})
        self.errors()
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def text(self, css):
        """What a reader sees of the first element that fits."""
        return self.run("const e = document.querySelector(arguments[0]);"
                        "return e ? e.innerText : '';", css)

    def wait_text(self, css, part, deadline=15):
        def there():
            got = self.text(css)
            assert part in got, got[:400]
            return got
        return wait_for(there, deadline, "%s shows %r" % (css, part), step=0.1)

    def keys(self, *keys):
        """Keys pressed one after the other, wherever the focus is."""
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": [
            {"type": kind, "value": k} for k in keys for kind in ("keyDown", "keyUp")]}]})

    def focus(self):
        """The element that has the focus: its id, or its text."""
        return self.run("const e = document.activeElement;"
                        "return e.id || e.textContent.trim() || e.tagName;")

    def errors(self):
        """What the console has complained of since the last call."""
        return [e["message"] for e in self.call("POST", "/se/log", {"type": "browser"})
                if e["level"] in ("SEVERE", "WARNING")]

    def command(self, name, **params):
        """One of the DevTools protocol."""
        return self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": params})

    def emulate(self, width, height, dark=False, phone=False):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("GET", "/screenshot")))
