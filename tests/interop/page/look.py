"""An operator before the admin side's page, by the browser's DevTools protocol, with nothing but Python's
own library. look.py DEBUG_PORT ADMIN_PORT EGRESS_PORT [FOLDER]; pictures go to FOLDER."""
import base64
import http.client
import itertools
import json
import os
import socket
import sys
import time


class Page:
    """One tab. What its console says wrong is kept in `mistakes`."""

    def __init__(self, port):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        client.request("PUT", "/json/new?about:blank")
        path = json.load(client.getresponse())["webSocketDebuggerUrl"].split(str(port), 1)[1]
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\n"
                             "connection: Upgrade\r\nsec-websocket-version: 13\r\n"
                             "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        self.input = self.socket.makefile("rb")
        while self.input.readline() != b"\r\n":
            pass
        self.numbers = itertools.count(1)
        self.mistakes = []

    def receive(self):
        text = b""
        while True:
            head = self.input.read(2)
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(self.input.read(2 if size == 126 else 8), "big")
            text += self.input.read(size)
            if head[0] & 128:
                return json.loads(text)

    def ask(self, method, **parameters):
        number = next(self.numbers)
        text = json.dumps({"id": number, "method": method, "params": parameters}).encode()
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self.socket.sendall(b"\x81" + size + bytes(4) + text)
        while True:
            said = self.receive()
            if said.get("id") == number:
                return said["result"]
            self.note(said)

    def note(self, said):
        what, of = said.get("method"), said.get("params", {})
        if what == "Runtime.exceptionThrown":
            self.mistakes.append(of["exceptionDetails"]["text"])
        elif what == "Runtime.consoleAPICalled" and of["type"] in ("error", "warning", "assert"):
            self.mistakes.append(json.dumps(of["args"]))
        elif what == "Log.entryAdded" and of["entry"]["level"] in ("error", "warning"):
            self.mistakes.append(of["entry"]["text"])

    def value(self, expression):
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def until(self, expression, seconds):
        """How long it took to come true."""
        begun = time.monotonic()
        while not self.value(expression):
            took = time.monotonic() - begun
            if took > seconds:
                sys.exit(f"not within {seconds} s: {expression}\n{self.value('document.body.innerText')}")
            time.sleep(0.02)
        return time.monotonic() - begun

    def picture(self, folder, name, width, scheme):
        if not folder:
            return
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        with open(os.path.join(folder, name + ".png"), "wb") as file:
            file.write(base64.b64decode(data))


def get(port, path):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("GET", path)
    answer = client.getresponse()
    answer.read()
    return answer.status


def main(debug, admin, egress, folder=""):
    page = Page(debug)
    page.ask("Runtime.enable")
    page.ask("Log.enable")
    page.ask("Page.navigate", url=f"http://127.0.0.1:{admin}/")
    page.until("document.getElementById('state')?.textContent === 'serving'", 30)
    for _ in range(20):
        get(egress, "/orders")
    assert get(egress, "/wrong/1") == 500
    shown = page.until("document.getElementById('failures').textContent.includes('/wrong/1')", 5)
    assert shown <= 1, f"a failure was shown after {shown:.2f} s"
    overflow = page.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"it is {overflow} pixels too wide"
    page.value("document.querySelector('[aria-label=\"breaker of cluster app: open\"]').click()")
    page.until("document.querySelector('#policies .bad')?.textContent === 'open'", 5)
    opened = time.monotonic()
    while get(egress, "/orders") != 503:
        assert time.monotonic() - opened < 5, "the breaker did not open"
    page.until("document.querySelector('#failures')?.textContent.includes('circuit_open')", 5)
    for name, width, scheme in [("light", 1200, "light"), ("dark", 1200, "dark"), ("phone", 390, "light")]:
        page.picture(folder, name, width, scheme)
    assert not page.mistakes, page.mistakes
    print(f"ok: page: no word on the console, a failure after {shown:.2f} s, a breaker opened by its button")


main(*[int(word) for word in sys.argv[1:4]], *sys.argv[4:5])
