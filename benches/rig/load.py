"""Runs the load client (benches/load) and reads its JSON."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from .content import MANIFEST_TYPE
from .servers import RigError, Server

# Far above what any measurement takes; a client that hangs must not hang the script.
CLIENT_SECONDS_MAX = 120


class Client:
    def __init__(self, binary: Path, certificate: Path):
        self.binary, self.certificate = binary, certificate

    def steady(self, server: Server, path: str, **options) -> dict:
        return self._run("steady", server, path, options)

    def burst(self, server: Server, path: str, **options) -> dict:
        return self._run("burst", server, path, options)

    @contextlib.contextmanager
    def hold(self, server: Server, path: str, **options) -> Iterator[None]:
        """Connections that stay open as long as the `with` block lasts."""
        command, environment = self._command("hold", server, path, options)
        client = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            if not client.stdout.readline():
                raise RigError(f"the load client failed on {server.name}: {client.stderr.read().strip()}")
            yield
            _, complaint = client.communicate("", timeout=CLIENT_SECONDS_MAX)
            if client.returncode:
                raise RigError(f"the load client failed on {server.name}: {complaint.strip()}")
        finally:
            if client.poll() is None:
                client.kill()
                client.communicate()

    def _command(self, load: str, server: Server, path: str, options: dict) -> tuple[list[str], dict[str, str]]:
        command = [str(self.binary), load, "--address", server.address, "--path", path]
        if "/manifests/" in path:
            command += ["--accept", f"{MANIFEST_TYPE}, application/vnd.oci.image.index.v1+json, */*"]
        if server.tls:
            command += ["--tls-ca", str(self.certificate)]
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        environment = dict(os.environ)
        environment.pop("LOAD_USER", None)
        if server.user:
            environment["LOAD_USER"] = f"{server.user.name}:{server.user.secret}"
        return command, environment

    def _run(self, load: str, server: Server, path: str, options: dict) -> dict:
        command, environment = self._command(load, server, path, options)
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=CLIENT_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise RigError(f"the load client hangs on {server.name}: {' '.join(command[1:])}") from None
        if done.returncode:
            server.require_alive()
            raise RigError(f"the load client failed on {server.name}: {done.stderr.strip()}")
        time.sleep(0.1)  # let the server notice the closed connections before the next measurement
        return json.loads(done.stdout)
