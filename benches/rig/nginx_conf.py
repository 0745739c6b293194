"""nginx's configurations: the static registry and the peer proxy."""

import os
from pathlib import Path

from .content import MANIFEST_TYPE, Image


def _frame(directory: Path, http: str) -> str:
    # As root, nginx's workers would become nobody and not read the files below a private directory.
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "\n    ".join(
        f"{kind}_temp_path {directory}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
{user}
daemon off;
worker_processes auto;
worker_rlimit_nofile 20000;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    {temporary}
    tcp_nodelay on;
    keepalive_timeout 300s;
    keepalive_requests 100000000;
    {http}
}}
"""


def registry(directory: Path, port: int, image: Image, backlog: int) -> str:
    """Serves the image's files as a registry would, with sendfile and no log."""
    return _frame(directory, f"""
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=100 inactive=1h;
    etag off;
    server {{
        listen 127.0.0.1:{port} backlog={backlog};
        root {image.root};
        add_header Docker-Distribution-Api-Version registry/2.0 always;
        location = /v2/ {{ default_type application/json; return 200 "{{}}"; }}
        location ~ ^/v2/.+/manifests/ {{
            default_type {MANIFEST_TYPE};
            add_header Docker-Content-Digest "{image.manifest_digest}";
            add_header ETag '"{image.manifest_digest}"';
        }}
        location ~ "^/v2/.+/blobs/(?<digest>sha256:[0-9a-f]+)$" {{
            default_type application/octet-stream;
            add_header Docker-Content-Digest $digest;
            add_header ETag '"$digest"';
        }}
    }}
""")


def proxy(directory: Path, port: int, upstream: str, passwords: Path, certificate: Path | None, backlog: int) -> str:
    """A proxy tuned for a registry: keep-alive to it, large buffers, no temporary file, a buffered log."""
    tls = ""
    if certificate:
        tls = f"""
        ssl_certificate {certificate};
        ssl_certificate_key {certificate.with_suffix(".key")};
        ssl_protocols TLSv1.3;
"""
    return _frame(directory, f"""
    access_log {directory}/access.log combined buffer=64k flush=1s;
    upstream registry {{
        server {upstream};
        keepalive 1024;
        keepalive_requests 100000000;
        keepalive_timeout 300s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog={backlog} {"ssl" if tls else ""};
        {tls}
        location /v2/ {{
            auth_basic "registry";
            auth_basic_user_file {passwords};
            proxy_pass http://registry;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "";
            proxy_set_header Host $host;
            proxy_buffers 16 64k;
            proxy_max_temp_file_size 0;
        }}
    }}
""")
