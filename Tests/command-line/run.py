"""notify-cli as its users meet it: messages through restarts of the server, and what it says when something is wrong.

    run.py [PATH-OF-NOTIFY-CLI]       default: NOTIFY_CLI, else the debug build

Needs Python's standard library only. Nothing waits for a fixed time.
"""

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "Server"))
from server import PATIENCE, Server, free_port  # noqa: E402

TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Listener:
    """`notify-cli listen --json`, its lines read as they come."""

    def __init__(self, server, *options):
        self.process = subprocess.Popen(
            [server.binary, "listen", "--url", server.url, "--json", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.lines, self.errors = queue.SimpleQueue(), queue.SimpleQueue()
        for stream, lines in ((self.process.stdout, self.lines), (self.process.stderr, self.errors)):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line)

    def messages(self, count):
        return [json.loads(self.lines.get(timeout=PATIENCE)) for _ in range(count)]

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)


def run(binary, *arguments, data=None):
    return subprocess.run(
        [binary, *arguments], input=data, capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, "HOME": "/nonexistent"},
    )


def refused(binary, status, sentence, *arguments):
    """The command ends with the status, and says the sentence on one line of standard error, nothing on standard output."""
    result = run(binary, *arguments)
    assert result.returncode == status, f"{arguments}: status {result.returncode}, {result.stderr}"
    assert sentence in result.stderr, f"{arguments}: {result.stderr}"
    assert result.stdout == "", f"{arguments} printed {result.stdout}"
    if status == 1:
        assert len(result.stderr.strip().splitlines()) == 1, f"{arguments}: more than one line: {result.stderr}"


@test
def listen_misses_nothing_through_a_stop_and_a_kill(binary, folder):
    server = Server(binary, folder / "notify.sqlite").start()
    listener = Listener(server, "--group", "my-group", "--since", "all")
    try:
        sent = [server.publish(f"message {number}") for number in range(5)]
        seen = listener.messages(5)
        for end in (server.stop, server.kill):
            end()
            # Published while the listener is cut off: by another server on the same database.
            other = Server(binary, folder / "notify.sqlite").start()
            sent += [other.publish(f"while away {number}") for number in range(20)]
            other.stop()
            server.start()
            sent += [server.publish(f"back {number}") for number in range(5)]
            seen += listener.messages(25)
        assert [message["id"] for message in seen] == sent, "lost, doubled or out of order"
        assert listener.lines.empty(), "more than was sent"
    finally:
        listener.end()
        server.end()


@test
def send_and_listen_say_the_same(binary, folder):
    server = Server(binary, folder / "notify.sqlite").start()
    listener = Listener(server, "--group", "a", "--group", "b", "--since", "all", "--count", "3")
    try:
        first = run(binary, "send", "--url", server.url, "--group", "a", "--event", "greeting", "--data", '{"hello":"world"}')
        second = run(binary, "send", "--url", server.url, "--group", "b", data="two\nlines\n")
        third = run(binary, "send", "--url", server.url, "--group", "a", data="")
        assert first.returncode == second.returncode == 0, first.stderr + second.stderr
        assert third.returncode == 0, third.stderr
        seen = listener.messages(3)
        assert [message["id"] for message in seen] == [r.stdout.strip() for r in (first, second, third)]
        assert [message["data"] for message in seen] == ['{"hello":"world"}', "two\nlines", ""]
        assert seen[0]["event"] == "greeting" and seen[1]["group"] == "b"
        assert listener.process.wait(PATIENCE) == 0, "--count 3 ends after three"
        history = run(binary, "history", "--url", server.url, "--group", "a", "--json")
        assert [json.loads(line)["id"] for line in history.stdout.splitlines()] == [seen[0]["id"], seen[2]["id"]]
        groups = run(binary, "groups", "--url", server.url, "--json")
        assert [json.loads(line)["messages"] for line in groups.stdout.splitlines()] == [2, 1]
    finally:
        listener.end()
        server.end()


@test
def lines_become_messages_in_order(binary, folder):
    server = Server(binary, folder / "notify.sqlite").start()
    try:
        lines = [f"line {number}" for number in range(50)]
        sent = run(binary, "send", "--url", server.url, "--group", "g", "--lines", data="\n".join(lines) + "\n")
        assert sent.returncode == 0, sent.stderr
        history = run(binary, "history", "--url", server.url, "--group", "g", "--json")
        stored = [json.loads(line) for line in history.stdout.splitlines()]
        assert [message["data"] for message in stored] == lines
        assert [message["id"] for message in stored] == sent.stdout.split()
    finally:
        server.end()


@test
def what_serve_refuses(binary, folder):
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = str(taken.getsockname()[1])
    database = str(folder / "notify.sqlite")
    refused(binary, 1, "is in use", "serve", "--port", port, "--database", database)
    taken.close()
    refused(binary, 1, "--insecure", "serve", "--host", "0.0.0.0", "--port", "0", "--database", str(folder / "unmade"))
    assert not (folder / "unmade").exists(), "a refused start leaves no database behind"
    refused(binary, 1, "does not exist", "serve", "--port", "0", "--database", str(folder / "missing" / "x.sqlite"))
    (folder / "text").write_text("This is no database, but long enough to be looked at as one. " * 20)
    refused(binary, 1, "is no SQLite database", "serve", "--port", "0", "--database", str(folder / "text"))
    refused(binary, 1, "is a folder", "serve", "--port", "0", "--database", str(folder))
    refused(binary, 64, "--port", "serve", "--port", "70000")
    refused(binary, 64, "--heartbeat", "serve", "--heartbeat", "often")
    refused(binary, 1, "is no origin", "serve", "--port", "0", "--database", database, "--allow-origin", "example.org")


@test
def a_database_has_one_server(binary, folder):
    server = Server(binary, folder / "notify.sqlite").start()
    try:
        refused(binary, 1, "Another server", "serve", "--port", "0", "--database", str(folder / "notify.sqlite"))
        server.kill()
        server.start()  # what a killed server held is free
    finally:
        server.end()


@test
def what_clients_refuse(binary, folder):
    url = f"http://127.0.0.1:{free_port()}"
    refused(binary, 1, "notify-cli serve", "send", "--url", url, "--group", "g", "--data", "x")
    refused(binary, 1, "notify-cli serve", "listen", "--url", url, "--group", "g")
    refused(binary, 64, "group", "send", "--url", url, "--group", "no spaces", "--data", "x")
    refused(binary, 64, "stream-", "send", "--url", url, "--group", "g", "--event", "stream-open", "--data", "x")
    refused(binary, 64, "--group", "send", "--url", url, "--data", "x")
    refused(binary, 64, "", "send", "--nonsense")


def main():
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NOTIFY_CLI", ROOT / ".build/debug/notify-cli"))
    failed = 0
    for function in TESTS:
        name = function.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as folder:
            try:
                function(binary, Path(folder))
                print(f"ok      {name}", flush=True)
            except Exception:  # noqa: BLE001 - a failed test must not stop the others
                failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
