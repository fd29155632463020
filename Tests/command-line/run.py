"""notify-cli as its users meet it: messages through restarts of the server, and what it says when something is wrong.

    run.py [PATH-OF-NOTIFY-CLI]       default: NOTIFY_CLI, else the debug build

Needs Python's standard library only. Nothing waits for a fixed time.
"""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "Server"))
from runner import main  # noqa: E402
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


def history(server, group, *options):
    result = run(server.binary, "history", "--url", server.url, "--group", group, "--json", *options)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def until(condition, what):
    """Waits for what the server does in its own time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE} s"
        time.sleep(0.05)


@test
def lines_become_messages_in_order(binary, folder):
    server = Server(binary, folder / "notify.sqlite").start()
    try:
        lines = [f"line {number}" for number in range(9_999)] + [""]
        sent = run(binary, "send", "--url", server.url, "--group", "g", "--lines", data="\n".join(lines) + "\n")
        assert sent.returncode == 0, sent.stderr
        stored = history(server, "g", "--limit", "20000")
        assert [message["data"] for message in stored] == lines
        assert [message["id"] for message in stored] == sent.stdout.split()
    finally:
        server.end()


@test
def a_line_does_not_wait_for_the_next(binary, folder):
    server = Server(binary, folder / "notify.sqlite").start()
    sender = subprocess.Popen(
        [binary, "send", "--url", server.url, "--group", "g", "--lines"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )
    try:
        ids = []
        for number in range(5):
            sender.stdin.write(f"line {number}\nbeginning of ")
            sender.stdin.flush()
            ids.append(sender.stdout.readline().strip())
        sender.stdin.close()
        ids.append(sender.stdout.readline().strip())
        assert sender.wait(PATIENCE) == 0
        stored = history(server, "g")
        assert [message["id"] for message in stored] == ids
        expected = ["line 0"] + [f"beginning of line {number}" for number in range(1, 5)] + ["beginning of "]
        assert [message["data"] for message in stored] == expected
    finally:
        sender.kill()
        sender.wait(PATIENCE)
        server.end()


@test
def a_batch_of_lines_is_sent_whole_or_not_at_all(binary, folder):
    server = Server(binary, folder / "notify.sqlite", options=["--max-message-size", "10"]).start()
    try:
        # 1000 lines are a batch, and all of them are there at once: they come from a file.
        (folder / "lines").write_text("good\n" * 1000 + "good\nthis one is too long\ngood\n")
        with open(folder / "lines") as lines:
            sent = subprocess.run(
                [binary, "send", "--url", server.url, "--group", "g", "--lines"],
                stdin=lines, capture_output=True, text=True, timeout=PATIENCE,
            )
        assert sent.returncode == 1
        assert sent.stderr.startswith("Error: Lines 1001 to 1003 were not sent, because of line 1002: "), sent.stderr
        assert len(sent.stderr.splitlines()) == 1, sent.stderr
        assert [message["id"] for message in history(server, "g", "--limit", "2000")] == sent.stdout.split()
        assert len(sent.stdout.split()) == 1000
    finally:
        server.end()


@test
def a_key_publishes_once_also_through_a_restart(binary, folder):
    server = Server(binary, folder / "notify.sqlite").start()

    def send(*options):
        return run(binary, "send", "--url", server.url, "--group", "g", *options)

    try:
        first = send("--idempotency-key", "order 1042", "--data", "paid")
        server.kill()
        server.start()
        second = send("--idempotency-key", "order 1042", "--data", "paid")
        assert first.returncode == second.returncode == 0, first.stderr + second.stderr
        assert first.stdout == second.stdout
        other = send("--idempotency-key", "order 1042", "--data", "refunded")
        assert other.returncode == 1 and "(422)" in other.stderr, other.stderr
        assert [message["data"] for message in history(server, "g")] == ["paid"]
    finally:
        server.end()


@test
def a_message_leaves_after_its_time(binary, folder):
    server = Server(binary, folder / "notify.sqlite").start()
    try:
        sent = [
            run(binary, "send", "--url", server.url, "--group", "g", "--ttl", "200ms", "--data", "short"),
            run(binary, "send", "--url", server.url, "--group", "g", "--ttl", "200ms", "--lines", data="a\nb\n"),
            run(binary, "send", "--url", server.url, "--group", "g", "--ttl", "1h", "--data", "long"),
        ]
        assert all(result.returncode == 0 for result in sent), sent
        until(lambda: [message["data"] for message in history(server, "g")] == ["long"], "messages whose time is over go")
    finally:
        server.end()


@test
def retention_goes_by_the_rules_of_each_start(binary, folder):
    server = Server(binary, folder / "notify.sqlite", options=["--retain", "audit.*=all", "--retain", "logs.*=5,7d"])

    def stored(group):
        return [message["data"] for message in history(server, group)]

    try:
        server.start()
        greeting = "".join(server.log)
        for group in ("logs.a", "audit.a", "other"):
            lines = "".join(f"{number}\n" for number in range(20))
            sent = run(binary, "send", "--url", server.url, "--group", group, "--lines", data=lines)
            assert sent.returncode == 0, sent.stderr
            if group == "logs.a":
                first = sent.stdout.split()[0]
        until(lambda: len(stored("logs.a")) == 5, "the rule for logs.* is kept to")
        assert stored("logs.a") == [str(number) for number in range(15, 20)]
        assert len(stored("audit.a")) == len(stored("other")) == 20
        server.stop()
        assert "".join(server.log).count("audit.*: all") == 1 and "the last 7d, the newest 5 messages" in greeting, greeting

        # Another start, other rules, from a file.
        (folder / "notify.json").write_text(json.dumps({"retain": ["audit.*=all", "logs.*=2", "*=1"]}))
        server.options = ["--config", str(folder / "notify.json")]
        server.start()
        until(lambda: len(stored("logs.a")) == 2 and len(stored("other")) == 1, "the new rules are kept to")
        assert len(stored("audit.a")) == 20
        # Whoever was away too long is told so, and gets what is left.
        listener = Listener(server, "--group", "logs.a", "--since", first, "--count", "2")
        try:
            assert [message["data"] for message in listener.messages(2)] == ["18", "19"]
            assert listener.process.wait(PATIENCE) == 0
            assert "already removed" in listener.errors.get(timeout=PATIENCE)
        finally:
            listener.end()
        server.stop()
        server.options = []
        server.start()
        assert len(stored("logs.a")) == 2 and len(stored("audit.a")) == 20
    finally:
        server.end()


@test
def a_database_is_looked_after_while_its_server_runs(binary, folder):
    path, copy = folder / "notify.sqlite", folder / "copy.sqlite"
    server = Server(binary, path, options=["--durability", "normal"]).start()

    def database(command, *options, at=path):
        return run(binary, "database", command, "--database", str(at), *options)

    try:
        sent = run(binary, "send", "--url", server.url, "--group", "g", "--lines", data="needle\n" * 100)
        ids = sent.stdout.split()
        figures = json.loads(database("stats", "--json").stdout)
        assert (figures["messages"], figures["groups"], figures["data_bytes"]) == (100, 1, 600), figures
        assert figures["newest"]["id"] == ids[-1] and figures["oldest"]["id"] == ids[0], figures
        assert ids[-1] in database("stats").stdout
        assert database("check").stdout == f"{path} is whole.\n"
        backup = database("backup", "--output", str(copy), "--json")
        assert backup.returncode == 0, backup.stderr
        assert json.loads(backup.stdout) == {"database": str(path), "output": str(copy)}
        assert database("vacuum").returncode == 0
        refused(binary, 1, "already", "database", "backup", "--database", str(path), "--output", str(copy))
        # No URI, though SQLite would take it for one.
        command = [binary.resolve(), "database", "backup", "--database", str(path), "--output", "file:copy.sqlite"]
        subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=PATIENCE)
        named = folder / "file:copy.sqlite"
        assert named.stat().st_size > 0 and named.stat().st_mode & 0o777 == 0o600, named.stat()
        assert not list(folder.glob("*-partial")), list(folder.iterdir())
        refused(binary, 1, "stop it first", "database", "vacuum", "--full", "--database", str(path))
        server.stop()
        assert database("vacuum", "--full").returncode == 0

        # The copy serves, under an epoch of its own.
        other = Server(binary, copy)
        try:
            copied = history(other.start(), "g")
            other.stop()
        finally:
            other.end()
        assert [message["id"].split("-")[1] for message in copied] == [id.split("-")[1] for id in ids]
        assert copied[0]["id"].split("-")[0] != figures["epoch"]

        # A byte that changed on the disk is found.
        damaged = copy.read_bytes()
        assert damaged.count(b"needle") >= 100
        copy.write_bytes(damaged.replace(b"needle", b"nEedle", 1))
        check = database("check", "--json", at=copy)
        assert check.returncode == 1 and "delete them" in check.stderr, check.stderr
        assert "backup" not in check.stdout + check.stderr, check.stdout + check.stderr
        assert len(json.loads(check.stdout)["findings"]) == 1, check.stdout
    finally:
        server.end()


@test
def what_database_refuses(binary, folder):
    refused(binary, 1, "There is no database", "database", "stats", "--database", str(folder / "none"))
    (folder / "text").write_text("This is no database, but long enough to be looked at as one. " * 20)
    refused(binary, 1, "is no SQLite database", "database", "check", "--database", str(folder / "text"))
    refused(binary, 64, "--output", "database", "backup", "--database", str(folder / "none"))
    refused(binary, 64, "", "database", "nonsense")


@test
def what_serve_refuses(binary, folder):
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = str(taken.getsockname()[1])
    database = str(folder / "notify.sqlite")
    refused(binary, 1, "is in use", "serve", "--port", port, "--database", database)
    assert not list(folder.iterdir()), "a server that did not get its port has made no database, and no admin password"
    taken.close()
    refused(binary, 64, "--insecure", "serve", "--host", "0.0.0.0", "--port", "0", "--database", str(folder / "unmade"))
    assert not (folder / "unmade").exists(), "a refused start leaves no database behind"
    refused(binary, 1, "does not exist", "serve", "--port", "0", "--database", str(folder / "missing" / "x.sqlite"))
    (folder / "text").write_text("This is no database, but long enough to be looked at as one. " * 20)
    refused(binary, 1, "is no SQLite database", "serve", "--port", "0", "--database", str(folder / "text"))
    refused(binary, 1, "is a folder", "serve", "--port", "0", "--database", str(folder))
    refused(binary, 64, "--port", "serve", "--port", "70000")
    refused(binary, 64, "--port", "serve", "--port", "-1")
    refused(binary, 64, "--heartbeat", "serve", "--heartbeat", "often")
    refused(binary, 64, "use full or normal", "serve", "--durability", "maybe")
    refused(binary, 64, "such as '*=30d'", "serve", "--retain", "logs.*=7x")
    refused(binary, 64, "put '*' last", "serve", "--retain", "*=7d", "--retain", "logs.*=1d")
    refused(binary, 64, "--max-batch-size", "serve", "--max-batch-size", "0")
    refused(binary, 64, "--max-batch-messages", "serve", "--max-batch-messages", "0")
    refused(binary, 64, "--max-wal-size", "serve", "--max-wal-size", "1KiB")
    refused(binary, 64, "is no origin", "serve", "--port", "0", "--database", database, "--allow-origin", "example.org")


@test
def serve_takes_its_settings_from_a_file(binary, folder):
    settings = folder / "notify.yaml"
    settings.write_text("# For this test\nmax-message-size: 10B\nretain:\n  - 'logs.*=1d'\n  - '*=all'\nno-chat: yes\n")
    checked = run(binary, "config", "check", "--config", str(settings))
    assert checked.returncode == 0 and "are right: 3 set" in checked.stdout, checked.stdout + checked.stderr
    server = Server(binary, folder / "notify.sqlite", options=["--config", str(settings)]).start()
    try:
        assert any("logs.*: the last 1d" in line for line in server.log), server.log
        server.publish("0123456789")
        refused(binary, 1, "at most 10", "send", "--url", server.url, "--group", "g", "--data", "0123456789A")
        server.stop()
    finally:
        server.end()
    settings.write_text("max_message_size: 10B\n")
    refused(binary, 64, "did you mean 'max-message-size'?", "serve", "--config", str(settings))


@test
def the_log_is_json_where_it_is_asked_for(binary, folder):
    options = ["--log-format", "json", "--log-level", "debug", "--no-chat"]
    server = Server(binary, folder / "notify.sqlite", options=options).start()
    try:
        server.publish("hello", group="orders")
        server.stop()
    finally:
        server.end()
    server.reader.join(PATIENCE)
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    assert all({"time", "level", "message", "logger"} <= line.keys() for line in lines), lines
    answered = [line for line in lines if line["message"] == "A request was answered"]
    assert [(line["method"], line["path"], line["status"]) for line in answered] == [
        ("POST", "/groups/orders/messages", 201)
    ], lines
    # Whatever is no JSON is the greeting.
    assert not any(" debug " in line or " notice " in line for line in server.log if not line.startswith("{")), server.log
    refused(binary, 64, "use text or json", "serve", "--log-format", "xml")


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
def signals_that_do_not_stop_the_server(binary, folder):
    server = Server(binary, folder / "notify.sqlite", options=["--log-level", "info"]).start()
    try:
        # It may take longer to come than all of this.
        listener = Listener(server, "--group", "my-group", "--since", "all")
        server.publish("before")
        for number in (signal.SIGUSR1, signal.SIGHUP):
            server.process.send_signal(number)
            until(lambda: number == signal.SIGUSR1 or any("SIGHUP" in line for line in server.log), "a line on SIGHUP")
            server.publish("after")
        assert server.process.poll() is None
        assert listener.messages(1)
        listener.end()
        server.stop()
    finally:
        server.end()


@test
def a_stop_in_the_middle_of_a_start_is_in_order(binary, folder):
    # Once all has been made, the greeting with the password is shown; before that nothing is there.
    database = folder / "notify.sqlite"
    server = Server(binary, database)
    shown = False
    for pause in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3):
        server.log.clear()
        server.launch()
        time.sleep(pause)
        server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(PATIENCE)
        server.reader.join(PATIENCE)
        # Nothing takes the signal before the program's own code runs.
        assert status in (0, -signal.SIGTERM), f"after {pause} s: status {status}, {server.log}"
        shown = shown or any("password: " in line for line in server.log)
        assert status == 0 or not database.exists() or shown, "killed with a database whose password nobody has seen"
    server.start()
    server.stop()
    assert shown or any("password: " in line for line in server.log), f"the password was never shown: {server.log}"


@test
def what_clients_refuse(binary, folder):
    url = f"http://127.0.0.1:{free_port()}"
    refused(binary, 1, "notify-cli serve", "send", "--url", url, "--group", "g", "--data", "x")
    refused(binary, 1, "notify-cli serve", "listen", "--url", url, "--group", "g")
    refused(binary, 64, "group", "send", "--url", url, "--group", "no spaces", "--data", "x")
    refused(binary, 64, "stream-", "send", "--url", url, "--group", "g", "--event", "stream-open", "--data", "x")
    refused(binary, 64, "--group", "send", "--url", url, "--data", "x")
    refused(binary, 64, "--ttl", "send", "--url", url, "--group", "g", "--data", "x", "--ttl", "60")
    refused(binary, 64, "names one message", "send", "--url", url, "--group", "g", "--lines", "--idempotency-key", "k")
    refused(binary, 64, "", "send", "--nonsense")


if __name__ == "__main__":
    sys.exit(main(TESTS))
