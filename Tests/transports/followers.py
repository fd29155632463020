"""Clients that follow the same groups, each over a transport of its own, through every end of the server.

Each keeps `seen`, a list of (id, data), `resets`, and `opens`, how often it was connected. None shares code with the server.
"""

import asyncio
import http.client
import json
import subprocess
import threading
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

AGAIN = 0.02  # seconds until the next try while the server is away


class Follower:
    def __init__(self, server, topics, end):
        self.server, self.topics, self.end = server, topics, end
        self.seen, self.resets, self.opens, self.position = [], [], 0, None
        self.error = None

    @property
    def name(self):
        return f"{type(self).__name__} of {', '.join(f'{key} {value}' for key, value in self.topics)}"

    @property
    def is_complete(self):
        return bool(self.seen) and self.seen[-1][1] == self.end

    def path(self, path="/events", **more):
        return f"{path}?{urlencode([*self.topics, *more.items()])}"

    def took(self, id, data):
        self.seen.append((id, data))
        self.position = id

    def event(self, name, id, data):
        """An event of a stream, as its parser saw it."""
        if name == "stream-open":
            self.opens += 1
        elif name == "stream-reset":
            self.resets.append(data)
        elif not name.startswith("stream-"):
            self.seen.append((id, data))
        # The last word of a server that stops has none.
        self.position = id or self.position


class Threaded(Follower):
    """Runs in a thread, and is called again and again until it is complete."""

    def start(self):
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while not self.is_complete:
            try:
                self.follow()
            except (OSError, http.client.HTTPException):
                threading.Event().wait(AGAIN)
            except Exception as error:  # noqa: BLE001 - the checker reports it
                self.error = error
                return

    def get(self, path, **headers):
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=20)
        if self.position:
            headers["Last-Event-ID"] = self.position
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        if response.status != 200:
            raise AssertionError(f"{path} answered {response.status}: {response.read()[:300]}")
        return response


class EventStream(Threaded):
    """Server-sent events with Python's own HTTP client."""

    def follow(self):
        self.read(self.get(self.path(since="all")))

    def read(self, lines):
        """Reads fields line by line. Only an empty line makes an event of them."""
        name, id, data = "message", None, []
        for line in lines:
            line = line.decode().removesuffix("\n")
            if line.startswith("id: "):
                id = line[4:]
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif not line:
                if data:
                    self.event(name, id, "\n".join(data))
                name, data = "message", []
            if self.is_complete:
                return


class Curl(EventStream):
    """Server-sent events with curl."""

    def follow(self):
        command = ["curl", "--silent", "--no-buffer", self.server.url + self.path(since="all")]
        if self.position:
            command += ["--header", f"Last-Event-ID: {self.position}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            self.read(process.stdout)
            process.kill()
        threading.Event().wait(AGAIN)


class Lines(Threaded):
    """NDJSON with Python's own HTTP client."""

    def follow(self):
        for line in self.get(self.path(since="all"), Accept="application/x-ndjson"):
            # A broken connection may leave a part of a line.
            if line.endswith(b"\n") and line != b"\n":
                event = json.loads(line)
                self.event(event["event"], event["id"], event["data"])
            if self.is_complete:
                return


class LongPoll(Threaded):
    """One answer after the other."""

    def follow(self):
        start = {"after": self.position} if self.position else {"since": "all"}
        answer = json.loads(self.get(self.path("/messages", **start, wait="10s")).read())
        self.opens += 1
        if "reset" in answer:
            self.resets.append(answer)
        for message in answer["messages"]:
            self.took(message["id"], message["data"])
        self.position = answer["position"]


class Socket(Follower):
    """A WebSocket of Python's `websockets`, with one subscription."""

    def start(self):
        self.task = asyncio.create_task(self.run())

    async def run(self):
        while not self.is_complete:
            try:
                await self.follow()
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(AGAIN)

    async def follow(self):
        async with connect(self.server.url.replace("http", "ws", 1) + "/socket", subprotocols=["notify.v1"]) as socket:
            start = {"last_event_id": self.position} if self.position else {"since": "all"}
            topics = {"groups": [], "match": []}
            for key, value in self.topics:
                topics["groups" if key == "group" else key].append(value)
            await socket.send(json.dumps({"subscribe": {"name": "s", **topics, **start}}))
            await self.read(socket)

    async def read(self, socket):
        while not self.is_complete:
            frame = json.loads(await socket.recv())
            if "group" in frame:
                self.took(frame["id"], frame["data"])
            elif "subscribed" in frame:
                self.opens += 1
                self.position = frame["position"]
            else:
                self.resets.append(frame)


class UpgradedSocket(Socket):
    """A WebSocket whose address says what it follows."""

    async def follow(self):
        start = {"last_event_id": self.position} if self.position else {"since": "all"}
        async with connect(self.server.url.replace("http", "ws", 1) + self.path(**start)) as socket:
            await self.read(socket)
