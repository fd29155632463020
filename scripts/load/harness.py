"""What the load scripts share: a server of their own, its figures, and the checks that are counted at the end."""

import argparse
import collections
import http.client
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "Tests/Server"))
from server import Server as TestServer  # noqa: E402

MIB = 1 << 20

DATABASE_FILES = 16  # that the server may open, and keep, while it is used

Descriptors = collections.namedtuple("Descriptors", "sockets others")


def arguments(description):
    """A parser with what every script takes. The description's first paragraph becomes the short help."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "notify",
        nargs="?",
        type=executable,
        default=str(REPOSITORY / ".build/release/notify-cli"),
        help="path of notify-cli (default: .build/release/notify-cli)",
    )
    return parser


def executable(path):
    if not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"there is no notify-cli at {path}: run 'make build', or give its path")
    # Popen looks for a bare name in PATH, and Path makes one of ./notify-cli.
    return os.path.abspath(path)


class Checks:
    """Counts what held and what did not, and prints each."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0

    def check(self, holds, text):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok     ' if holds else 'FAILED '} {text}", flush=True)
        return holds

    def note(self, text):
        print(f"        {text}", flush=True)

    def finish(self):
        """Prints the sum; returns the exit status."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def run(main):
    """Runs a script's main function; an interrupted script still ends the server that it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (AssertionError, RuntimeError, OSError) as error:
        sys.exit(f"FAILED  {type(error).__name__}: {error}")


def need_open_files(count):
    """Raises the limit of open files as far as allowed; the server inherits it. Returns whether it is enough."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard >= count:
        return True
    print(f"At most {hard} files may be open here, and this needs {count}: raise 'ulimit -n', or ask for less.")
    return False


def wait_until(condition, seconds, pause=0.05):
    """Looks at the condition again and again. Returns whether it came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
    return True


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def mib(size):
    return f"{size / MIB:.1f} MiB"


class Server(TestServer):
    """The server of the tests, with a database of its own in a temporary folder. Use it in a `with`: at its end it is
    gone."""

    def __init__(self, notify, *options, **others):
        self.folder = Path(tempfile.mkdtemp(prefix="notify-load-"))
        super().__init__(Path(notify), self.folder / "load.sqlite", options=options, **others)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def __exit__(self, kind, *_):
        self.end()
        if kind not in (None, KeyboardInterrupt, SystemExit):
            print("--- the server's output")
            print("".join(self.log if len(self.log) <= 120 else self.log[:80] + ["…\n"] + self.log[-40:]), end="")
        shutil.rmtree(self.folder, ignore_errors=True)

    def check_stop(self, checks):
        try:
            self.stop()
            checks.check(True, "SIGTERM ends the server with status 0")
        except (AssertionError, subprocess.TimeoutExpired) as error:
            checks.check(False, f"SIGTERM ends the server with status 0: {error}")

    @property
    def is_running(self):
        return self.process.poll() is None

    @property
    def address(self):
        return (self.host, self.port)

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    # Requests, one connection each

    def request(self, method, path, body=None, timeout=60):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            headers = {"Content-Type": "text/plain"} if body is not None else {}
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get_json(self, path):
        status, body = self.request("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path} answered {status}: {body[:200]!r}")
        return json.loads(body)

    def publish_text(self, group, text):
        status, body = self.request("POST", f"/groups/{group}/messages", text)
        if status != 201:
            raise RuntimeError(f"publishing answered {status}: {body[:200]!r}")

    def history(self, group):
        """The sequence numbers of all stored messages of a group."""
        numbers = []
        query = "since=all"
        while True:
            page = self.get_json(f"/groups/{group}/messages?limit=500&{query}")
            numbers.extend(sequence(message["id"]) for message in page["messages"])
            if not page["has_more"]:
                return numbers
            query = f"after={page['messages'][-1]['id']}"

    def subscribers(self, prefix=""):
        """Subscribers of all used groups, together."""
        total = 0
        after = ""
        while True:
            page = self.get_json(f"/groups?limit=500&prefix={prefix}{after}")
            total += sum(group["subscribers"] for group in page["groups"])
            if not page["has_more"]:
                return total
            after = f"&after={page['groups'][-1]['group']}"

    def metrics(self):
        """The whole numbers of the server's own; those with labels have them in their names."""
        _, body = self.request("GET", "/metrics")
        lines = (line.rpartition(" ") for line in body.decode().splitlines() if line.startswith("notify_"))
        return {name.removeprefix("notify_"): int(value) for name, _, value in lines if value.isdigit()}

    # What the system knows of it

    @property
    def memory(self):
        """Its anonymous memory in bytes: neither pages of files, whose share depends on the other programs that use
        them, nor the kernel's socket buffers."""
        try:
            found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text(), re.M)
        except OSError:
            found = None
        return int(found[1]) * 1024 if found else 0

    def settled_memory(self, samples=5):
        """The median of a few looks, once the server is at rest."""
        looks = []
        for _ in range(samples):
            looks.append(self.memory)
            time.sleep(0.2)
        return int(statistics.median(looks))

    @property
    def descriptors(self):
        sockets = others = 0
        folder = f"/proc/{self.process.pid}/fd"
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            if target.startswith("socket:"):
                sockets += 1
            else:
                others += 1
        return Descriptors(sockets, others)

    @property
    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Baseline:
    """The figures of a server that nobody uses, to be compared with once everybody has left."""

    GAUGES = ("connections", "streams", "streams_live", "pinned_bytes", "recent_bytes", "waiting_publishes")

    def __init__(self, server):
        self.server = server
        self.gauges, self.descriptors = self._look()

        def is_at_rest():
            before = self.gauges, self.descriptors
            self.gauges, self.descriptors = self._look()
            return before == (self.gauges, self.descriptors) and self.gauges["connections"] == 1

        # The request for the metrics counts itself, and the connection of the one before may still be closing.
        if not wait_until(is_at_rest, 20):
            raise RuntimeError(f"a server that nobody uses does not come to rest: {self.gauges}, {self.descriptors}")

    def _look(self):
        metrics = self.server.metrics()
        gauges = {name: metrics[name] for name in self.GAUGES}
        # The socket of that request is closed when the server has noticed.
        time.sleep(0.05)
        return gauges, self.server.descriptors

    def check_return(self, checks, seconds=20):
        """Waits until everything is as it was."""

        def has_files(now):
            # Readers of the database are opened when they are first needed, and stay.
            return now.sockets == self.descriptors.sockets and now.others <= self.descriptors.others + DATABASE_FILES

        gauges, now = self._look()
        end = time.monotonic() + seconds
        while (gauges != self.gauges or not has_files(now)) and time.monotonic() < end:
            time.sleep(0.2)
            gauges, now = self._look()
        off = ", ".join(
            f"{name} is {gauges[name]}, was {before}" for name, before in self.gauges.items() if gauges[name] != before
        )
        checks.check(not off, f"gauges are where they were{': not ' + off if off else ''}")
        checks.check(
            has_files(now),
            f"descriptors are where they were: {now.sockets} sockets, {now.others} others"
            f" (before: {self.descriptors.sockets}, {self.descriptors.others})",
        )
        subscribers = self.server.subscribers()
        checks.check(subscribers == 0, f"no group has subscribers: {subscribers}")


def sequence(message_id):
    return int(message_id.rpartition("-")[2])
