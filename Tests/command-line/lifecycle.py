"""How the server begins, restarts and ends under a service manager.

    lifecycle.py [PATH-OF-NOTIFY-CLI]       default: NOTIFY_CLI, else the debug build

This script stands for systemd: it holds the listening socket, hands it over, and is told of each step. Needs Python's
standard library only; units are checked where `systemd-analyze` is there.
"""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "Server"))
from runner import main  # noqa: E402
from server import PATIENCE, Server  # noqa: E402

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def activated(binary, database, listener, *, count=1, **more):
    """A server that gets the socket as descriptor 3, as sd_listen_fds(3) describes it. Its --port says something else."""
    script = f'exec 3<&{listener.fileno()}; LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES=http exec "$0" "$@"'
    server = Server(
        binary, database, prefix=["bash", "-c", script], pass_fds=[listener.fileno()], options=["--grace", "2s"], **more
    )
    server.launch_port, server.port = server.port, listener.getsockname()[1]
    return server


def listen(host="127.0.0.1"):
    listener = socket.socket()
    listener.bind((host, 0))
    listener.listen(4096)
    return listener


class Clients:
    """Clients that connect again and again, and ask once on each connection. All but 200 is a failure."""

    def __init__(self, port, count):
        self.port = port
        self.answers = 0
        self.failures = []
        self.lock = threading.Lock()
        self.stopping = False
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _ask(self):
        while not self.stopping:
            try:
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                    client.sendall(b"GET /groups/my-group HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    answer = b""
                    while part := client.recv(65536):
                        answer += part
                outcome = None if answer.startswith(b"HTTP/1.1 200 ") else f"answered {answer[:80]!r}"
            except OSError as error:
                outcome = repr(error)
            with self.lock:
                if outcome is None:
                    self.answers += 1
                else:
                    self.failures.append(outcome)

    def wait_for(self, more):
        wanted = self.answers + more
        end = time.monotonic() + PATIENCE
        while self.answers < wanted and not self.failures:
            assert time.monotonic() < end, f"{self.answers} of {wanted} answers"
            time.sleep(0.01)

    def end(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(PATIENCE)
        assert not self.failures, f"{len(self.failures)} of {self.answers} refused: {self.failures[:5]}"


@test
def a_restart_with_a_socket_that_is_handed_over_refuses_nobody(binary, folder):
    with listen() as listener:
        servers = [activated(binary, folder / "notify.sqlite", listener) for _ in range(2)]
        servers[0].start()
        clients = Clients(servers[0].port, 16)
        try:
            for round in range(5):
                old, new = servers[round % 2], servers[(round + 1) % 2]
                clients.wait_for(200)
                old.stop()
                new.start()
            clients.wait_for(200)
            clients.end()
        finally:
            clients.stopping = True
            for server in servers:
                server.end()


@test
def a_server_that_is_handed_a_socket_does_not_bind_its_port(binary, folder):
    with listen() as listener:
        server = activated(binary, folder / "notify.sqlite", listener).start()
        try:
            server.publish("hello")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", server.launch_port))
        finally:
            server.end()


@test
def a_socket_for_other_machines_needs_what_a_host_for_them_needs(binary, folder):
    with listen("0.0.0.0") as listener:
        server = activated(binary, folder / "notify.sqlite", listener)
        server.launch()
        assert server.process.wait(PATIENCE) == 64
        server.reader.join(PATIENCE)
        assert "--insecure" in "".join(server.log), server.log
    with socket.socket() as deaf:
        server = activated(binary, folder / "notify.sqlite", deaf)
        server.launch()
        assert server.process.wait(PATIENCE) == 1
        server.reader.join(PATIENCE)
        assert "ListenStream=" in "".join(server.log), server.log
    assert not (folder / "notify.sqlite").exists(), "a refused start leaves no database behind"


@test
def the_service_manager_is_told_of_each_step(binary, folder):
    for name in (str(folder / "socket"), "@notify-test-" + folder.name):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(name.replace("@", "\0") if name[0] == "@" else name)
            manager.settimeout(PATIENCE)
            server = Server(binary, folder / "notify.sqlite", environment={"NOTIFY_SOCKET": name}).start()
            try:
                assert manager.recv(4096).decode().startswith("READY=1\n")
                server.publish("is answered once it is ready")
                before = time.monotonic_ns() // 1000
                server.process.send_signal(signal.SIGHUP)
                reload = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", manager.recv(4096).decode())
                assert before <= int(reload[1]) <= time.monotonic_ns() // 1000
                assert manager.recv(4096).decode().startswith("READY=1\n")
                server.stop()
                assert manager.recv(4096).decode().startswith("STOPPING=1\n")
            finally:
                server.end()


@test
def a_second_signal_ends_the_server_at_once(binary, folder):
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)):
        server = Server(binary, folder / "notify.sqlite", options=["--grace", "10m", "--body-timeout", "10m"]).start()
        try:
            sent = server.publish("stored")
            with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
                # A publish under way holds up the first stop.
                client.sendall(
                    b"POST /groups/my-group/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                    b"Content-Length: 2\r\n\r\n"
                )
                assert client.recv(4096).startswith(b"HTTP/1.1 100 ")
                server.process.send_signal(first)
                time.sleep(1)
                assert server.process.poll() is None, "the first signal waits for what is under way"
                server.process.send_signal(second)
                assert server.process.wait(PATIENCE) == -second
            server.start()
            assert server.publish("goes on") > sent
            server.stop()
        finally:
            server.end()


def ask(server, path, token):
    """The status of a GET."""
    request = urllib.request.Request(server.url + path, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def wait_for_words(server, *words):
    """Waits until the server has said each of these."""
    deadline = time.monotonic() + PATIENCE
    while not all(any(word in line for line in server.log) for word in words):
        assert time.monotonic() < deadline, (words, server.log)
        time.sleep(0.01)


@test
def sighup_reads_keys_and_settings_again_and_names_what_needs_a_restart(binary, folder):
    settings, keys = folder / "notify.yaml", folder / "keys.json"

    def key(command, *arguments):
        line = [binary, "key", command, "--api-keys", keys, *arguments]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()

    first = key("create", "--name", "first", "--subscribe", "*")
    settings.write_text("heartbeat: 15s\n")
    server = Server(
        binary, folder / "notify.sqlite", options=["--config", str(settings), "--api-keys", str(keys)]
    ).start()
    try:
        assert ask(server, "/groups/a", first) == 200
        stream = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        stream.request("GET", "/groups/a/events", headers={"Authorization": f"Bearer {first}"})
        answer = stream.getresponse()
        assert answer.status == 200
        key("remove", "--name", "first")
        second = key("create", "--name", "second", "--subscribe", "*")
        settings.write_text("heartbeat: 20s\nlog-level: info\nretain: '*=1d'\nallow-origin: [https://example.org]\n")
        server.process.send_signal(signal.SIGHUP)
        wait_for_words(
            server, "keys and certificates were read again", "settings=--allow-origin --log-level --retain",
            "settings=--heartbeat",
        )
        assert b"retry:" in answer.read(), "the stream of a key that is gone ends as at a stop"
        assert (ask(server, "/groups/a", first), ask(server, "/groups/a", second)) == (401, 200)
        request = urllib.request.Request(server.url + "/healthz", headers={"Origin": "https://example.org"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as page:
            assert page.headers["Access-Control-Allow-Origin"] == "https://example.org"
        # What cannot be used changes nothing.
        keys.write_text("{")
        settings.write_text("heartbeat: soon\n")
        server.process.send_signal(signal.SIGHUP)
        wait_for_words(server, "keys or certificates cannot be used", "the settings cannot be used")
        assert ask(server, "/groups/a", second) == 200
        server.stop()
    finally:
        server.end()


@test
def keys_that_are_made_at_the_same_time_are_all_kept(binary, folder):
    keys = folder / "keys.json"

    def create(name):
        line = [binary, "key", "create", "--api-keys", keys, "--name", name, "--admin"]
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    made = [create(f"key {number}") for number in range(12)] + [create("key 0")]
    results = [process.communicate(timeout=PATIENCE) + (process.returncode,) for process in made]
    refused = [errors for _, errors, status in results if status]
    assert len(refused) == 1 and "There is a key 'key 0' already" in refused[0], refused
    names = [entry["name"] for entry in json.loads(keys.read_text())["keys"]]
    assert sorted(names) == sorted(f"key {number}" for number in range(12)), names
    assert sorted(path.name for path in folder.iterdir()) == ["keys.json"]
    assert keys.stat().st_mode & 0o777 == 0o600


@test
def the_units_are_in_order(binary, folder):
    if not shutil.which("systemd-analyze"):
        print("        skipped: there is no systemd-analyze")
        return
    for name in ("notify.service", "notify.socket"):
        text = (ROOT / "docs" / "operations" / name).read_text()
        (folder / name).write_text(text.replace("/usr/bin/notify-cli", str(binary.resolve())))
    units = [str(folder / "notify.service"), str(folder / "notify.socket")]
    verify = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    complaints = [line for line in verify.stderr.splitlines() if "notify." in line]
    assert verify.returncode == 0 and not complaints, verify.stderr
    security = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", units[0]],
        capture_output=True, text=True,
    )
    assert security.returncode == 0, f"the unit is exposed more than 2.0: {security.stdout[-2000:]}{security.stderr}"


if __name__ == "__main__":
    sys.exit(main(TESTS))
