"""A real browser behind nginx, Caddy and HAProxy, with the files of docs/operations, also while the server is away.

    proxies.py [PATH-OF-NOTIFY-CLI] [PART-OF-A-TEST'S-NAME]       as run.py

The files are used as they stand: only names, addresses and places for files are put in. The browser finds example.org
and the names below it on this machine. Nothing waits for a fixed time.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import sync_playwright

import run as plain
from run import HERE, PATIENCE, ROOT, STREAM, find_binary, find_browser, page_server, same
from server import Server, free_port

FILES = ROOT / "docs" / "operations"
SITE = "example.org"
FORM = "application/x-www-form-urlencoded"
HELD_BACK = 10  # seconds: what takes as long was held back. The server's heartbeat comes after 15 s
STREAMS = [
    STREAM,
    STREAM + "/",
    STREAM + "?since=all",
    "/groups/%C3%BC%20%2b/events",
    "/events?group=my-group&group=another",
    "/stream-chat-messages/",
    "/stream-chat-messages",
    "/admin/live/events/?group=my-group",
    "/admin/statistics/events/",
]
OTHERS = [
    "/",
    "/healthz",
    "/groups",
    "/groups/events",
    "/groups/my-group/messages",
    "/groups/my-group/events/more",
    "/other/groups/my-group/events",
    "/admin/live/",
]


class Proxy:
    """A web server before the server under test. It is told to listen on a port of loopback."""

    file = program = None
    # What it answers itself while the server is away, but for streams.
    away = 502

    def __init__(self, folder, server, other_origin):
        self.folder = folder / self.file
        self.folder.mkdir()
        self.server = server
        self.other_origin = other_origin
        self.port = free_port()
        self.url = f"http://{SITE}:{self.port}"
        self.process = None
        self.log = []

    def configuration(self):
        """The file of docs/operations with the test's own addresses. Each of them must be there, once."""
        text = (FILES / self.file).read_text()
        for old, new in self.replacements():
            same(text.count(old), 1, f"how often {old!r} stands in {self.file}")
            text = text.replace(old, new)
        path = self.folder / self.file
        path.write_text(text)
        return path

    def start(self):
        # A session of its own: so it can be held and ended with all its processes.
        self.process = subprocess.Popen(
            self.command(self.configuration()), env=os.environ | self.environment(), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        threading.Thread(target=self.log.extend, args=(self.process.stdout,), daemon=True).start()
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
            assert self.process.poll() is None, f"{self.file}: ended with status {self.process.returncode}"
            assert time.monotonic() < deadline, f"{self.file}: takes no connections within {PATIENCE} s"
            time.sleep(0.02)

    def environment(self):
        return {}

    @contextlib.contextmanager
    def held(self):
        """Nothing passes meanwhile; connections wait."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(PATIENCE)

    def ask(self, method, path, body=None, headers=None, host=None):
        return ask(self.port, method, path, body, headers, host or f"{SITE}:{self.port}")

    def publish(self, text):
        """Publishes a message and returns its id."""
        answer = self.ask("POST", "/groups/my-group/messages", *greeting(text))
        assert answer.status == 201, f"publish answered {answer.status}: {answer.body[:500]}"
        return json.loads(answer.body)["id"]


class Nginx(Proxy):
    file, program = "nginx.conf", "nginx"

    def replacements(self):
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"    {kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)
        return [
            ("\nhttp {\n", f"\nhttp {{\n    access_log off;\n{places}"),
            ("listen 80;", f"listen 127.0.0.1:{self.port};"),
            ("server 127.0.0.1:8080;", f"server 127.0.0.1:{self.server.port};"),
            ("https://app.example.org $http_origin;", f"{self.other_origin} $http_origin;"),
        ]

    def command(self, path):
        directives = f"daemon off; pid {self.folder}/nginx.pid; error_log stderr;"
        return [find_program(self.program), "-p", self.folder, "-c", path, "-g", directives]


class Caddy(Proxy):
    file, program = "Caddyfile", "caddy"

    def replacements(self):
        return [
            ("\tgrace_period 10s\n", f"\tgrace_period 10s\n\tadmin unix/{self.folder}/admin.sock\n"),
            (f"\n{SITE} {{\n", f"\n{self.url} {{\n\tbind 127.0.0.1\n"),
            ("reverse_proxy 127.0.0.1:8080 {", f"reverse_proxy 127.0.0.1:{self.server.port} {{"),
            ("header Origin https://app.example.org\n", f"header Origin {self.other_origin}\n"),
        ]

    def environment(self):
        return {name: str(self.folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}

    def command(self, path):
        return [find_program(self.program), "run", "--config", path, "--adapter", "caddyfile"]


class HAProxy(Proxy):
    file, program = "haproxy.cfg", "haproxy"
    away = 503

    def replacements(self):
        return [
            ("maxconn 32768\n", "maxconn 1000\n"),
            ("bind :80 ", f"bind 127.0.0.1:{self.port} "),
            ("backend notify\n    server notify 127.0.0.1:8080 ", f"backend notify\n    server notify {self.server_address} "),
            ("backend streams\n    server notify 127.0.0.1:8080 ", f"backend streams\n    server notify {self.server_address} "),
            ("-m str https://app.example.org ", f"-m str {self.other_origin} "),
        ]

    @property
    def server_address(self):
        return f"127.0.0.1:{self.server.port}"

    def command(self, path):
        return [find_program(self.program), "-db", "-f", path]


KINDS = (Nginx, Caddy, HAProxy)


class Scene(plain.Scene):
    """A server, a proxy before it, and pages that come through it."""

    def __init__(self, kind, browser, binary, folder, page_port):
        self.other_origin = f"http://app.{SITE}:{page_port}"
        self.foreign_origin = f"http://foreign.{SITE}:{page_port}"
        super().__init__(browser, binary, folder, self.other_origin)
        self.proxy = kind(Path(folder), self.server, self.other_origin)
        self.server.options += ["--allow-host", SITE, "--allow-origin", self.proxy.url, "--retry", "500ms"]
        self.stages = contextlib.ExitStack()

    def open_page_elsewhere(self, stream=STREAM):
        self.open_page(self.page_origin)
        self.follow(self.proxy.url + stream)

    def open_page_of_server(self, stream=STREAM):
        self.open_page(self.proxy.url + "/healthz", bypass_csp=True)
        self.page.add_script_tag(path=HERE / "page" / "recorder.js")
        self.follow(stream)

    def follow(self, url):
        """A plain EventSource; besides what it gets, its state at each error is kept."""
        self.page.evaluate(
            """url => {
                follow(url);
                window.first = source;
                window.states = [];
                source.addEventListener("error", () => states.push(source.readyState));
            }""",
            url,
        )

    def wait_for_errors(self, count):
        """Waits until the EventSource was told so often that its connection is lost; it must not have given up."""
        self.wait(f"{count} errors", "n => states.length >= n || source.readyState === EventSource.CLOSED", count)
        states = self.page.evaluate("states")
        assert 2 not in states, f"EventSource has ended for good. Its states at its errors: {states}; 0: it tries again"

    def close(self):
        super().close()
        self.proxy.end()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()


def ask(port, method, path, body=None, headers=None, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        # Whoever refuses a body need not read it to its end.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, (headers or {}) | {"Host": host or f"127.0.0.1:{port}"})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def greeting(text):
    return json.dumps({"event": "greeting", "data": text}), {"Content-Type": "application/json"}


# --- Over a restart ---------------------------------------------------------------------------------------------------


def check_return(scene, open_page, end, errors):
    """The server goes away and comes back; the page must have everything, once each and in order.

    The first error is the end of the stream, each further one an answer of the proxy.
    """
    server, proxy = scene.server, scene.proxy
    published = []

    def publish(publish_one, *texts):
        for text in texts:
            published.append({"name": "greeting", "data": text, "id": publish_one(text)})

    open_page()
    scene.wait_for_open()
    publish(proxy.publish, "before 1", "before 2", "before 3")
    began = time.monotonic()
    scene.wait_for_id(published[-1]["id"])
    assert time.monotonic() - began < HELD_BACK, "a message was held back"
    same(scene.page.evaluate("states"), [], "errors before the server is away")
    end(server)
    same(proxy.ask("POST", "/groups/my-group/messages", *greeting("lost")).status, proxy.away, "a publish meanwhile")
    scene.wait_for_errors(errors)
    with proxy.held():
        server.start()
        publish(server.publish, "before the browser is back")
    publish(proxy.publish, "after 1")
    scene.wait_for_id(published[-1]["id"])
    scene.wait_for_open(times=2)
    # Anything that came twice would have come before this one.
    publish(proxy.publish, "after 2")
    scene.wait_for_id(published[-1]["id"])

    same(scene.seen("greeting"), published, "every message once, in order")
    same(scene.seen("stream-reset"), [], "no reset")
    opens = scene.seen("stream-open")
    same([json.loads(event["data"])["resumed"] for event in opens], [False, True], "resumed, in the stream-opens")
    same(opens[1]["id"], published[2]["id"], "the position of the second stream-open")
    same(scene.page.evaluate("source === first && source.readyState"), 1, "the first EventSource, open")


def a_page_of_the_site_resumes_after_the_server_was_stopped(scene):
    check_return(scene, scene.open_page_of_server, Server.stop, errors=3)


def a_page_of_an_allowed_site_resumes_after_the_server_was_killed(scene):
    """With since=all in the address, which the browser repeats on every connection: its cursor must win."""
    check_return(scene, lambda: scene.open_page_elsewhere(STREAM + "?since=all"), Server.kill, errors=2)


def a_page_that_comes_while_the_server_is_away_waits_for_it(scene):
    scene.server.stop()
    scene.open_page_elsewhere()
    scene.wait_for_errors(1)
    scene.server.start()
    scene.wait_for_open()
    id = scene.proxy.publish("hello")
    scene.wait_for_id(id)


def a_page_of_a_foreign_site_is_refused_in_any_case(scene):
    scene.page_origin = scene.foreign_origin
    for is_there in (True, False):
        if not is_there:
            scene.server.stop()
        scene.open_page_elsewhere()
        scene.wait("the browser gives up", "() => source.readyState === EventSource.CLOSED")
        same(scene.seen(), [], "no event")
        scene.context.close()


# --- What passes, and what does not -----------------------------------------------------------------------------------


def only_streams_get_the_answer_for_browsers(scene):
    proxy = scene.proxy
    scene.server.stop()
    waits = set()
    for path in STREAMS:
        for number in range(4):
            answer = proxy.ask("GET", path, headers={"Last-Event-ID": "abc-1"})
            same((answer.status, answer.headers["Content-Type"]), (200, "text/event-stream"), f"GET {path}")
            same(answer.headers["Cache-Control"], "no-store", f"Cache-Control of {path}")
            same(answer.headers["Access-Control-Allow-Origin"], None, "permission that was not asked for")
            match = re.fullmatch(rb"retry: (2\d\d\d)\n\n", answer.body)
            assert match, f"the body of {path} is {answer.body}"
            waits.add(match[1])
        for method in ("HEAD", "POST", "PUT", "DELETE"):
            same(proxy.ask(method, path).status, proxy.away, f"{method} {path}")
    assert len(waits) > len(STREAMS), f"the browsers come back at the same time: {waits}"
    for path in OTHERS:
        for method in ("GET", "POST"):
            same(proxy.ask(method, path).status, proxy.away, f"{method} {path}")
    for origin, permission in ((scene.other_origin, scene.other_origin), (scene.foreign_origin, None), ("null", None)):
        answer = proxy.ask("GET", STREAM, headers={"Origin": origin})
        same(answer.status, 200, f"the status for {origin}")
        same(answer.headers["Access-Control-Allow-Origin"], permission, f"permission for {origin}")
        same(answer.headers["Access-Control-Allow-Credentials"], permission and "true", f"credentials for {origin}")
        same(answer.headers["Vary"], "Origin", "Vary")


def the_answers_of_the_server_pass_as_they_are(scene):
    asked = [
        (400, "GET", "/groups/a%20b/events"),
        (400, "GET", STREAM + "?since=never"),
        (403, "GET", "/groups/notify.chat/events"),
        (403, "GET", "/stream-chat-messages/"),
        (404, "GET", "/groups//events"),
        (404, "GET", "/nowhere"),
        (404, "GET", "/groups/my-group/messages/abc-1"),
        (405, "POST", STREAM),
        (405, "DELETE", "/events"),
        (200, "HEAD", STREAM),
        (200, "GET", "/healthz"),
        (200, "GET", "/groups/my-group"),
        (302, "GET", "/"),
        (400, "POST", "/messages", "no JSON"),
        (413, "POST", "/groups/my-group/messages", b"x" * (10 << 20)),
        (422, "POST", "/groups/my-group/messages", "data=2", {"Idempotency-Key": "1", "Content-Type": FORM}),
    ]
    scene.proxy.ask("POST", "/groups/my-group/messages", "data=1", {"Idempotency-Key": "1", "Content-Type": FORM})
    for status, *request in asked:
        there = ask(scene.server.port, *request)
        here = scene.proxy.ask(*request)
        what = " ".join(request[:2])
        same(there.status, status, f"what the server answers to {what}")
        same((here.status, here.body), (status, there.body), f"the answer to {what}")
        for name in ("Content-Type", "Cache-Control", "Allow", "Location", "Vary"):
            same(here.headers[name], there.headers[name], f"{name} of {what}")


def the_server_judges_the_host_that_the_browser_sees(scene):
    scene.server.stop()
    scene.server.options.remove("--allow-host")
    scene.server.options.remove(SITE)
    scene.server.start()
    for path in ("/healthz", STREAM):
        answer = scene.proxy.ask("GET", path)
        same(answer.status, 403, path)
        assert b"--allow-host example.org" in answer.body, answer.body


def a_large_history_passes(scene):
    """Published in one request that is almost as large as the server takes, and followed from its beginning."""
    texts = [f"{number} " + "x" * 4000 for number in range(3000)] + ["y" * (1 << 20)] * 3
    lines = [json.dumps({"group": "my-group", "event": "greeting", "data": text}) for text in texts]
    answer = scene.proxy.ask("POST", "/messages", "\n".join(lines), {"Content-Type": "application/x-ndjson"})
    same(answer.status, 201, "the status of the publish")
    ids = json.loads(answer.body)["ids"]
    scene.open_page_of_server(STREAM + "?since=all")
    scene.wait_for_id(ids[-1])
    events = scene.seen("greeting")
    same([event["id"] for event in events], ids, "the ids")
    assert [event["data"] for event in events] == texts, "the data is another"
    path = "/groups/my-group/messages?limit=1000&since=all"
    here, there = scene.proxy.ask("GET", path), ask(scene.server.port, "GET", path)
    same(here.status, 200, "the status of the history")
    assert here.body == there.body and len(here.body) > 2 << 20, f"the history is another: {len(here.body)} bytes"


def the_server_hears_of_readers_that_go(scene):
    """Well before its next heartbeat would find out."""
    scene.open_page_elsewhere()
    scene.wait_for_open()
    same(streams(scene), 1, "streams")
    scene.context.close()
    deadline = time.monotonic() + HELD_BACK
    while streams(scene):
        assert time.monotonic() < deadline, f"the server has a stream {HELD_BACK} s after its reader has gone"
        time.sleep(0.02)


def streams(scene):
    return int(re.search(rb"^notify_streams (\d+)", ask(scene.server.port, "GET", "/metrics").body, re.MULTILINE)[1])


def the_chat_goes_on_after_a_restart(scene):
    scene.open_page(scene.proxy.url)
    page = scene.page
    page.get_by_label("name").fill("Ariel")
    page.get_by_role("button").click()

    def send(text):
        page.get_by_role("textbox", name="Message").fill(text)
        page.get_by_role("button", name="Send").click()
        page.locator(".message", has_text=text).wait_for()

    send("before")
    scene.server.stop()
    page.locator("#banner", has_text="Reconnecting").wait_for()
    scene.server.start()
    page.locator("#banner", has_text="Connected again").wait_for()
    send("after")
    same(page.locator(".message .text").all_text_contents(), ["before", "after"], "the messages")


TESTS = [
    a_page_of_the_site_resumes_after_the_server_was_stopped,
    a_page_of_an_allowed_site_resumes_after_the_server_was_killed,
    a_page_that_comes_while_the_server_is_away_waits_for_it,
    a_page_of_a_foreign_site_is_refused_in_any_case,
    only_streams_get_the_answer_for_browsers,
    the_answers_of_the_server_pass_as_they_are,
    the_server_judges_the_host_that_the_browser_sees,
    a_large_history_passes,
    the_server_hears_of_readers_that_go,
    the_chat_goes_on_after_a_restart,
]


def run(test, kind, browser, binary, page_port):
    """Runs one test and says how it ended. A failure shows what the server and the proxy printed."""
    name = f"{kind.__name__}: {test.__name__.replace('_', ' ')}"
    began = time.monotonic()
    failure = None
    with tempfile.TemporaryDirectory() as folder:
        # Started by root, the workers of nginx are another user.
        os.chmod(folder, 0o711)
        scene = Scene(kind, browser, binary, folder, page_port)
        try:
            scene.server.start()
            scene.proxy.start()
            test(scene)
        except AssertionError as error:
            failure = str(error)[:2000]
        except Exception:
            failure = traceback.format_exc()[:4000]
        finally:
            scene.close()
    text = f"{'FAILED' if failure else 'ok':7} {name} ({time.monotonic() - began:.1f} s)\n"
    if failure:
        text += f"    {failure}\n"
        for who, log in (("server", scene.server.log), (kind.file, scene.proxy.log)):
            text += "".join(f"    {who}: {line}" for line in log[-20:])
    print(text, end="", flush=True)
    return failure is None


def run_all(kind, binary, page_port, part):
    """Runs the tests with one proxy, in a browser of their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(),
            args=["--no-sandbox", f"--host-resolver-rules=MAP {SITE} 127.0.0.1, MAP *.{SITE} 127.0.0.1"],
        )
        print(f"Chromium {browser.version}, {find_program(kind.program)}, {binary}", flush=True)
        results = [
            run(test, kind, browser, binary, page_port)
            for test in TESTS if part in f"{kind.__name__} {test.__name__}"
        ]
        browser.close()
    return results


def find_program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return path or sys.exit(f"{name} was not found. Install it: make test-proxies does.")


def main():
    binary = find_binary()
    if not os.access(binary, os.X_OK):
        sys.exit(f"{binary} is not there. Build it first: make test-proxies does.")
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    for kind in KINDS:
        find_program(kind.program)
    # At the same time: mostly they wait for browsers to come back.
    with page_server() as page_origin, ThreadPoolExecutor() as pool:
        port = int(page_origin.rsplit(":", 1)[1])
        runs = [pool.submit(run_all, kind, binary, port, part) for kind in KINDS]
        results = [result for one in runs for result in one.result()]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
