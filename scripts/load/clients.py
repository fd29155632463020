"""Many HTTP connections in one thread: event streams that check what they are sent, and publishers.

Written without any library, and from the description of the protocol alone, so that the scripts share no mistake with
the server.
"""

import collections
import errno
import heapq
import itertools
import json
import select
import socket
import struct
import time

IP_BIND_ADDRESS_NO_PORT = 24
READ_SIZE = 1 << 18


class Loop:
    """Waits for sockets and for times."""

    def __init__(self):
        self._epoll = select.epoll()
        self._members = {}
        self._timers = []
        self._order = itertools.count()
        self._sources = itertools.count()
        # One for all connections: what it holds is taken over before the next read.
        self.buffer = memoryview(bytearray(READ_SIZE))

    def later(self, seconds, action):
        self.at(time.monotonic() + seconds, action)

    def at(self, when, action):
        heapq.heappush(self._timers, (when, next(self._order), action))

    def turn(self, longest=0.1):
        now = time.monotonic()
        if self._timers:
            longest = max(0, min(longest, self._timers[0][0] - now))
        for number, mask in self._epoll.poll(longest, 1024):
            member = self._members.get(number)
            if member is not None:
                member.ready(mask)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def run_until(self, condition, seconds):
        """Returns whether the condition came true in time."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= end:
                return False
            self.turn()
        return True

    def run_for(self, seconds):
        self.run_until(lambda: False, seconds)

    def next_source(self):
        """Local addresses in turn, since one has too few ports for all connections."""
        return f"127.0.0.{2 + next(self._sources) % 200}"

    def watch(self, member, mask):
        number = member.socket.fileno()
        if number in self._members:
            self._epoll.modify(number, mask)
        else:
            self._members[number] = member
            self._epoll.register(number, mask)

    def forget(self, member):
        number = member.socket.fileno()
        if self._members.pop(number, None) is not None:
            self._epoll.unregister(number)


class Connection:
    """A connection to the server that neither waits nor blocks. Subclasses say what to do with it."""

    def __init__(self, loop, server, receive_buffer=None):
        self.loop = loop
        self.server = server
        self.is_open = True
        self.is_connected = False
        self.is_reading = True
        self._outgoing = b""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if server.host == "127.0.0.1":
            self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            self.socket.bind((loop.next_source(), 0))
        code = self.socket.connect_ex(server.address)
        if code not in (0, errno.EINPROGRESS):
            # Reported in the loop's next turn, as every other failure is.
            loop.later(0, lambda: self._end(OSError(code, "connect")))
        else:
            self._watch()

    def connected(self): ...
    def received(self, data): ...  # A view that holds until the next read
    def ended(self, error): ...

    def send(self, data):
        self._outgoing += data
        if self.is_connected:
            self._write()

    def read(self, is_reading):
        """Stops or goes on reading."""
        self.is_reading = is_reading
        if self.is_open:
            self._watch()

    def read_some(self, size):
        """Reads a little, while reading is stopped."""
        if self.is_open and self.is_connected:
            self._read(size)

    def close(self, reset=False):
        """Without a word to the subclass. With `reset` the peer gets an RST, also for what it has sent already."""
        if not self.is_open:
            return
        self.is_open = False
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.loop.forget(self)
        self.socket.close()

    def ready(self, mask):
        if not self.is_connected:
            code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                return self._end(OSError(code, "connect"))
            self.is_connected = True
            self.connected()
            if self.is_open:
                self._write()
            return
        if mask & select.EPOLLOUT:
            self._write()
        if self.is_open and mask & ~select.EPOLLOUT:
            # What came before an error or a hang-up can still be read.
            self._read(READ_SIZE)

    def _read(self, size):
        try:
            count = self.socket.recv_into(self.loop.buffer, size)
        except BlockingIOError:
            return
        except OSError as error:
            return self._end(error)
        if count:
            self.received(self.loop.buffer[:count])
        else:
            self._end(None)

    def _write(self):
        try:
            while self._outgoing:
                self._outgoing = self._outgoing[self.socket.send(self._outgoing):]
        except BlockingIOError:
            pass
        except OSError as error:
            return self._end(error)
        self._watch()

    def _watch(self):
        mask = select.EPOLLIN if self.is_reading else 0
        if self._outgoing or not self.is_connected:
            mask |= select.EPOLLOUT
        self.loop.watch(self, mask)

    def _end(self, error):
        if self.is_open:
            self.close()
            self.ended(error)


class ProtocolError(RuntimeError):
    """The server sent what it must not."""


class EventParser:
    """Takes the bytes of a response, in any pieces, and gives its events as (id, name, data)."""

    def __init__(self):
        self.is_begun = False
        self.is_complete = False
        self._raw = bytearray()
        self._chunk_left = None
        self._body = bytearray()
        self._searched = 0

    def feed(self, data):
        self._raw += data
        if not self.is_begun and not self._take_head():
            return []
        self._take_chunks()
        return self._take_events()

    def _take_head(self):
        end = self._raw.find(b"\r\n\r\n")
        if end < 0:
            return False
        status, *fields = bytes(self._raw[:end]).lower().split(b"\r\n")
        if b" 200 " not in status:
            raise ProtocolError(f"the stream was answered {status.decode()}")
        for field in (b"content-type: text/event-stream", b"transfer-encoding: chunked"):
            if not any(line.startswith(field) for line in fields):
                raise ProtocolError(f"no {field.decode()}")
        del self._raw[:end + 4]
        self.is_begun = True
        return True

    def _take_chunks(self):
        raw = self._raw
        at = 0
        while not self.is_complete:
            if self._chunk_left is None:
                end = raw.find(b"\r\n", at)
                if end < 0:
                    break
                self._chunk_left = int(raw[at:end], 16)
                at = end + 2
            available = len(raw) - at
            if available < self._chunk_left:
                self._body += raw[at:]
                self._chunk_left -= available
                at = len(raw)
                break
            if available < self._chunk_left + 2:
                break
            self.is_complete = self._chunk_left == 0
            self._body += raw[at:at + self._chunk_left]
            at += self._chunk_left
            if raw[at:at + 2] != b"\r\n":
                raise ProtocolError("a chunk does not end where it should")
            at += 2
            self._chunk_left = None
        del raw[:at]

    def _take_events(self):
        body = self._body
        events = []
        start = 0
        search = self._searched
        while (end := body.find(b"\n\n", search)) >= 0:
            event = self._event(bytes(body[start:end]))
            if event:
                events.append(event)
            start = search = end + 2
        if start:
            del body[:start]
        self._searched = max(0, len(body) - 1)
        return events

    @staticmethod
    def _event(block):
        identifier = None
        name = "message"
        data = []
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            if value.startswith(b" "):
                value = value[1:]
            if field == b"data":
                data.append(value)
            elif field == b"id":
                identifier = value.decode()
            elif field == b"event":
                name = value.decode()
            elif field not in (b"", b"retry"):
                raise ProtocolError(f"a field {field[:40]!r}")
        return (identifier, name, b"\n".join(data)) if data else None


class Stream(Connection):
    """One event stream. Calls `on_event(stream, id, name, data)`, and `on_end(stream, error)` when it ends."""

    def __init__(self, loop, server, path, on_event, on_end=None, last_event_id=None, receive_buffer=None, token=None):
        self.path = path
        self.token = token
        self.parser = EventParser()
        self.on_event = on_event
        self.on_end = on_end
        self.last_event_id = last_event_id
        super().__init__(loop, server, receive_buffer)

    def connected(self):
        resume = f"Last-Event-ID: {self.last_event_id}\r\n" if self.last_event_id else ""
        token = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        self.send(f"GET {self.path} HTTP/1.1\r\nHost: {self.server.authority}\r\n{token}{resume}\r\n".encode())

    def received(self, data):
        for event in self.parser.feed(data):
            self.on_event(self, *event)
            if not self.is_open:
                return
        if self.parser.is_complete:
            self._end(None)

    def ended(self, error):
        if self.on_end:
            self.on_end(self, error)


class SocketStream(Connection):
    """A WebSocket in a stream's clothes: opened by the address of an event stream, and told of in the same way."""

    def __init__(self, loop, server, path, on_event, on_end=None, receive_buffer=None):
        self.path, self.on_event, self.on_end = path, on_event, on_end
        self._raw = bytearray()
        self._is_begun = False
        super().__init__(loop, server, receive_buffer)

    def connected(self):
        self.send(
            f"GET {self.path} HTTP/1.1\r\nHost: {self.server.authority}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )

    def received(self, data):
        self._raw += data
        if not self._is_begun:
            head, found, rest = bytes(self._raw).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise ProtocolError(f"the socket was answered {head[:100]!r}")
            self._raw, self._is_begun = bytearray(rest), True
        at = 0
        while (frame := self._frame(at)) and self.is_open:
            opcode, payload, at = frame
            if opcode == 1:
                self._told(json.loads(payload))
            elif opcode == 8:
                return self._end(None)
        del self._raw[:at]

    def _frame(self, at):
        """The frame at a place, and where it ends; None where it is not complete. The server's are whole and not masked."""
        raw = self._raw
        if len(raw) < at + 2:
            return None
        size, head = raw[at + 1], 2
        if size >= 126:
            width = 2 if size == 126 else 8
            head += width
            if len(raw) < at + head:
                return None
            size = int.from_bytes(raw[at + 2:at + head], "big")
        end = at + head + size
        return (raw[at] & 15, bytes(raw[at + head:end]), end) if len(raw) >= end else None

    def _told(self, frame):
        if "subscribed" in frame:
            self.on_event(self, frame["position"], "stream-open", b"")
        elif "reset" in frame:
            self.on_event(self, frame["position"], "stream-reset", b"")
        else:
            self.on_event(self, frame["id"], frame["event"], frame["data"].encode())

    def ended(self, error):
        if self.on_end:
            self.on_end(self, error)


class Publisher:
    """Sends one request after the other, mostly publishes, over one connection, which it opens anew when it breaks."""

    class Link(Connection):
        def __init__(self, publisher):
            self.publisher = publisher
            self.response = b""
            super().__init__(publisher.loop, publisher.server)

        def received(self, data):
            self.response += data
            head, found, body = self.response.partition(b"\r\n\r\n")
            if not found:
                return
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            if len(body) < length:
                return
            self.response = b""
            status = int(head.split(b" ", 2)[1])
            self.publisher.answered(status, json.loads(body) if body else {})

        def ended(self, error):
            self.publisher.lost()

    def __init__(self, loop, server, token=None):
        self.loop = loop
        self.server = server
        self.token = token
        self.link = None
        self.waiting = collections.deque()
        self.in_flight = None
        self.paused_until = 0
        self.is_closed = False

    @property
    def is_idle(self):
        return self.in_flight is None and not self.waiting

    def publish(self, group, data, on_answer=None, persist=True, key=None):
        """`on_answer(status, answer)`; the status is None where the connection broke before the answer."""
        query = "" if persist else "?persist=false"
        self.request("POST", f"/groups/{group}/messages{query}", on_answer, data, key=key)

    def request(self, method, path, on_answer=None, body=b"", content_type="text/plain", key=None):
        key = f"Idempotency-Key: {key}\r\n" if key else ""
        key += f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.server.authority}\r\n{key}"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.waiting.append((head.encode() + body, on_answer))
        self._next()

    def _next(self):
        if self.in_flight is not None or not self.waiting or self.is_closed:
            return
        pause = self.paused_until - time.monotonic()
        if pause > 0:
            return self.loop.later(pause, self._next)
        if self.link is None:
            self.link = Publisher.Link(self)
        request, on_answer = self.waiting.popleft()
        self.in_flight = on_answer or (lambda *_: None)
        self.link.send(request)

    def answered(self, status, answer):
        on_answer, self.in_flight = self.in_flight, None
        on_answer(status, answer)
        self._next()

    def lost(self):
        self.link = None
        self.paused_until = time.monotonic() + 0.2
        if self.in_flight is not None:
            self.answered(None, {})

    def close(self):
        self.is_closed = True
        if self.link is not None:
            self.link.close()
            self.link = None
