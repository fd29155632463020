"""Loads that never let a queue run empty: `soak --saturate` and `soak --retain`. Each exercises bounds on memory that a
load with pauses does not reach, since what has grown is given back in the first pause."""

import json
import subprocess
import threading
import time

from clients import Connection, Loop, Publisher, Stream
from harness import MIB, Checks, Server, mib, need_open_files, percentile, sequence

ANSWERS_BOUND = "--max-answers-size"
BODIES_BOUND = "--max-bodies-size"
# How much of a request each slow sender gets to send, and how much it announces.
SENT, ANNOUNCED = 512 << 10, 1 << 20


class Memory:
    """Looks at the server's memory all the time."""

    def __init__(self, loop, server):
        self.loop = loop
        self.server = server
        self.seen = []
        self.look()

    def look(self):
        if self.server.is_running:
            self.seen.append((time.monotonic(), self.server.memory))
        self.loop.later(0.2, self.look)

    @property
    def peak(self):
        return max(size for _, size in self.seen)

    def median(self, first, last):
        return percentile(self._between(first, last), 0.5)

    def most(self, first, last):
        return percentile(self._between(first, last), 1)

    def _between(self, first, last):
        """The looks between two shares of the time."""
        begin, end = self.seen[0][0], self.seen[-1][0]
        place = [(when - begin) / max(end - begin, 0.001) for when, _ in self.seen]
        return [size for (_, size), at in zip(self.seen, place) if first <= at <= last]


class ClosedLoop:
    """A publisher whose next request begins with the answer to the one before."""

    def __init__(self, load, path, bodies, content_type):
        self.load = load
        self.path = path
        self.bodies = bodies
        self.content_type = content_type
        self.number = 0
        self.publisher = Publisher(load.loop, load.server)
        self.next()

    def next(self):
        if self.load.is_publishing:
            self.number += 1
            body = self.bodies[self.number % len(self.bodies)]
            self.publisher.request("POST", self.path, self.answered, body, self.content_type)

    def answered(self, status, answer):
        load = self.load
        load.statuses[status] = load.statuses.get(status, 0) + 1
        if status == 201:
            ids = answer.get("ids") or [answer["id"]]
            load.acknowledged += len(ids)
            load.highest = max(load.highest, sequence(ids[-1]))
        # A refusal is part of the bargain; asking again at once would only measure refusals.
        load.loop.later(load.pause if status == 201 else 0.05, self.next)


class SlowReader(Connection):
    """Asks for a large page again and again, and reads none of it."""

    def __init__(self, load, path):
        self.load = load
        self.path = path
        super().__init__(load.loop, load.server, receive_buffer=4096)

    def connected(self):
        self.send(f"GET {self.path} HTTP/1.1\r\nHost: {self.server.authority}\r\n\r\n".encode())
        self.loop.later(1, lambda: self.read(False))

    def received(self, data):
        # Of an answer the first line is enough to know whether it is one.
        if bytes(data[:12]) == b"HTTP/1.1 503":
            self.load.refused_answers += 1
            self.again()
        else:
            self.read(False)

    def ended(self, error):
        self.again()

    def again(self):
        self.close(reset=True)
        if self.load.is_publishing:
            self.loop.later(1, lambda: SlowReader(self.load, self.path))


class SlowSender(Connection):
    """Sends the body of a publish in small pieces, and never all of it."""

    PIECE = b"x" * (32 << 10)

    def __init__(self, load):
        self.load = load
        self.sent = 0
        super().__init__(load.loop, load.server)

    def connected(self):
        self.send(
            f"POST /groups/slow/messages HTTP/1.1\r\nHost: {self.server.authority}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {ANNOUNCED}\r\n\r\n".encode()
        )
        self.go_on()

    def go_on(self):
        if self.is_open and self.load.is_publishing and self.sent < SENT:
            self.sent += len(self.PIECE)
            self.send(self.PIECE)
            self.loop.later(0.5, self.go_on)

    def received(self, data):
        if bytes(data[:12]) == b"HTTP/1.1 503":
            self.load.refused_bodies += 1
        self.again()

    def ended(self, error):
        self.again()

    def again(self):
        self.close()
        if self.load.is_publishing:
            self.loop.later(2, lambda: SlowSender(self.load))


class Load:
    def __init__(self, server):
        self.server = server
        self.loop = Loop()
        self.is_publishing = True
        self.pause = 0  # of each publisher between an answer and its next request
        self.acknowledged = 0
        self.highest = 0
        self.statuses = {}
        self.refused_answers = 0
        self.refused_bodies = 0
        self.health = {}
        self.waiting_seen = []

    def watch_health(self):
        """What others do must not keep anybody from asking how the server is. Asks from a thread, since it waits."""
        threading.Thread(target=self._watch_health, daemon=True).start()

    def _watch_health(self):
        while self.is_publishing:
            self._look()
            time.sleep(1)

    def _look(self):
        for path in ("/healthz", "/metrics"):
            try:
                status, body = self.server.request("GET", path, timeout=10)
            except OSError as error:
                status, body = type(error).__name__, b""
            self.health[status] = self.health.get(status, 0) + 1
            if path == "/metrics" and status == 200:
                for line in body.decode().splitlines():
                    if line.startswith("notify_waiting_publishes "):
                        self.waiting_seen.append(int(line.split()[1]))

    def finish(self):
        self.is_publishing = False
        self.loop.run_for(1)


def lines(groups, count, length):
    """A body of messages, as many to each group."""
    text = "x" * length
    return "\n".join(
        json.dumps({"group": groups[number % len(groups)], "data": text}) for number in range(count)
    ).encode()


def options_of(notify):
    return subprocess.run([notify, "serve", "--help"], capture_output=True, text=True, check=True).stdout


def saturate(options):
    """Publishers in a closed loop, batches and single messages; beside them slow readers of large pages, and slow senders
    of large bodies. Each would hold several times the limit, if it could."""
    checks = Checks("soak --saturate")
    need_open_files(4096)
    bounds = ["--retain", "sat-*=500", "--retain", "slow=10", "--recent-messages-size", "4MiB"]
    bounds += ["--max-waiting-size", "16MiB", ANSWERS_BOUND, "32MiB"]
    if has_bodies_bound := BODIES_BOUND in options_of(options.notify):
        bounds += [BODIES_BOUND, "48MiB"]
    checks.check(has_bodies_bound, f"serve has a bound for all request bodies together ({BODIES_BOUND})")
    with Server(options.notify, *bounds) as server:
        for _ in range(options.page):
            server.publish_text("large", "x" * (MIB - 1))
        load = Load(server)
        memory = Memory(load.loop, server)
        # Small enough for the part of the bodies' bound that large ones do not get.
        batches = [lines([f"sat-{number}" for number in range(8)], 50, 1000)]
        for _ in range(options.publishers):
            ClosedLoop(load, "/messages", batches, "application/x-ndjson")
        for number in range(8):
            ClosedLoop(load, f"/groups/sat-{number}/messages", [b"y" * 1000], "text/plain")
        for _ in range(options.readers):
            SlowReader(load, f"/groups/large/messages?since=all&limit={options.page}")
        for _ in range(options.senders if has_bodies_bound else 0):
            SlowSender(load)
        load.watch_health()
        load.loop.run_for(options.minutes * 60)
        published = load.acknowledged
        load.finish()
        checks.check(
            memory.peak <= options.memory_limit * MIB,
            f"memory stays under {options.memory_limit} MiB: peak {mib(memory.peak)}, median of the last third"
            f" {mib(memory.median(0.67, 1))}",
        )
        waits = percentile(load.waiting_seen, 0.5)
        checks.check(published >= 100_000, f"{published} messages of 1 KB, and {waits} waited at the median look")
        checks.check(
            set(load.health) == {200}, f"health and metrics are answered meanwhile: {load.health}"
        )
        checks.check(load.refused_answers > 0, f"pages over the bound are refused: {load.refused_answers}")
        if has_bodies_bound:
            checks.check(load.refused_bodies > 0, f"bodies over the bound are refused: {load.refused_bodies}")
        checks.note(f"publishes were answered {load.statuses}")
        server.check_stop(checks)
    return checks.finish()


def retain(options):
    """Many small messages, and one reader that stays: what is kept of each message that retention has removed, however
    small, adds up. Memory under load says little, since sweeps run behind by more or less; so the load is let up three
    times, and memory is looked at when the last message that may go has gone."""
    checks = Checks("soak --retain")
    # Nothing is evicted between two sweeps: only what retention removes gives memory back.
    bounds = ["--retain", "logs.*=1000", "--event-loops", "1", "--recent-messages-size", "1GiB"]
    with Server(options.notify, *bounds) as server:
        load = Load(server)
        got = 0

        def event(_, identifier, name, data):
            nonlocal got
            got += name == "message"

        groups = [f"logs.{number}" for number in range(4)]
        stream = Stream(load.loop, server, "/events?" + "&".join(f"group={group}" for group in groups), event)
        batch = lines(groups, 1000, 10)
        load.pause = options.pause
        quiet = []
        for _ in range(3):
            load.is_publishing = True
            loops = [ClosedLoop(load, "/messages", [batch], "application/x-ndjson") for _ in range(2)]
            load.loop.run_for(options.minutes * 60 / 3)
            load.finish()
            for each in loops:
                each.publisher.close()
            quiet.append(settled(load, server))
        checks.check(
            quiet[-1] - quiet[0] <= options.retain_bound * MIB,
            f"memory at rest grows by at most {options.retain_bound} MiB: {', '.join(map(mib, quiet))}",
        )
        checks.check(
            load.acknowledged >= options.least and got > 0,
            f"{load.acknowledged} messages (at least {options.least}), {got} of them came to the reader",
        )
        stream.close()
        server.check_stop(checks)
    return checks.finish()


def settled(load, server):
    """The server's memory once retention has removed what it may, and what was freed has been given back."""
    before = None
    for _ in range(30):
        load.loop.run_for(2)
        now = server.metrics()["recent_bytes"]
        if now == before:
            break
        before = now
    load.loop.run_for(6)
    return server.memory
