"""Local HTTP server of the annotation page, for one user on the same machine."""

from __future__ import annotations

import hmac
import json
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ._project import AnnotationProject, OutdatedError
from ._routes import JSON, ROUTES, Refused, Reply, Request

LOOPBACK = "127.0.0.1"
WAIT = 30  # timeout of a request in seconds
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class AnnotationServer(ThreadingHTTPServer):
    """Serve one annotation at a URL with a random token. Port 0 selects a free port."""

    daemon_threads = True

    def __init__(self, project: AnnotationProject, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.project = project
        self.token = secrets.token_urlsafe(24)
        self.stage, self.failure = "Starting", ""

    @property
    def url(self) -> str:
        """URL of the page."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def encode(self) -> Thread:
        """Encode the images in a background thread."""
        thread = Thread(target=self._encode, daemon=True)
        thread.start()
        return thread

    def _encode(self) -> None:
        try:
            self.project.session.encode(lambda stage: setattr(self, "stage", stage))
        except Exception as error:  # shown on the page
            self.failure = f"{error}" or type(error).__name__


class _Handler(BaseHTTPRequestHandler):
    """Handler of one request."""

    server: AnnotationServer
    protocol_version = "HTTP/1.1"
    timeout = WAIT
    disable_nagle_algorithm = True  # headers and body are two packets: the second waited 40 ms
    server_version, sys_version = "segae", ""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        try:
            self._send(self._reply())
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the client is gone

    def _reply(self) -> Reply:
        try:
            request = self._admit()
            handler = ROUTES.get((self.command, request.route))
            if handler is None:
                raise Refused(404, "there is no such page.")
            return handler(request)
        except Refused as refused:
            return _error(refused.status, refused)
        except OutdatedError as error:
            return _error(409, error)
        except (ValueError, RecursionError) as error:  # from nested JSON
            return _error(400, error)
        except (ConnectionError, TimeoutError):
            raise
        except (OSError, MemoryError) as error:  # for instance a full disk
            return _error(507, error)

    def _admit(self) -> Request:
        """Check host, origin and token of a request, and parse its URL."""
        # DNS rebinding by another site shows in the header "Host".
        hosts = {f"{name}:{self.server.server_port}" for name in (LOOPBACK, "localhost")}
        if self.headers.get("Host") not in hosts:
            raise Refused(403, "this page is served at 127.0.0.1 only.")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise Refused(403, "requests from other pages are rejected.")
        url = urlsplit(self.path)
        token, _, route = url.path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise Refused(403, "open the address that `segae annotate` printed.")
        return Request(self.server.project, self.server, route, parse_qs(url.query), self._body)

    def _body(self, most: int) -> bytes:
        text = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") or not (text.isascii() and text.isdecimal()):
            raise Refused(411, "a header Content-Length is required.")
        if len(text) > 12 or int(text) > most:
            raise Refused(413, f"the content may have at most {most} bytes.")
        return self.rfile.read(int(text))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for header, value in HEADERS.items():
            self.send_header(header, value)
        self.send_header("Content-Type", reply.kind)
        if reply.name:
            letters = (
                c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in reply.name
            )
            self.send_header("Content-Disposition", f'attachment; filename="{"".join(letters)}"')
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        # An unread body would be parsed as the next request.
        if self.command == "POST" and reply.status >= 400:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, since the URL contains the token."""


def _error(status: int, why: Exception) -> Reply:
    return Reply(json.dumps({"error": str(why)}).encode(), JSON, status=status)
