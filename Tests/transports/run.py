"""Every transport at once, over kills of the server under load: nothing lost, nothing twice, one order.

    run.py [PATH-OF-NOTIFY-CLI]       default: NOTIFY_CLI, else the debug build; the browser: CHROMIUM, else Debian's

Publishers (HTTP, batches, a socket) and followers (event streams, curl, NDJSON, long polls, WebSockets, and Chromium's
EventSource, WebSocket and fetch) go on while the server is killed and stopped. Then one checker compares them all with
the history and with what was acknowledged. ROUNDS and MESSAGES in the environment make it longer.
"""

import asyncio
import functools
import http.client
import http.server
import json
import os
import shutil
import sys
import threading
import uuid
from pathlib import Path

from playwright.async_api import async_playwright
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from followers import AGAIN, Curl, EventStream, Lines, LongPoll, Socket, UpgradedSocket

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Server"))
from runner import main  # noqa: E402
from server import PATIENCE, Server  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", 6))
MESSAGES = int(os.environ.get("MESSAGES", 1000))  # of each publisher
GROUPS = ["shop.orders", "shop.stock", "shop.prices"]
END = "the end"


class Published:
    """What the publishers sent, and what they were told of it."""

    def __init__(self):
        self.acknowledged = {}  # id: data
        self.unanswered = set()  # sent without a key, and no answer came: stored or not
        self.is_over = False

    def wait(self):
        """Until the next try. A failed test must not wait for a server that is gone."""
        assert not self.is_over
        threading.Event().wait(AGAIN)

    def took(self, id, data):
        assert self.acknowledged.setdefault(id, data) == data, f"{id} was given to two messages"


def post(server, path, body, headers):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def publish_one_by_one(server, group, published):
    """POST with an idempotency key, again until it is answered."""
    for number in range(MESSAGES):
        data, key = f"{group} {number}", str(uuid.uuid4())
        while True:
            try:
                status, answer = post(server, f"/groups/{group}/messages", data.encode(), {"Idempotency-Key": key})
            except (OSError, http.client.HTTPException):
                published.wait()
                continue
            if status in (200, 201):
                break
            assert status == 503, (status, answer)
        published.took(answer["id"], data)


def publish_batches(server, group, published):
    """Batches of ten, without a key: where no answer comes, all ten are there or none."""
    for first in range(0, MESSAGES, 10):
        texts = [f"{group} {number}" for number in range(first, first + 10)]
        body = "".join(json.dumps({"group": group, "data": text}) + "\n" for text in texts).encode()
        try:
            status, answer = post(server, "/messages", body, {"Content-Type": "application/x-ndjson"})
        except (OSError, http.client.HTTPException):
            published.unanswered.update(texts)
            published.wait()
            continue
        if status != 201:
            assert status == 503, (status, answer)
            continue
        for id, text in zip(answer["ids"], texts, strict=True):
            published.took(id, text)


async def publish_over_a_socket(server, group, published):
    """At most a hundred without an answer; after an end of the server, again what has none."""
    left = [(str(uuid.uuid4()), f"{group} {number}") for number in range(MESSAGES)]
    while left:
        waiting = dict(left[:100])
        try:
            async with connect(server.url.replace("http", "ws", 1) + "/socket") as socket:
                for key, text in waiting.items():
                    frame = {"publish": {"group": group, "data": text, "idempotency_key": key}, "ref": key}
                    await socket.send(json.dumps(frame))
                while waiting:
                    answer = json.loads(await socket.recv())
                    if "published" in answer:
                        published.took(answer["id"], waiting.pop(answer["ref"]))
        except (OSError, WebSocketException, TimeoutError):
            await asyncio.sleep(AGAIN)
        left = list(waiting.items()) + left[100:]


class Browser:
    """A page of another site in Chromium, which follows over all that a browser has."""

    async def open(self, playwright, server, page_origin):
        names = ("chromium", "chromium-browser", "google-chrome")
        path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
        assert path, "No browser was found. Install chromium, or set CHROMIUM to the path of one."
        self.browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        self.page = await self.browser.new_page()
        await self.page.goto(page_origin)
        stream = f"{server.url}/events?match=shop.*&since=all"
        await self.page.evaluate("url => followEventSource(url)", stream)
        await self.page.evaluate("url => void followFetch(url)", stream)
        await self.page.evaluate(
            "([url, topics]) => followWebSocket(url, topics)",
            [server.url.replace("http", "ws", 1) + "/socket", {"groups": GROUPS}],
        )

    async def counts(self):
        return await self.page.evaluate("Object.values(seen).map(messages => messages.length)")

    async def is_complete(self):
        return await self.page.evaluate("end => Object.values(seen).every(list => list.at(-1)?.[1] === end)", END)


def check(name, seen, resets, opens, history, ends):
    """Compares one follower with the history."""
    assert not resets, f"{name}: {resets[:3]}"
    ids = [id for id, _ in seen]
    twice = len(ids) - len(set(ids))
    missing = [id for id, _ in history if id not in set(ids)]
    if twice:
        known = set()
        first = next(n for n, id in enumerate(ids) if id in known or known.add(id))
        twice = f"{twice} (from number {first} on: {ids[max(0, first - 3):first + 3]})"
    assert not twice and not missing, f"{name}: {twice} came twice, {len(missing)} are missing, first {missing[:3]}"
    assert [tuple(message) for message in seen] == history, f"{name}: another order, or other data"
    assert opens > ends, f"{name} was connected {opens} times over {ends} ends of the server: it has proved nothing"
    print(f"        {name}: {len(ids)} messages over {opens} connections", flush=True)


def read_history(server):
    """Everything that is stored, page by page."""
    history, after = [], "since=all"
    while True:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        connection.request("GET", f"/messages?match=shop.*&limit=1000&{after}")
        page = json.loads(connection.getresponse().read())
        connection.close()
        history += [(message["id"], message["data"]) for message in page["messages"]]
        if not page["has_more"]:
            return history
        after = f"after={history[-1][0]}"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


async def follow_everything(binary, folder):
    handler = functools.partial(QuietHandler, directory=HERE / "page")
    pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{pages.server_port}"
    options = ["--no-chat", "--grace", "1s", "--retry", "100ms"]
    server = Server(binary, folder / "notify.sqlite", allow_origin=origin, options=options).start()
    published = Published()
    try:
        async with async_playwright() as playwright:
            await run_rounds(server, playwright, origin, published)
    except BaseException:
        published.is_over = True
        print("".join(f"        server: {line}" for line in server.log[-20:]), end="", flush=True)
        raise
    finally:
        server.end()
        pages.shutdown()


async def run_rounds(server, playwright, origin, published):
    names, pattern = [("group", name) for name in GROUPS], [("match", "shop.*")]
    mixed = [("group", GROUPS[0]), ("match", "shop.[ps]*")]
    followers = [
        kind(server, topics, END)
        for kind in (EventStream, Curl, Lines, LongPoll, Socket, UpgradedSocket)
        for topics in ((names, pattern, mixed) if kind is EventStream else (names, pattern))
    ]
    browser = Browser()
    await browser.open(playwright, server, origin)
    for follower in followers:
        follower.start()
    publishers = [
        asyncio.create_task(asyncio.to_thread(publish_one_by_one, server, GROUPS[0], published)),
        asyncio.create_task(asyncio.to_thread(publish_batches, server, GROUPS[1], published)),
        asyncio.create_task(publish_over_a_socket(server, GROUPS[2], published)),
    ]
    stop_in = ROUNDS // 2
    for round in range(ROUNDS):
        # By what was acknowledged, so that the ends meet the publishers at work; and everybody has come back before.
        goal = len(GROUPS) * MESSAGES * (round + 1) // (ROUNDS + 2)
        while len(published.acknowledged) < goal and not all(task.done() for task in publishers):
            await asyncio.sleep(0.002)
        for task in publishers:
            if task.done():
                task.result()
        while not all(follower.opens > round for follower in followers):
            errors = [follower.error for follower in followers if follower.error]
            assert not errors, errors
            await asyncio.sleep(0.01)
        await browser.page.wait_for_function("n => Object.values(opens).every(count => count > n)", arg=round)
        await asyncio.to_thread(server.stop if round == stop_in else server.kill)
        await asyncio.to_thread(server.start)
    await asyncio.gather(*publishers)
    published.took(await asyncio.to_thread(server.publish, END, "message", GROUPS[0]), END)
    while not (all(follower.is_complete for follower in followers) and await browser.is_complete()):
        errors = [follower.error for follower in followers if follower.error]
        assert not errors, errors
        await asyncio.sleep(0.05)

    history = await asyncio.to_thread(read_history, server)
    texts = [text for _, text in history]
    numbers = [int(id.split("-")[1]) for id, _ in history]
    assert numbers == sorted(set(numbers)), "the history is not in the order of its ids"
    assert len(set(texts)) == len(texts), "a message is stored twice"
    missing = set(published.acknowledged.items()) - set(history)
    assert not missing, f"{len(missing)} acknowledged messages are not stored: {sorted(missing)[:3]}"
    unexpected = set(texts) - set(published.acknowledged.values()) - published.unanswered
    assert not unexpected, f"{len(unexpected)} messages that nobody sent: {sorted(unexpected)[:3]}"
    for follower in followers:
        check(follower.name, follower.seen, follower.resets, follower.opens, history, ROUNDS)
    resets, opens = await browser.page.evaluate("[resets, opens]")
    for name, seen in (await browser.page.evaluate("seen")).items():
        check(f"Chromium's {name}", seen, resets, opens[name], history, ROUNDS)
    await browser.browser.close()


def every_transport_gets_everything_once_and_in_order_over_kills(binary, folder):
    asyncio.run(asyncio.wait_for(follow_everything(binary, folder), 10 * PATIENCE))


if __name__ == "__main__":
    sys.exit(main([every_transport_gets_everything_once_and_in_order_over_kills]))
