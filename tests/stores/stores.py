"""Object stores and sources of credentials on local ports, for tests.

S3 and STS are moto's, with signatures checked in front of it. What moto lacks stands here: the portal and the
token service of SSO, the metadata of instances (version 2 only) and of containers. Google's storage is the same
buckets under Google's headers, because the XML interface that clients of S3's kind use is S3's, and no emulator
of the package registries has all of it. Azure's is Azurite, if a program of it is named.

Every temporary key is a session of moto's STS, so that a request proves where its key came from. A long-lived key
is any `AKIA...`; its secret is `secret-of-` and the key. The tokens that stand for a sign-in are in TOKENS.

One JSON line on standard output says the ports when all is ready. One JSON line a request goes to the log, before
its answer is sent. The servers end with standard input.
"""

import argparse
import base64
import datetime
import email.utils
import hashlib
import hmac
import io
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.utils import utcnow
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from moto.sts.models import sts_backends
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

HOST = "127.0.0.1"
ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/"
# What a caller must show at each service that gives credentials.
TOKENS = {
    "sso": "sso-token",
    "refresh": "refresh-token",
    "container": "container-token",
    "instance": "instance-token",
    "web": "web-identity-token",
    "google": "google-token",
}
# The account and the key that every Azurite knows; they are public.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Refused(Exception):
    """A request that is answered with an error: status, code and text."""


class Log:
    """The requests, one JSON line each."""

    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, **line):
        with self._lock:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


class Sessions:
    """The temporary keys; those that this script gives out itself end after `lifetime` seconds."""

    def __init__(self, lifetime):
        self.lifetime = lifetime
        self._backend = sts_backends[DEFAULT_ACCOUNT_ID]["aws"]

    def open(self, role):
        """A new session of a role."""
        return self._backend.assume_role("us-east-1", "session", ROLE + role, None, self.lifetime, None)

    def secret(self, key, token):
        """The secret of a key, if the key may still be used with this token."""
        if key.startswith("AKIA"):
            return f"secret-of-{key}"
        for backends in list(sts_backends.values()):
            session = backends["aws"].get_assumed_role_from_access_key(key)
            if session is not None:
                break
        else:
            raise Refused(403, "InvalidAccessKeyId", "there is no such key")
        if token != session.session_token:
            raise Refused(400, "InvalidToken", "the session token is not that of the key")
        if session.expiration <= utcnow():
            raise Refused(400, "ExpiredToken", "the session has ended")
        return session.secret_access_key


def fields(session):
    """What services say of a session in JSON."""
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.session_token,
        "Expiration": session.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def signed_by(request):
    """The key, the region and the service that a request was signed for, or nothing."""
    header = request.headers.get("Authorization", "")
    if not header.startswith("AWS4-HMAC-SHA256 "):
        return None
    parts = dict(part.strip().split("=", 1) for part in header.split(" ", 1)[1].split(","))
    key, _, region, service, _ = parts["Credential"].split("/")
    return {"key": key, "region": region, "service": service, **parts}


def raw_uri(request):
    """The path and the query as they were sent."""
    path, _, query = request.environ["RAW_URI"].partition("?")
    return path, query


def check_signature(request, signed, secret):
    """Compares the signature (version 4) of a request with that of the secret."""
    path, query = raw_uri(request)
    pairs = [pair if "=" in pair else pair + "=" for pair in query.split("&") if pair]
    names = signed["SignedHeaders"]
    body = request.headers.get("x-amz-content-sha256") or hashlib.sha256(request.get_data()).hexdigest()
    headers = [f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names.split(";")]
    canonical = "\n".join([request.method, path, "&".join(sorted(pairs)), *headers, "", names, body])
    scope = signed["Credential"].split("/")[1:]
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], "/".join(scope), digest])
    key = f"AWS4{secret}".encode()
    for part in [*scope, text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(key.hex(), signed["Signature"]):
        raise Refused(403, "SignatureDoesNotMatch", "the signature is not that of the key")


def xml_error(status, code, text, service):
    """An error as S3 or STS gives it."""
    error = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    if service == "sts":
        error = f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
    return Response(error, status, content_type="application/xml")


class Aws:
    """S3 or STS: checks who asks, writes it down, and hands the request to moto."""

    def __init__(self, service, moto, sessions, log, delay=0.0):
        self.service, self.moto, self.sessions, self.log, self.delay = service, moto, sessions, log, delay

    def __call__(self, environ, start_response):
        request = Request(environ)
        signed = signed_by(request)
        time.sleep(self.delay)

        def answer(status, headers, *rest):
            self._note(request, signed, int(status.split()[0]))
            return start_response(status, headers, *rest)

        body = request.get_data(cache=True)
        try:
            body = self._checked(request, signed, body)
        except Refused as refused:
            return xml_error(*refused.args, self.service)(environ, answer)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("werkzeug.request", None)
        return self.moto(environ, answer)

    def _checked(self, request, signed, body):
        form = dict(urllib.parse.parse_qsl(body.decode())) if self.service == "sts" else {}
        if form.get("Action") == "AssumeRoleWithWebIdentity":
            if form.get("WebIdentityToken") != TOKENS["web"]:
                raise Refused(400, "InvalidIdentityToken", "the token is not known")
        elif signed is None:
            raise Refused(403, "AccessDenied", "the request is not signed")
        elif signed["service"] != self.service:
            raise Refused(400, "AuthorizationHeaderMalformed", "signed for another service")
        else:
            secret = self.sessions.secret(signed["key"], request.headers.get("x-amz-security-token"))
            check_signature(request, signed, secret)
        if not form:
            return body
        return urllib.parse.urlencode({**form, "DurationSeconds": self.sessions.lifetime}).encode()

    def _note(self, request, signed, status):
        signed = signed or {}
        self.log.write(
            service=self.service,
            method=request.method,
            path=request.environ["RAW_URI"],
            status=status,
            key=signed.get("key"),
            region=signed.get("region"),
            token="x-amz-security-token" in request.headers,
            payer=request.headers.get("x-amz-request-payer"),
            kms=request.headers.get("x-amz-server-side-encryption-aws-kms-key-id"),
        )


class Google:
    """Google's XML interface in front of the buckets of S3: other names of headers, and a bearer's token."""

    HEADERS = {"HTTP_X_GOOG_COPY_SOURCE": "HTTP_X_AMZ_COPY_SOURCE"}

    def __init__(self, moto, log):
        self.moto, self.log = moto, log

    def __call__(self, environ, start_response):
        def answer(status, headers, *rest):
            self.log.write(
                service="google",
                method=environ["REQUEST_METHOD"],
                path=environ["RAW_URI"],
                status=int(status.split()[0]),
                key=None,
                token=is_signed_in,
            )
            return start_response(status, headers, *rest)

        is_signed_in = environ.get("HTTP_AUTHORIZATION") == f"Bearer {TOKENS['google']}"
        if not is_signed_in:
            return xml_error(401, "AuthenticationRequired", "sign in", "google")(environ, answer)
        for theirs, ours in self.HEADERS.items():
            if theirs in environ:
                environ[ours] = environ.pop(theirs)
        if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
            environ["HTTP_IF_NONE_MATCH"] = "*"
        environ["HTTP_AUTHORIZATION"] = (
            "AWS4-HMAC-SHA256 Credential=AKIAGOOGLE/20000101/us-east-1/s3/aws4_request, "
            "SignedHeaders=host, Signature=none"
        )
        return self.moto(environ, answer)


class Plain:
    """A service of a few paths that answer with JSON or text."""

    def __init__(self, service, sessions, log):
        self.service, self.sessions, self.log = service, sessions, log

    def __call__(self, environ, start_response):
        request = Request(environ)
        try:
            answer = self.answer(request)
        except Refused as refused:
            status, code, text = refused.args
            answer = Response(json.dumps({"code": code, "message": text}), status)
            answer.headers["x-amzn-ErrorType"] = code
        self.log.write(
            service=self.service, method=request.method, path=environ["RAW_URI"], status=answer.status_code
        )
        answer.content_type = answer.content_type or "application/json"
        return answer(environ, start_response)

    def answer(self, request):
        """The answer to a request."""
        raise NotImplementedError


def as_json(value):
    return Response(json.dumps(value), content_type="application/json")


def demand(is_right, status, code):
    if not is_right:
        raise Refused(status, code, "who asks is not known")


class Sso(Plain):
    """The portal that gives keys for a sign-in, and the service that renews a sign-in."""

    def answer(self, request):
        if request.path == "/federation/credentials":
            token = request.headers.get("x-amz-sso-bearer-token")
            demand(token == TOKENS["sso"], 401, "UnauthorizedException")
            session = self.sessions.open(request.args["role_name"])
            ends = session.expiration.replace(tzinfo=datetime.timezone.utc).timestamp()
            keys = {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
                "expiration": int(ends * 1000),
            }
            return as_json({"roleCredentials": keys})
        if request.path == "/token":
            form = request.get_json(force=True)
            demand(form.get("refreshToken") == TOKENS["refresh"], 400, "InvalidGrantException")
            return as_json({"accessToken": TOKENS["sso"], "expiresIn": 3600, "tokenType": "Bearer"})
        raise Refused(404, "NotFound", "no such path")


class Metadata(Plain):
    """What containers and instances of AWS and instances of Google ask about themselves."""

    INSTANCE = "/latest/meta-data/iam/security-credentials"

    def answer(self, request):
        headers = request.headers
        if request.path == "/container":
            demand(headers.get("Authorization") == TOKENS["container"], 401, "Unauthorized")
            return as_json(fields(self.sessions.open("container")))
        if request.path.startswith("/computeMetadata/v1/instance/service-accounts/default/"):
            demand(headers.get("Metadata-Flavor") == "Google", 403, "Forbidden")
            if request.path.endswith("/email"):
                return Response("tests@example.com")
            lifetime = self.sessions.lifetime
            return as_json({"access_token": TOKENS["google"], "expires_in": lifetime, "token_type": "Bearer"})
        if request.path == "/latest/api/token":
            demand(request.method == "PUT", 405, "MethodNotAllowed")
            ttl = "x-aws-ec2-metadata-token-ttl-seconds"
            return Response(TOKENS["instance"], headers={ttl: headers.get(ttl, "60")})
        demand(headers.get("x-aws-ec2-metadata-token") == TOKENS["instance"], 401, "Unauthorized")
        if request.path.rstrip("/") == self.INSTANCE:
            return Response("instance")
        if request.path == f"{self.INSTANCE}/instance":
            return as_json({"Code": "Success", "Type": "AWS-HMAC", **fields(self.sessions.open("instance"))})
        raise Refused(404, "NotFound", "no such path")


class Azurite:
    """Azurite, filled with the same buckets; it ends with this process."""

    def __init__(self, program, port):
        self.port = port or free_port()
        command = [program, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        command += ["--blobHost", HOST, "--blobPort", str(self.port)]
        command = ["setpriv", "--pdeathsig", "TERM", *command]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self._wait()

    def _wait(self):
        for _ in range(600):
            try:
                return socket.create_connection((HOST, self.port), 1).close()
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit("Azurite does not start")
                time.sleep(0.05)
        raise SystemExit("Azurite does not listen")

    def put(self, path, body=b"", query=""):
        """Makes a container (`restype=container`) or a blob, signed with the account's key."""
        headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
        if not query:
            headers["x-ms-blob-type"] = "BlockBlob"
        resource = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{path}" + (f"\n{query.replace('=', ':')}" if query else "")
        length, kind = str(len(body) or ""), "application/octet-stream"
        text = "\n".join(["PUT", "", "", length, "", kind, *[""] * 7])
        text += "".join(f"{name}:{value}\n" for name, value in sorted(headers.items())) + resource
        signature = hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(signature).decode()}"
        headers |= {"Content-Type": kind, "Content-Length": str(len(body))}
        url = f"http://{HOST}:{self.port}/{AZURE_ACCOUNT}/{path}" + (f"?{query}" if query else "")
        urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT")).close()


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def fill(folder, azurite):
    """Makes a bucket of each folder, and an object of each file in it. Returns where those of S3 are."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for bucket in sorted(path for path in folder.iterdir() if path.is_dir()):
        backend.create_bucket(bucket.name, "us-east-1")
        if azurite:
            azurite.put(bucket.name, query="restype=container")
        for path in sorted(path for path in bucket.rglob("*") if path.is_file()):
            key, body = path.relative_to(bucket).as_posix(), path.read_bytes()
            backend.put_object(bucket.name, key, body)
            if azurite:
                azurite.put(f"{bucket.name}/{urllib.parse.quote(key)}", body)
    return backend


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--buckets", type=pathlib.Path, required=True, help="a folder; its folders are the buckets")
    parser.add_argument("--log", type=pathlib.Path, required=True, help="where the requests are written down")
    parser.add_argument("--lifetime", type=int, default=3600, help="seconds that temporary keys hold")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before S3 looks at a request")
    parser.add_argument("--objects", type=pathlib.Path, help="JSON: keys that no file can have, and what is in them")
    parser.add_argument("--azurite", help="the program azurite-blob")
    services = ["s3", "sts", "sso", "metadata", "google", "azure"]
    for service in services:
        parser.add_argument(f"--{service}-port", type=int, default=0)
    options = parser.parse_args()

    log, sessions = Log(options.log), Sessions(options.lifetime)
    moto = DomainDispatcherApplication(create_backend_app)
    applications = {
        "s3": Aws("s3", moto, sessions, log, options.delay),
        "sts": Aws("sts", moto, sessions, log),
        "sso": Sso("sso", sessions, log),
        "metadata": Metadata("metadata", sessions, log),
        "google": Google(moto, log),
    }
    ports = {}
    for service, application in applications.items():
        port = getattr(options, f"{service}_port")
        server = make_server(HOST, port, application, threaded=True, request_handler=Quiet)
        ports[service] = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
    azurite = Azurite(options.azurite, options.azure_port) if options.azurite else None
    if azurite:
        ports["azure"] = azurite.port
    backend = fill(options.buckets, azurite)
    for key, body in json.loads(options.objects.read_text()).items() if options.objects else ():
        backend.put_object("exports", key, body.encode())
    print(json.dumps(ports), flush=True)
    sys.stdin.buffer.read()
    if azurite:
        azurite.process.terminate()


class Quiet(MotoRequestHandler):
    """Keeps connections open, as the real services do, and says nothing."""

    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass

    def make_environ(self):
        """SSO's header has underscores in its name, and is left out otherwise."""
        token = self.headers.get("x-amz-sso_bearer_token", "")
        return super().make_environ() | {"HTTP_X_AMZ_SSO_BEARER_TOKEN": token}


if __name__ == "__main__":
    main()
