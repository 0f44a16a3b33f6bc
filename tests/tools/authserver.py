"""An authorization server on loopback (RFC 6749, 7636, 8628), as the tests want it.

    with AuthServer() as auth:
        auth.endpoint("token")         # http://127.0.0.1:PORT/token
        auth.answers["token"] = [...]  # what it says next, instead of doing its work
        auth.access_token("alice")     # a JSON Web Token for Dovecot (auth.key)

Refresh tokens are rotated: each is good once. auth.used_twice tells whether one came again.
"""
import base64
import hashlib
import hmac
import http.server
import itertools
import json
import secrets
import ssl
import sys
import threading
import time
import traceback
import urllib.parse

CLIENT, SECRET = "client-of-the-tests", "canary-client-secret"


def tell_unexpected(*_):
    """In place of socketserver's: a client that goes away or does not trust us is part of the play."""
    if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
        traceback.print_exc()


def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class AuthServer:
    def __init__(self, user="alice"):
        self.user = user
        self.key = secrets.token_bytes(32)
        self.lifetime = 3600    # of access tokens
        self.rotate = True      # a new refresh token with every access token
        self.interval = 1       # of asking again, in the device flow
        self.device_lifetime = 60
        self.answers = {}       # path: list of (status, body) or callables of the handler
        self.heard = []         # (path, fields)
        self.refresh_tokens = set()
        self.codes = {}         # code: (challenge, redirect_uri)
        self.devices = {}       # device code: answers left to give; then tokens
        self.used_twice = False
        self.issued = []        # every secret that was given out
        self.want_secret = False
        self.numbers = itertools.count(1)
        self.certificate = None  # NAME of NAME.pem and NAME.key: https

    # ---- tokens ----

    def access_token(self, user=None, lifetime=None, key=None):
        now = int(time.time())
        parts = [{"alg": "HS256", "typ": "JWT"},
                 {"sub": user or self.user, "email": user or self.user, "iat": now - 60, "nbf": now - 60,
                  "exp": now + (self.lifetime if lifetime is None else lifetime),
                  "jti": secrets.token_hex(8), "scope": "mail"}]
        text = ".".join(unpadded(json.dumps(part).encode()) for part in parts)
        mark = unpadded(hmac.new(key or self.key, text.encode(), hashlib.sha256).digest())
        self.issued.append(f"{text}.{mark}")
        return f"{text}.{mark}"

    def new_refresh_token(self):
        token = f"canary-refresh-{next(self.numbers)}-{secrets.token_hex(8)}"
        self.refresh_tokens.add(token)
        self.issued.append(token)
        return token

    def tokens(self, refresh=True):
        answer = {"access_token": self.access_token(), "token_type": "Bearer",
                  "expires_in": self.lifetime}
        if refresh:
            answer["refresh_token"] = self.new_refresh_token()
        return 200, answer

    # ---- endpoints ----

    def do_device(self, fields):
        code = f"canary-device-{secrets.token_hex(8)}"
        self.issued.append(code)
        self.devices[code] = list(self.answers.get("polls", []))
        return 200, {"device_code": code, "user_code": "WDJB-MJHT", "interval": self.interval,
                     "verification_uri": self.endpoint("activate"),
                     "expires_in": self.device_lifetime}

    def do_token(self, fields):
        if fields.get("client_id") != CLIENT or (self.want_secret and
                                                 fields.get("client_secret") != SECRET):
            return 401, {"error": "invalid_client"}
        grant = fields.get("grant_type")
        if grant == "refresh_token":
            token = fields.get("refresh_token")
            if token not in self.refresh_tokens:
                self.used_twice |= token in self.issued
                return 400, {"error": "invalid_grant",
                             "error_description": f"unknown or used before: {token}"}
            if self.rotate:
                self.refresh_tokens.discard(token)
            return self.tokens(self.rotate)
        if grant == "urn:ietf:params:oauth:grant-type:device_code":
            polls = self.devices[fields["device_code"]]
            if polls:
                return 400, {"error": polls.pop(0)}
            return self.tokens()
        if grant == "authorization_code":
            challenge, redirect = self.codes.pop(fields["code"])
            made = unpadded(hashlib.sha256(fields["code_verifier"].encode()).digest())
            if made != challenge or redirect != fields["redirect_uri"]:
                return 400, {"error": "invalid_grant"}
            return self.tokens()
        return 400, {"error": "unsupported_grant_type"}

    def authorize(self, url):
        """What the browser of a user who consents does with the URL: where it is sent back to."""
        fields = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        assert fields["response_type"] == "code" and fields["code_challenge_method"] == "S256"
        assert fields["client_id"] == CLIENT, fields
        code = f"canary-code-{secrets.token_hex(8)}"
        self.issued.append(code)
        self.codes[code] = fields["code_challenge"], fields["redirect_uri"]
        return fields["redirect_uri"] + "/?" + urllib.parse.urlencode(
            {"code": code, "state": fields["state"]})

    # ---- the server ----

    def endpoint(self, path):
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://127.0.0.1:{self.port}/{path}"

    def providers(self, **more):
        """The lines of a provider file."""
        lines = {"authorize": self.endpoint("authorize"), "token": self.endpoint("token"),
                 "device": self.endpoint("device"), "scope": "mail offline_access"} | more
        return "[test]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items() if value)

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                fields = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
                path = self.path.strip("/")
                outer.heard.append((path, fields))
                special = outer.answers.get(path)
                answer = special.pop(0) if special else None
                if callable(answer):
                    answer = answer(self)
                elif answer is None:
                    answer = getattr(outer, f"do_{path}")(fields)
                if answer is not None:
                    self.answer(*answer)

            def answer(self, status, body, kind="application/json"):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = tell_unexpected
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{self.certificate}.pem", f"{self.certificate}.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
