"""A real browser over HTTPS: a hundred event streams on one connection of HTTP/2, each with every message.

    https.py [PATH-OF-NOTIFY-CLI]       default: NOTIFY_CLI, else the debug build; the browser: CHROMIUM, else Debian's
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Server"))
from server import PATIENCE, Server  # noqa: E402
from run import find_binary, find_browser  # noqa: E402

STREAMS, MESSAGES = 100, 20

FOLLOW = """count => {
    window.received = Array.from({length: count}, () => [])
    window.opened = 0
    window.streams = window.received.map(texts => {
        const stream = new EventSource("/groups/my-group/events")
        stream.addEventListener("stream-open", () => window.opened++)
        stream.onmessage = event => texts.push(event.data)
        return stream
    })
}"""

PUBLISH = """async count => {
    for (let number = 0; number < count; number++)
        await fetch("/groups/my-group/messages", {method: "POST", body: `${number}`})
}"""


def certificate(folder):
    files = [str(folder / "certificate.pem"), str(folder / "key.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-out", files[0], "-keyout", files[1]],
        check=True,
        capture_output=True,
    )
    return ["--tls-certificate", files[0], "--tls-key", files[1]]


def check(browser, binary, folder):
    server = Server(binary, folder / "notify.sqlite", options=certificate(folder)).start()
    try:
        page = browser.new_context(ignore_https_errors=True, bypass_csp=True).new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(server.url.replace("http://", "https://") + "/healthz")
        page.evaluate(FOLLOW, STREAMS)
        page.wait_for_function("count => window.opened === count", arg=STREAMS)
        page.evaluate(PUBLISH, MESSAGES)
        page.wait_for_function("count => window.received.every(texts => texts.length >= count)", arg=MESSAGES)
        wanted = [str(number) for number in range(MESSAGES)]
        assert all(texts == wanted for texts in page.evaluate("window.received")), "a stream missed a message"
        protocol = page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        assert protocol == "h2", f"the browser spoke {protocol}"
        figures = page.evaluate("fetch('/metrics').then(answer => answer.text())").splitlines()
        connections = next(int(line.split()[1]) for line in figures if line.startswith("notify_connections "))
        assert connections <= 3, f"{connections} connections were used"
        server.stop()
        print(f"ok  {STREAMS} streams over {protocol}, {MESSAGES} messages each, {connections} connections")
    finally:
        server.end()


def main():
    binary = find_binary()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="notify-https-") as folder:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        check(browser, binary, Path(folder))
        browser.close()


main()
