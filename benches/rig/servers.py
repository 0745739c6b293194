"""The three servers: the static registry, nginx as the peer, Landfall."""

import base64
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from . import nginx_conf, procfs
from .content import Image

READY_SECONDS_MAX = 20
STOP_SECONDS_MAX = 15
# As many as the listener of Landfall allows; the kernel caps it at net.core.somaxconn.
BACKLOG = 4096
UNTRACKED = ("landfall_log_late_total", "landfall_log_lost_total", "landfall_log_left_out_total")


class RigError(Exception):
    """The rig itself does not work; the text says what to do."""


@dataclass(frozen=True)
class User:
    name: str
    secret: str


class Server:
    """One running server process and the address it listens on."""

    def __init__(self, name: str, command: list[str], log: Path, **popen):
        self.name, self.log = name, log
        with log.open("wb") as sink:
            self.process = subprocess.Popen(command, stderr=sink, stdin=subprocess.DEVNULL, **popen)
        self.address = ""
        self.user: User | None = None
        self.tls = False
        self.admin, self.admin_token = "", ""

    def renew_user(self) -> None:
        """Pulls with a token of its own from now on: what one token may write within minutes is bounded, and a measurement
        is to be written whole."""
        if self.admin:
            path = f"{self.admin}/api/v1/environments/production/tokens"
            made = _post(path, self.admin_token, {"name": "bench", "kind": "cluster"})
            self.user = User(made["username"], made["secret"])

    def pids(self) -> list[int]:
        return procfs.tree(self.process.pid)

    def untracked(self) -> int:
        """Answers that did not wait for their observation to be durable, lost it or left it out; only Landfall counts them."""
        if not self.admin:
            return 0
        with urllib.request.urlopen(f"{self.admin}/metrics", timeout=10) as answer:
            lines = [line.split() for line in answer.read().decode().splitlines()]
        counts = [float(words[1]) for words in lines if words[0] in UNTRACKED]
        if len(counts) != len(UNTRACKED):
            raise RigError(f"{self.admin}/metrics lacks one of {', '.join(UNTRACKED)}")
        return int(sum(counts))

    def require_alive(self) -> None:
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RigError(f"{self.name} ended with {self.process.returncode}:\n{tail}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_listening(server: Server, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        server.require_alive()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RigError(f"{server.name} does not listen on port {port} after {READY_SECONDS_MAX} s; see {server.log}")


def _nginx(name: str, directory: Path, conf: str, port: int) -> Server:
    directory.mkdir()
    path = directory / "nginx.conf"
    path.write_text(conf)
    command = ["nginx", "-p", str(directory), "-e", str(directory / "error.log"), "-c", str(path)]
    server = Server(name, command, directory / "stderr.log")
    try:
        _await_listening(server, port)
    except BaseException:
        server.stop()
        raise
    server.address = f"127.0.0.1:{port}"
    return server


def registry(directory: Path, image: Image) -> Server:
    """nginx with sendfile over the image's files: a registry that costs next to nothing."""
    port = free_port()
    return _nginx("registry", directory, nginx_conf.registry(directory, port, image, BACKLOG), port)


def nginx(directory: Path, upstream: str, user: User, certificate: Path | None) -> Server:
    """nginx as people would put it in front of a registry, tuned for it, with the same user and secret."""
    port = free_port()
    passwords = directory.with_suffix(".htpasswd")
    # One hash for each request, as Landfall has; htpasswd's usual bcrypt or apr1 would cost nginx milliseconds.
    hashed = base64.b64encode(hashlib.sha1(user.secret.encode()).digest()).decode()
    passwords.write_text(f"{user.name}:{{SHA}}{hashed}\n")
    conf = nginx_conf.proxy(directory, port, upstream, passwords, certificate, BACKLOG)
    server = _nginx("nginx", directory, conf, port)
    server.user, server.tls = user, certificate is not None
    return server


def made_up_user() -> User:
    return User("landfall", secrets.token_urlsafe(32))


def landfall(
    binary: Path, directory: Path, upstream: str, certificate: Path | None, flags: list[str]
) -> Server:
    """`landfall serve` with an environment and a cluster token made through its admin API."""
    data = directory / "data"
    data.mkdir(parents=True)
    command = [str(binary), "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    command += ["--upstream", f"http://{upstream}", "--data", str(data), *flags]
    if certificate:
        command += ["--tls-cert", str(certificate), "--tls-key", str(certificate.with_suffix(".key"))]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LANDFALL_")}
    log = directory / "stderr.log"
    server = Server("landfall", command, log, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        ready = _ready_line(server)
        server.address = ready["proxy"].partition("://")[2]
        server.admin = ready["admin"]
        token = (data / "admin.token").read_text().strip()
        server.admin_token = token
        _post(f"{server.admin}/api/v1/environments", token, {"name": "production"})
        server.renew_user()
    except BaseException:
        server.stop()
        raise
    server.tls = certificate is not None
    return server


def _ready_line(server: Server) -> dict[str, str]:
    # The line comes when both listeners accept, or the process ends and the pipe with it.
    line = server.process.stdout.readline().split()
    if not line or line[0] != "ready":
        server.process.wait(READY_SECONDS_MAX)
        server.require_alive()
        raise RigError(f"landfall's first line is not its ready line: {' '.join(line)!r}")
    return dict(word.partition("=")[::2] for word in line[1:])


def _post(url: str, token: str, body: dict) -> dict:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def certificate(directory: Path) -> Path:
    """A self-signed P-256 certificate for 127.0.0.1; its key lies beside it as `.key`."""
    path = directory / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path
