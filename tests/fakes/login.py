"""A local OpenID provider in the Hub's place, and a proxy with TLS in front of a Space.

with FakeLogin() as login, TLSProxy(port) as proxy:
    login.account = "ann"      # who logs in next
    login.fault = "refused"    # or "drop", "503", "garbage", "forged": what goes wrong from now on
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import hashlib
import http.server
import ipaddress
import json
import secrets
import ssl
import threading
import time
import urllib.parse

from fakes.loopback import LoopbackServer

CLIENT, SECRET = "the-space", "a secret of the Space"


class FakeLogin(LoopbackServer):
    """The provider; a context that serves in a thread.

    It answers at once, as account `account`, to a client that it knows; each code is good once, for the redirect
    address it was made for.
    """

    def __init__(self) -> None:
        from joserfc.jwk import RSAKey

        super().__init__(Provider)
        self.key, self.other_key = (RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256"}) for _ in range(2))
        self.account, self.fault = "ann", ""
        self.codes: dict[str, dict[str, str]] = {}
        self.redirects: list[str] = []

    def environment(self, space: str) -> dict[str, str]:
        """What a Space with `hf_oauth: true` has, whose visitors see it at host and port `space`."""
        place = {"SYSTEM": "spaces", "SPACE_ID": "lab/space", "SPACE_HOST": space, "OPENID_PROVIDER_URL": self.url}
        return place | {"OAUTH_CLIENT_ID": CLIENT, "OAUTH_CLIENT_SECRET": SECRET, "OAUTH_SCOPES": "openid profile"}


class Provider(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: FakeLogin

    def do_GET(self) -> None:
        split = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(split.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        routes = {
            "/.well-known/openid-configuration": lambda: self.discover(),
            "/authorize": lambda: self.authorize(query),
            "/token": lambda: self.exchange(dict(urllib.parse.parse_qsl(body.decode()))),
            "/jwks": lambda: self.send({"keys": [self.server.key.as_dict(private=False)]}),
        }
        if self.server.fault == "drop" and split.path != "/authorize":
            return self.connection.shutdown(2)
        if self.server.fault == "503" and split.path != "/authorize":
            return self.send({"error": "asked for"}, 503)
        return routes[split.path]()

    do_POST = do_GET

    def discover(self) -> None:
        url = self.server.url
        self.send(
            {"issuer": url, "authorization_endpoint": f"{url}/authorize", "token_endpoint": f"{url}/token"}
            | {"jwks_uri": f"{url}/jwks", "userinfo_endpoint": f"{url}/userinfo"}
        )

    def authorize(self, query: dict[str, str]) -> None:
        assert (query["client_id"], query["response_type"]) == (CLIENT, "code")
        assert set(query["scope"].split()) == {"openid", "profile"}
        self.server.redirects.append(query["redirect_uri"])
        back = {"state": query["state"]}
        if self.server.fault == "refused":
            back |= {"error": "access_denied", "error_description": "<b>no\nthanks</b>"}
        else:
            back["code"] = secrets.token_hex(8)
            self.server.codes[back["code"]] = query
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}&{urllib.parse.urlencode(back)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def exchange(self, form: dict[str, str]) -> None:
        if self.server.fault == "garbage":
            return self.send(b"<html>down for maintenance</html>")
        asked = self.server.codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{urllib.parse.quote_plus(CLIENT)}:{urllib.parse.quote_plus(SECRET)}".encode())
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode())
        is_client = self.headers.get("Authorization", "").removeprefix("Basic ") in (basic.decode(), plain.decode())
        if asked is None or not is_client or asked["redirect_uri"] != form["redirect_uri"]:
            return self.send({"error": "invalid_grant"}, 400)
        return self.send(
            {"access_token": "an-access-token", "token_type": "bearer", "expires_in": 3600, "scope": "openid profile"}
            | {"id_token": self.sign(asked["nonce"])}
        )

    def sign(self, nonce: str) -> str:
        from joserfc import jwt

        name, now = self.server.account, int(time.time())
        claims = {"iss": self.server.url, "aud": CLIENT, "sub": hashlib.sha256(name.encode()).hexdigest()[:24]}
        claims |= {"iat": now, "exp": now + 3600, "nonce": nonce, "name": name.title(), "preferred_username": name}
        claims |= {"profile": f"https://hub.test/{name}", "picture": "data:,"}
        key = self.server.other_key if self.server.fault == "forged" else self.server.key
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)

    def send(self, value: object, status: int = 200) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class TLSProxy:
    """What a Space's visitors see of it: HTTPS, that ends here; the Space behind is asked over HTTP, and told so.

    Args:
        port: Of the Space, on this machine; may be set later.
        folder: For the certificate, which nobody signed.
    """

    def __init__(self, folder, port: int = 0) -> None:
        self.target, self._folder, self._open = port, folder, set()

    def __enter__(self) -> TLSProxy:
        self._loop, started = asyncio.new_event_loop(), threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(write_certificate(self._folder))

        async def serve() -> None:
            self._stop = asyncio.Event()
            server = await asyncio.start_server(self._pass, "127.0.0.1", 0, ssl=context)
            self.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            started.set()
            await self._stop.wait()
            server.close()

        self._thread = threading.Thread(target=self._run, args=(serve,))
        self._thread.start()
        started.wait()
        return self

    def _run(self, serve) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.1))  # the connections are closed
        self._loop.close()

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of a connection, and its answer."""
        self._open.add(asyncio.current_task())  # or one that waits would be collected while it does
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head[:-4].split(b"\r\n")
            kept = [line for line in lines if not line.lower().startswith((b"connection:", b"x-forwarded-"))]
            added = [b"Connection: close", b"X-Forwarded-Proto: https", b"X-Forwarded-Host: " + self.host.encode()]
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            with contextlib.closing(back):
                back.write(b"\r\n".join([first, *kept, *added]) + b"\r\n\r\n")
                up = asyncio.ensure_future(pump(reader, back))
                await pump(there, writer)
                up.cancel()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


def write_certificate(folder):
    """A key and a certificate for 127.0.0.1, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = made.add_extension(host, critical=False).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    path = folder / "proxy.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
