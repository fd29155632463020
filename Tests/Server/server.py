"""The server under test: started, stopped and killed as an operator would."""

import http.client
import json
import os
import queue
import random
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

PATIENCE = 30  # seconds until a wait for the server counts as failed


def free_port():
    """A port that is free now and lies below those that the kernel gives to outgoing connections: while the server is
    away, nothing else gets its port by chance. Any of them: another script would take the first one as well."""
    for port in random.sample(range(18000, 28000), 1000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("No free port was found between 18000 and 28000.")


class Server:
    """`notify-cli serve` on one port and one database. It can be started again after it was stopped or killed.

    `prefix` goes before the command: a network namespace, a profiler. `environment` is added to this process's own, and the
    server keeps the descriptors `pass_fds`.
    """

    def __init__(
        self, binary: Path, database: Path, allow_origin: str | None = None, *, host="127.0.0.1", options=(), prefix=(),
        environment=None, pass_fds=(),
    ):
        self.binary = binary
        self.database = database
        self.allow_origin = allow_origin
        self.host = host
        self.options = list(options)
        self.prefix = list(prefix)
        self.environment = environment or {}
        self.pass_fds = pass_fds
        self.port = free_port()
        self.process = None
        self.reader = None  # ends when the server has said its last word
        self.log = []

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def start(self):
        """Starts the server and returns when it has printed its address."""
        lines = self.launch()
        while True:
            try:
                line = lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"The server printed no address within {PATIENCE} s.") from None
            if line is None:
                raise AssertionError("The server ended before it printed its address.")
            if match := re.search(rf"https?://{re.escape(self.host)}:(\d+)", line):
                assert int(match[1]) == self.port, f"asked for port {self.port}, the server printed {match[0]}"
                return self

    def launch(self):
        """Starts the server without waiting for anything. Returns the queue of the lines that it prints; None comes
        when there are no more."""
        command = [*self.prefix, self.binary, "serve", "--host", self.host, "--port", str(self.port)]
        command += ["--database", self.database, *self.options]
        if self.allow_origin:
            command += ["--allow-origin", self.allow_origin]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **self.environment}, pass_fds=self.pass_fds,
        )
        lines = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout, lines), daemon=True)
        self.reader.start()
        return lines

    def _read(self, output, lines):
        for line in output:
            self.log.append(line)
            lines.put(line)
        lines.put(None)

    def stop(self):
        """SIGTERM: the server ends its streams and exits with status 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        assert status == 0, f"after SIGTERM the server ended with status {status}"

    def kill(self):
        """SIGKILL: the server has no time for anything."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def end(self):
        """Ends the server however it is, for tidying up."""
        if self.process and self.process.poll() is None:
            self.kill()

    def publish(self, text, event="greeting", group="my-group"):
        """Publishes a message and returns its id."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        body = json.dumps({"event": event, "data": text})
        connection.request("POST", f"/groups/{group}/messages", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read().decode()
        connection.close()
        assert response.status == 201, f"publish answered {response.status}: {answer}"
        return json.loads(answer)["id"]
