"""WebSockets as another peer sees them: the Python library `websockets` against the real server.

    run.py [PATH-OF-NOTIFY-CLI]       default: NOTIFY_CLI, else the debug build

Nothing waits for a fixed time.
"""

import asyncio
import http.client
import json
import sys
import threading
import uuid
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import Opcode

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Server"))
from runner import main  # noqa: E402
from server import PATIENCE, Server  # noqa: E402

TESTS = []


def test(function):
    def run(binary, folder):
        asyncio.run(asyncio.wait_for(function(binary, Path(folder)), 3 * PATIENCE))

    run.__name__ = function.__name__
    TESTS.append(run)
    return function


class Started:
    """A server for as long as a test needs it."""

    def __init__(self, binary, folder, *options):
        self.server = Server(binary, folder / "notify.sqlite", options=["--no-chat", *options])

    def __enter__(self):
        return self.server.start()

    def __exit__(self, *_):
        self.server.end()


def socket(server, path="/socket", **options):
    return connect(server.url.replace("http", "ws", 1) + path, **options)


async def receive(ws):
    return json.loads(await asyncio.wait_for(ws.recv(), PATIENCE))


async def ask(ws, request):
    await ws.send(json.dumps(request))
    return await receive(ws)


@test
async def a_socket_publishes_and_follows(binary, folder):
    with Started(binary, folder) as server:
        async with socket(server, subprotocols=["notify.v1"]) as ws:
            assert ws.subprotocol == "notify.v1"
            assert ws.protocol.extensions == [], "the offer of permessage-deflate was taken"
            assert await ask(ws, {"ping": 7, "ref": "r"}) == {"pong": 7, "ref": "r"}
            answer = await ask(ws, {"subscribe": {"name": "s1", "groups": ["a", "b"]}})
            assert answer["subscribed"] == "s1" and answer["resumed"] is False, answer
            await ws.send(json.dumps({"publish": {"group": "a", "event": "greeting", "data": "héllo\n"}, "ref": 1}))
            got = [await receive(ws), await receive(ws)]
            message = next(frame for frame in got if "data" in frame)
            answer = next(frame for frame in got if "published" in frame)
            assert answer == {"published": True, "id": message["id"], "ref": 1}, answer
            assert (message["group"], message["event"], message["data"]) == ("a", "greeting", "héllo\n"), message
            assert await ask(ws, {"unsubscribe": "s1"}) == {"unsubscribed": "s1"}
        assert ws.close_code == 1000


@test
async def frames_of_every_kind_are_taken(binary, folder):
    with Started(binary, folder) as server:
        async with socket(server, max_size=None) as ws:
            # In parts, one of them empty.
            await ws.send(['{"pi', "", 'ng":', "1}"])
            assert await receive(ws) == {"pong": 1}
            await asyncio.wait_for(await ws.ping(b"x" * 125), PATIENCE)
            for size in (0, 125, 126, 65_535, 65_536, 1 << 20):
                text = "ü" * (size // 2)
                answer = await ask(ws, {"publish": {"group": "g", "data": text}})
                assert answer["published"], answer
            answer = await ask(ws, {"subscribe": {"name": "all", "groups": ["g"], "since": "all"}})
            sizes = [len((await receive(ws))["data"].encode()) for _ in range(6)]
            assert sizes == [0, 124, 126, 65_534, 65_536, 1 << 20], sizes
            answer = await ask(ws, {"publish": {"group": "g", "data": "x" * ((1 << 20) + 1)}})
            assert answer["error"]["status"] == 413, answer


@test
async def what_no_client_may_send_ends_the_socket(binary, folder):
    with Started(binary, folder, "--max-body-size", "100KiB") as server:
        for send, code in (
            (lambda ws: ws.send(b"binary"), 1003), (lambda ws: ws.send("x" * (200 << 10)), 1009),
            (lambda ws: raw(ws, Opcode.TEXT, b"\xff\xfe"), 1007), (lambda ws: raw(ws, 0x3, b""), 1002),
        ):
            async with socket(server) as ws:
                await send(ws)
                try:
                    await receive(ws)
                    raise AssertionError("The server took it.")
                except ConnectionClosed as closed:
                    assert closed.rcvd and closed.rcvd.code == code, f"{code}: {closed}"


async def raw(ws, opcode, data):
    """A frame that the library itself would not send."""
    mask = b"\x01\x02\x03\x04"
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    ws.transport.write(bytes([0x80 | opcode, 0x80 | len(data)]) + mask + masked)


@test
async def a_slow_socket_loses_nothing(binary, folder):
    with Started(binary, folder) as server:
        async with socket(server, max_queue=1) as slow, socket(server) as fast:
            for ws in (slow, fast):
                await ask(ws, {"subscribe": {"name": "s", "groups": ["g"]}})
            # Far more than buffers hold, while the slow one reads nothing.
            text = "x" * 100_000
            for number in range(300):
                await fast.send(json.dumps({"publish": {"group": "g", "data": f"{number} {text}"}}))
                frames = [await receive(fast), await receive(fast)]
                assert any("published" in frame for frame in frames), frames
            numbers = [int((await receive(slow))["data"].split()[0]) for _ in range(300)]
            assert numbers == list(range(300)), numbers


@test
async def the_end_of_a_server_is_told(binary, folder):
    with Started(binary, folder) as server:
        async with socket(server) as idle, socket(server, "/groups/g/events") as following:
            assert (await receive(following))["subscribed"] == ""
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            for ws in (idle, following):
                await asyncio.wait_for(ws.wait_closed(), PATIENCE)
                assert ws.close_code == 1001 and ws.close_reason.startswith("retry="), (ws.close_code, ws.close_reason)
            await stopping


@test
async def a_token_comes_as_a_subprotocol(binary, folder):
    import hashlib

    keys = folder / "keys.json"
    digest = hashlib.sha256(b"nk_secret").hexdigest()
    keys.write_text(json.dumps({"keys": [{"name": "k", "sha256": digest, "subscribe": ["a.*"]}]}))
    with Started(binary, folder, "--api-keys", str(keys)) as server:
        for protocols, status in ((["notify.v1"], 401), (["notify.v1", "notify.token.nk_other"], 401)):
            try:
                async with socket(server, subprotocols=protocols):
                    raise AssertionError(f"{protocols} were let in.")
            except InvalidStatus as refused:
                assert refused.response.status_code == status
        async with socket(server, subprotocols=["notify.v1", "notify.token.nk_secret"]) as ws:
            assert ws.subprotocol == "notify.v1"
            assert (await ask(ws, {"subscribe": {"name": "s", "groups": ["a.b"]}}))["subscribed"] == "s"
            assert (await ask(ws, {"subscribe": {"name": "t", "groups": ["b"]}}))["error"]["status"] == 403
        assert "nk_secret" not in "".join(server.log)


class Follower:
    """Follows groups over a socket through every end of the server, and remembers what it got."""

    def __init__(self, server, groups):
        self.server, self.groups = server, groups
        self.ids, self.data, self.position, self.resets = [], [], None, []

    async def run(self, is_complete):
        while not is_complete(self):
            try:
                async with socket(self.server, open_timeout=PATIENCE) as ws:
                    subscription = {"name": "s", "groups": self.groups, "since": "all"}
                    if self.position:
                        subscription["last_event_id"] = self.position
                    await ws.send(json.dumps({"subscribe": subscription}))
                    while not is_complete(self):
                        self.take(await receive(ws))
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.02)

    def take(self, frame):
        if "id" in frame:
            self.ids.append(frame["id"])
            self.data.append(frame["data"])
            self.position = frame["id"]
        elif "subscribed" in frame:
            self.position = frame["position"]
        else:
            self.resets.append(frame)


class EventStreamFollower:
    """The same over an event stream, with Python's own HTTP client."""

    def __init__(self, server, groups):
        self.server, self.groups = server, groups
        self.ids, self.position, self.is_over = [], None, False

    def run(self):
        while not self.is_over:
            try:
                connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=1)
                headers = {"Last-Event-ID": self.position} if self.position else {}
                query = "&".join(f"group={group}" for group in self.groups)
                connection.request("GET", f"/events?{query}&since=all", headers=headers)
                self.read(connection.getresponse())
            except (OSError, http.client.HTTPException):
                continue

    def read(self, response):
        id, event = None, "message"
        for line in response:
            line = line.decode().rstrip("\n")
            if line.startswith("id: "):
                id = line[4:]
            elif line.startswith("event: "):
                event = line[7:]
            elif not line and id:
                if not event.startswith("stream-"):
                    self.ids.append(id)
                self.position, id, event = id, None, "message"
            if self.is_over:
                return


async def publish(server, group, count, answered):
    """Publishes without waiting for answers; after an end of the server, again what has no answer."""
    waiting = {str(uuid.uuid4()): f"{group} {number}" for number in range(count)}
    while waiting:
        try:
            async with socket(server, open_timeout=PATIENCE) as ws:
                for key, text in list(waiting.items()):
                    frame = {"publish": {"group": group, "data": text, "idempotency_key": key}, "ref": key}
                    await ws.send(json.dumps(frame))
                while waiting:
                    answer = await receive(ws)
                    if "published" in answer:
                        answered[answer["id"]] = waiting.pop(answer["ref"])
        except (OSError, WebSocketException, TimeoutError):
            await asyncio.sleep(0.02)


@test
async def nothing_is_lost_or_repeated_over_kills_of_the_server(binary, folder):
    """Sockets and an event stream, under publishers, while the server is killed and stopped: one order for all."""
    with Started(binary, folder, "--grace", "1s") as server:
        groups, count, answered = ["a", "b", "c"], 1500, {}
        total = len(groups) * count
        followers = [Follower(server, groups) for _ in range(4)] + [Follower(server, ["a"])]
        stream = EventStreamFollower(server, groups)
        threading.Thread(target=stream.run, daemon=True).start()
        tasks = [
            asyncio.create_task(follower.run(lambda f: len(f.ids) >= len(f.groups) * count)) for follower in followers
        ]
        publishers = [asyncio.create_task(publish(server, group, count, answered)) for group in groups]
        for round in range(6):
            goal = total * (round + 1) // 8
            while len(followers[0].ids) < goal:
                await asyncio.sleep(0.005)
            end = server.stop if round == 3 else server.kill
            await asyncio.to_thread(end)
            await asyncio.to_thread(server.start)
        await asyncio.gather(*publishers)
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
        while len(stream.ids) < total:
            await asyncio.sleep(0.01)
        stream.is_over = True
        assert len(answered) == total, f"{len(answered)} ids for {total} messages"
        order = sorted(answered, key=lambda id: int(id.split("-")[1]))
        for follower in followers:
            expected = [id for id in order if answered[id].split()[0] in follower.groups]
            assert not follower.resets, follower.resets[:3]
            assert follower.ids == expected, f"{len(follower.ids)} of {len(expected)}, in another order or not the same"
            assert follower.data == [answered[id] for id in expected]
        assert stream.ids == order, f"the event stream: {len(stream.ids)} of {len(order)}"


if __name__ == "__main__":
    sys.exit(main(TESTS))
