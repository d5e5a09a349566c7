"""What the comparing scripts share: gateways and mounts as processes, what they use, and numbers of paired rounds."""

import json
import os
import selectors
import signal
import statistics
import subprocess
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
HOST = os.path.join(ROOT, "core/Host/bin/Release/net10.0/glance-gateway.dll")
MIB = 1 << 20
GIB = 1 << 30
START_SECONDS = 60
STOP_SECONDS = 60


class Failure(Exception):
    """Ends the run with a message."""


class Program:
    """A glance-gateway that serves or mounts; it tells in one line of JSON when it is ready."""

    def __init__(self, folder, name, arguments, environment=None):
        self.log = open(os.path.join(folder, f"{name}.log"), "w+b")
        # A group of its own: an interrupt of the terminal must not end it before its files are closed here.
        self.process = subprocess.Popen(["dotnet", HOST, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
                                        start_new_session=True, env=dict(os.environ, **(environment or {})))
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if ready.select(START_SECONDS) else b""
        if not line:
            said = self.said()
            self.stop()
            raise Failure(f"the {name} did not start\n{said}")
        self.answer = json.loads(line)

    def said(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def cpu_seconds(self):
        """User and system time of all its threads."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name):
        """VmRSS: or VmHWM:, in bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w", encoding="ascii") as control:
            control.write("5")

    def stop(self):
        """In good order first: a killed one leaves its mount behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Gateway(Program):
    """A gateway on loopback."""

    def __init__(self, folder, name, configuration, environment=None):
        path = os.path.join(folder, f"{name}.yaml")
        self.data = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"data": self.data, "listen": "127.0.0.1:0", **configuration}, file)
        super().__init__(folder, name, ["serve", "--json", "--config", path], environment)
        self.address = self.answer["address"].rstrip("/")

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, method=method, data=data, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def create(self):
        return self.request("POST", "/v2/images", {"name": "bench", "disk_format": "raw", "container_format": "bare"})["id"]

    def register(self, url):
        image = self.create()
        self.request("POST", f"/v2/images/{image}/locations", {"url": url})
        wait_until("the location is taken", lambda: self.request("GET", f"/v2/images/{image}")["status"] == "active")
        wait_until("the location is read", lambda: self.request("GET", f"/v2/images/{image}").get("os_hash_value"))
        return image

    def upload(self, image, source, store=None):
        return ["curl", "-sSf", "-X", "PUT", "-H", "Content-Type: application/octet-stream", *(["-H", f"X-Image-Meta-Store: {store}"] if store else []),
                "-T", source, f"{self.address}/v2/images/{image}/file"]

    def download(self, image, target):
        return ["curl", "-sSf", "-o", target, f"{self.address}/v2/images/{image}/file"]


def wait_until(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"in {seconds} s never: {what}")
        time.sleep(0.05)


def write_source(path, mib):
    """Incompressible data without a hole, made fast: one random block with its number in front."""
    with open(path, "wb") as file:
        block = bytearray(os.urandom(MIB))
        for number in range(mib):
            block[:8] = number.to_bytes(8, "little")
            file.write(block)


def paired(ours, theirs):
    """The ratios of rounds, as text, and their median."""
    ratios = [o / t for o, t in zip(ours, theirs)]
    median = statistics.median(ratios)
    return median, f"{median:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
