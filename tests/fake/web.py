#!/usr/bin/python3
"""A web server with faults, on the loopback only: web.py FILE PORTS [CERT KEY]...

The first word of a path is what happens to FILE:
  ok       sent, from where it is asked for       norange  always sent whole
  cut      half of it, then the connection ends; from where it is asked for the next time
  changed  as ok, but of another content          html     a page in its place
  endless  never ends                             drip     a byte a second
  to-http, to-file, loop                          redirects
  log      what was asked for so far: "path range"
PORTS gets the port of http, then those of https for each certificate, once all are listening.
"""
import http.server
import ssl
import sys
import threading
import time

data = open(sys.argv[1], "rb").read()
log, ports = [], []


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, body, ranges=True, stop=None):
        start, asked = 0, self.headers.get("Range")
        if asked and ranges:
            start = int(asked[len("bytes="):].split("-")[0])
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
            stop = None
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:stop])
        self.close_connection = True

    def do_GET(self):
        what = self.path.split("/")[1]
        log.append("%s %s" % (self.path, self.headers.get("Range")))
        if what == "ok":
            self.send(data)
        elif what == "norange":
            self.send(data, ranges=False)
        elif what == "cut":
            self.send(data, stop=len(data) // 2)
        elif what == "changed":
            self.send(data[::-1])
        elif what == "html":
            self.send(b"<!DOCTYPE html><html><body>please sign in</body></html>")
        elif what == "log":
            self.send("\n".join(log).encode())
        elif what in ("endless", "drip"):
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * (65536 if what == "endless" else 1))
                    if what == "drip":
                        time.sleep(1)
            except OSError:
                self.close_connection = True
        elif what == "to-http":
            self.redirect("http://localhost:%d/ok/f" % ports[0])
        elif what == "to-file":
            self.redirect("file:///etc/passwd")
        elif what == "to-ok":
            self.redirect("/ok/f")
        elif what == "loop":
            self.redirect("/loop/f")
        else:
            self.send_error(404)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # clients that hang up are what is tested
        pass


def serve(cert=None, key=None):
    server = Server(("127.0.0.1", 0), Handler)
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    ports.append(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()


serve()
for i in range(3, len(sys.argv), 2):
    serve(sys.argv[i], sys.argv[i + 1])
with open(sys.argv[2], "w") as f:
    f.write(" ".join(map(str, ports)) + "\n")
time.sleep(600)
