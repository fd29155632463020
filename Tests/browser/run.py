"""A real browser against the real server: what EventSource sees, also across a stop and a crash of the server.

    run.py [PATH-OF-NOTIFY-CLI]       default: NOTIFY_CLI, else the debug build; the browser: CHROMIUM, else Debian's

Nothing waits for a fixed time: each step waits for what it wants to see, and fails after PATIENCE seconds without it.
"""

import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

from playwright.sync_api import TimeoutError as NothingCame
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "Server"))
from server import PATIENCE, Server  # noqa: E402
SCREENSHOTS = ROOT / "screenshots"
STREAM = "/groups/my-group/events"


class Scene:
    """One server with a database of its own, and one page that follows a stream."""

    def __init__(self, browser, binary, folder, page_origin):
        self.browser = browser
        self.binary = binary
        self.database = Path(folder) / "notify.sqlite"
        self.page_origin = page_origin
        self.server = Server(binary, self.database, allow_origin=page_origin)
        self.servers = [self.server]
        self.context = None
        self.page = None

    def open_page_elsewhere(self, stream=STREAM):
        """A page that another web server delivers, as most applications have it: needs --allow-origin."""
        self.open_page(self.page_origin)
        self.page.evaluate("url => follow(url)", self.server.url + stream)

    def open_page_of_server(self, stream=STREAM):
        """A script in a page of the server itself. /healthz stands for such a page; its policy is not ours to test."""
        self.open_page(self.server.url + "/healthz", bypass_csp=True)
        self.page.add_script_tag(path=HERE / "page" / "recorder.js")
        self.page.evaluate("url => follow(url)", stream)

    def open_page_with_socket(self):
        """A page elsewhere that follows over a WebSocket."""
        self.open_page(self.page_origin)
        self.page.evaluate("url => followSocket(url, 'my-group')", self.server.url + "/socket")

    def open_page(self, url, **options):
        self.context = self.browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.goto(url)

    def wait(self, what, expression, argument=None):
        """Waits until the JavaScript function answers true."""
        try:
            self.page.wait_for_function(expression, arg=argument, polling=50)
        except NothingCame:
            raise AssertionError(f"not within {PATIENCE} s: {what}. Seen: {self.seen()}") from None

    def wait_for_open(self, times=1):
        self.wait(
            f"{times} stream-open", "n => seen.filter(event => event.name === 'stream-open').length >= n", times
        )

    def wait_for_id(self, id):
        self.wait(f"the message {id}", "id => seen.some(event => event.name !== 'stream-open' && event.id === id)", id)

    def seen(self, *names):
        events = self.page.evaluate("seen")
        return [event for event in events if not names or event["name"] in names]

    def publish_while_away(self, texts):
        """Publishes into the same database through a server on another port, which the page does not know."""
        other = Server(self.binary, self.database)
        self.servers.append(other)
        other.start()
        ids = [other.publish(text) for text in texts]
        other.stop()
        return ids

    def close(self):
        if self.context:
            self.context.close()
        for server in self.servers:
            server.end()


def same(actual, expected, what):
    assert actual == expected, f"{what}\n      expected {expected}\n      seen     {actual}"


def check_greeting(scene):
    """What the page must see of one greeting, on a stream that has just begun."""
    text = "first line\nsecond line — ü, 漢字, 🌍\n\tid: 7"
    scene.wait_for_open()
    id = scene.server.publish(text)
    scene.wait_for_id(id)
    same(scene.seen("greeting"), [{"name": "greeting", "data": text, "id": id}], "the greeting")
    first = scene.seen()[0]
    same(first["name"], "stream-open", "the first event")
    same(json.loads(first["data"]), {"groups": ["my-group"], "resumed": False}, "the data of stream-open")
    epoch = id.split("-")[0]
    same(first["id"], f"{epoch}-0", "the position of stream-open in an empty database")


def check_return(scene, open_page, end):
    """The server goes away and comes back; the page must have everything, once each and in order."""
    server = scene.server
    published = []

    def publish(publish_one, *texts):
        for text in texts:
            published.append({"name": "greeting", "data": text, "id": publish_one(text)})

    open_page()
    scene.wait_for_open()
    publish(server.publish, "before 1", "before 2", "before 3")
    scene.wait_for_id(published[-1]["id"])
    # Not waited for: these may be on their way to the page while the server ends.
    publish(server.publish, "at the end 1", "at the end 2", "at the end 3")
    end(server)
    away = [f"away {number}" for number in range(1, 21)]
    for text, id in zip(away, scene.publish_while_away(away)):
        published.append({"name": "greeting", "data": text, "id": id})
    server.start()
    publish(server.publish, "after 1")
    scene.wait_for_id(published[-1]["id"])
    scene.wait_for_open(times=2)
    # Anything that came twice would have come before this one.
    publish(server.publish, "after 2")
    scene.wait_for_id(published[-1]["id"])

    received = scene.seen("greeting")
    same([event["data"] for event in received], [event["data"] for event in published], "every message once, in order")
    same(received, published, "the messages, with their ids")
    same(scene.seen("stream-reset"), [], "no reset")
    opens = scene.seen("stream-open")
    same([json.loads(event["data"])["resumed"] for event in opens], [False, True], "resumed, in the stream-opens")
    events = scene.seen()
    back = events.index(opens[1])
    same(opens[1]["id"], events[back - 1]["id"], "the position of the second stream-open: the last event before it")


def a_page_elsewhere_receives_a_greeting(scene):
    scene.server.start()
    scene.open_page_elsewhere()
    check_greeting(scene)


def a_page_of_the_server_receives_a_greeting(scene):
    scene.server.start()
    scene.open_page_of_server()
    check_greeting(scene)


def a_page_elsewhere_resumes_after_the_server_was_stopped(scene):
    scene.server.start()
    check_return(scene, scene.open_page_elsewhere, Server.stop)


def a_page_elsewhere_resumes_after_the_server_was_killed(scene):
    scene.server.start()
    check_return(scene, scene.open_page_elsewhere, Server.kill)


def a_page_of_the_server_resumes_after_the_server_was_stopped(scene):
    """With since=all in the address, which the browser repeats on every connection: its cursor must win."""
    scene.server.start()
    check_return(scene, lambda: scene.open_page_of_server(STREAM + "?since=all"), Server.stop)


def a_page_of_the_server_resumes_after_the_server_was_killed(scene):
    scene.server.start()
    check_return(scene, lambda: scene.open_page_of_server(STREAM + "?since=all"), Server.kill)


def a_page_receives_the_history_it_asks_for(scene):
    scene.server.start()
    ids = [scene.server.publish(f"old {number}") for number in range(1, 6)]
    scene.open_page_elsewhere(STREAM + "?last=3")
    scene.wait_for_id(ids[-1])
    same([event["id"] for event in scene.seen()], ids[1:], "stream-open just before the newest three, then these")


def a_page_elsewhere_publishes_with_fetch(scene):
    """A JSON body from another origin: the browser asks for permission first (a preflight)."""
    scene.server.start()
    scene.open_page_elsewhere()
    scene.wait_for_open()
    answer = scene.page.evaluate(
        """async url => {
            const response = await fetch(url, {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ event: "greeting", data: { hello: "world" } }),
            });
            return { status: response.status, body: await response.json() };
        }""",
        scene.server.url + "/groups/my-group/messages",
    )
    same(answer["status"], 201, "the status of the publish")
    scene.wait_for_id(answer["body"]["id"])
    same(scene.seen("greeting")[0]["data"], '{"hello":"world"}', "the data")


def a_page_of_a_foreign_site_is_refused(scene):
    scene.server.allow_origin = None
    scene.server.start()
    scene.open_page_elsewhere()
    scene.wait("the browser gives up", "() => source.readyState === EventSource.CLOSED")
    same(scene.seen(), [], "no event")


def a_page_publishes_and_follows_over_a_socket(scene):
    scene.server.start()
    scene.open_page_with_socket()
    scene.wait_for_open()
    same(scene.page.evaluate("[socket.protocol, socket.extensions]"), ["notify.v1", ""], "what was agreed on")
    text = "first line\nsecond line — ü, 漢字, 🌍"
    scene.page.evaluate(
        """data => socket.send(JSON.stringify({ publish: { group: "my-group", event: "greeting", data }, ref: 7 }))""",
        text,
    )
    scene.wait("the answer", "() => window.answers?.length === 1")
    answer = scene.page.evaluate("answers[0]")
    scene.wait_for_id(answer["id"])
    same((answer["published"], answer["ref"]), (True, 7), "the answer")
    same(scene.seen("greeting"), [{"name": "greeting", "data": text, "id": answer["id"]}], "the greeting")


def a_socket_comes_back_after_the_server_was_stopped(scene):
    scene.server.start()
    check_return(scene, scene.open_page_with_socket, Server.stop)
    close = scene.page.evaluate("closes[0]")
    same((close["code"], close["wasClean"], close["reason"][:6]), (1001, True, "retry="), "the end")


def a_socket_comes_back_after_the_server_was_killed(scene):
    scene.server.start()
    check_return(scene, scene.open_page_with_socket, Server.kill)


TESTS = [
    a_page_publishes_and_follows_over_a_socket,
    a_socket_comes_back_after_the_server_was_stopped,
    a_socket_comes_back_after_the_server_was_killed,
    a_page_elsewhere_receives_a_greeting,
    a_page_of_the_server_receives_a_greeting,
    a_page_receives_the_history_it_asks_for,
    a_page_elsewhere_publishes_with_fetch,
    a_page_of_a_foreign_site_is_refused,
    a_page_elsewhere_resumes_after_the_server_was_stopped,
    a_page_elsewhere_resumes_after_the_server_was_killed,
    a_page_of_the_server_resumes_after_the_server_was_stopped,
    a_page_of_the_server_resumes_after_the_server_was_killed,
]


def run(test, browser, binary, page_origin):
    """Runs one test and says how it ended. A failure shows what the server printed."""
    name = test.__name__.replace("_", " ")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(browser, binary, folder, page_origin)
        try:
            test(scene)
            failure = None
        except AssertionError as error:
            failure = str(error)
        except Exception:
            failure = traceback.format_exc()
        # Only the page of the other web server shows anything.
        if scene.page and scene.page.url.startswith(page_origin):
            with contextlib.suppress(Exception):
                scene.page.screenshot(path=SCREENSHOTS / f"{test.__name__}.png")
        scene.close()
    print(f"{'FAILED' if failure else 'ok':7} {name} ({time.monotonic() - began:.1f} s)", flush=True)
    if failure:
        print(f"    {failure}")
        for server in scene.servers:
            print("".join(f"    server: {line}" for line in server.log[-20:]), end="", flush=True)
    return failure is None


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def page_server():
    """Serves the test page; yields its origin."""
    handler = functools.partial(QuietHandler, directory=HERE / "page")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def find_binary():
    if len(sys.argv) > 1:
        return Path(sys.argv[1]).resolve()
    if path := os.environ.get("NOTIFY_CLI"):
        return Path(path).resolve()
    folder = subprocess.run(["swift", "build", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True, check=True)
    return Path(folder.stdout.strip()) / "notify-cli"


def find_browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    return path or sys.exit("No browser was found. Install chromium, or set CHROMIUM to the path of one.")


def main():
    binary = find_binary()
    if not os.access(binary, os.X_OK):
        sys.exit(f"{binary} is not there. Build it first: make test-browser does.")
    SCREENSHOTS.mkdir(exist_ok=True)
    passed = failed = 0
    with page_server() as page_origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        print(f"Chromium {browser.version}, {binary}")
        for test in TESTS:
            if run(test, browser, binary, page_origin):
                passed += 1
            else:
                failed += 1
        browser.close()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
