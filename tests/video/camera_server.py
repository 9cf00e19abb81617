"""An HTTP camera: motion JPEG of a photograph, in a process of its own. Arguments: port, fps, image file."""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

JPEG = Path(sys.argv[3]).read_bytes()
PERIOD = 1 / float(sys.argv[2])


class Camera(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            while True:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(JPEG)}\r\n\r\n"
                self.wfile.write(head.encode() + JPEG + b"\r\n")
                time.sleep(PERIOD)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


ThreadingHTTPServer.allow_reuse_address = True
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Camera)
print("ready", flush=True)
server.serve_forever()
