"""The programs of the bench: how each is configured, started, looked at and ended."""
import os
import pwd
import signal
import socket
import subprocess
import time
from pathlib import Path

NGINX = """\
{user}daemon off;
worker_processes {loops};
pid {dir}/nginx.pid;
error_log {dir}/nginx.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    client_max_body_size 64m;
    client_body_buffer_size 256k;
    keepalive_requests 100000000;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    proxy_read_timeout 600s;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate {ca};
    proxy_ssl_name localhost;
    upstream lab {{
        server 127.0.0.1:{up};
        keepalive 64;
        keepalive_requests 100000000;
    }}
    upstream cloud {{
        server 127.0.0.1:{up_tls};
        keepalive 64;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{shared};
        location / {{ proxy_pass http://lab; }}
    }}
    server {{
        listen 127.0.0.1:{port_tls} backlog=4096{shared};
        location / {{ proxy_pass https://cloud; }}
    }}
}}
"""

WEIR = """\
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{port_tls}
loops: {loops}
ledger: {{path: {dir}/weir.db{sync}}}
perimeter: {perimeter}
backends:
  - {{name: lab, side: inside, engine: openai, nodes: ["http://127.0.0.1:{up}"],
     models: [small], cost_per_hour: 1}}
  - {{name: cloud, side: outside, engine: openai, url: "{cloud}",
     models: [gpt-5-mini], key: x-bench-key}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A child of the runner, on its own cores. Ended by its own id and those of its children."""

    def __init__(self, argv, cores, log, env=None, **options):
        self.argv, self.log = argv, log
        # The child inherits the cores; setting them here keeps fork and exec fast.
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)
        try:
            with open(log, "ab") as out:
                self.started = time.monotonic()
                self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=out, env=env,
                                              **({"stdout": out} | options))
        finally:
            os.sched_setaffinity(0, mine)

    def alive(self):
        return self.child.poll() is None

    def pids(self):
        """The process and all that descend from it."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = Path("/proc", entry, "stat").read_text()
                except OSError:
                    continue
                parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
        found = [self.child.pid]
        for pid in found:
            found += parents.get(pid, [])
        return found

    def threads_cpu(self):
        """Clock ticks that each thread of each process used."""
        used = {}
        for pid in self.pids():
            for task in Path("/proc", str(pid), "task").iterdir():
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                used[task.name] = int(fields[11]) + int(fields[12])
        return used

    def memory(self):
        """Bytes: sum of RSS, sum of PSS."""
        rss = pss = 0
        for pid in self.pids():
            for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
        return rss, pss

    def stop(self):
        if self.child.poll() is not None:
            return
        pids = self.pids()
        self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.child.wait(5)

    def log_tail(self, lines=5):
        text = Path(self.log).read_text(errors="replace").splitlines()
        return "\n".join(text[-lines:])


class Proxy:
    """One of the two that are compared. A subclass says how it is configured."""
    name = ""

    def __init__(self, bench, loops=1, cores=None, **variant):
        self.bench = bench
        self.dir = bench.new_dir(self.name.replace(" ", ""))
        self.port, self.port_tls = free_port(), free_port()
        argv, env = self.command(loops, **variant)
        self.process = Process(argv, cores or bench.proxy_cores, self.dir / "log", env)
        bench.processes.append(self.process)

    def values(self, loops):
        return {"dir": self.dir, "port": self.port, "port_tls": self.port_tls, "loops": loops,
                "up": self.bench.up_port, "up_tls": self.bench.up_tls_port, "ca": self.bench.ca}

    def command(self, loops, **variant):
        raise NotImplementedError

    def target(self, tls=None):
        """Port and model of requests that go to the plain (False) or the TLS upstream (True), or
        where the proxy wants (None)."""
        raise NotImplementedError

    def wait_first_answer(self, timeout=10):
        """Seconds from the start of the process to its first plain answer."""
        port, model = self.target(False)
        body = (b'{"model":"%s","messages":[{"role":"user","content":"Say hello."}]}'
                % model.encode())
        request = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                   b"Content-Type: application/json\r\nConnection: close\r\n"
                   b"Content-Length: %d\r\n\r\n%s" % (port, len(body), body))
        status = b"nothing"
        while time.monotonic() - self.process.started < timeout:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout) as s:
                    s.sendall(request)
                    status = s.recv(4096).split(b"\r\n")[0]
                    if status.startswith(b"HTTP/1.1 200"):
                        return time.monotonic() - self.process.started
            except OSError as error:
                status = str(error).encode()
            if not self.process.alive():
                break
            time.sleep(0.001)
        raise RuntimeError(f"{self.name} gave no answer ({status.decode(errors='replace')}):\n"
                           + self.process.log_tail())

    def stop(self):
        self.process.stop()


class Nginx(Proxy):
    name = "nginx"

    def command(self, loops, **variant):
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};\n" if os.getuid() == 0 else ""
        conf = self.dir / "nginx.conf"
        # Without it one of two workers takes nearly all the connections.
        shared = " reuseport" if loops > 1 else ""
        conf.write_text(NGINX.format(user=user, shared=shared, **self.values(loops)))
        return [self.bench.nginx, "-p", str(self.dir), "-c", str(conf)], None

    def target(self, tls=None):
        return (self.port_tls if tls else self.port), "auto"


class SecondNginx(Nginx):
    name = "nginx again"


class Weir(Proxy):
    name = "Weir"

    def command(self, loops, https=False, sync="", perimeter=False, **variant):
        cloud = (f"https://127.0.0.1:{self.bench.up_tls_port}" if https
                 else f"http://127.0.0.1:{self.bench.up_port}")
        conf = self.dir / "weir.yaml"
        # The relay is measured as nginx is, without looking into what passes. What the perimeter
        # adds is a measure of its own; the tagger sees names in the made-up prose: all may leave.
        looks = "{modes: {DEFAULT: allow}}" if perimeter else "{presets: []}"
        conf.write_text(WEIR.format(cloud=cloud, sync=f", sync: {sync}" if sync else "",
                                    perimeter=looks, **self.values(loops)))
        # The system's own trust store and the bench's certificate, read where the system's is.
        env = dict(os.environ, SSL_CERT_FILE=str(self.bench.ca))
        for name in ("HTTPS_PROXY", "https_proxy", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            env.pop(name, None)
        return [self.bench.weir, "serve", "--config", str(conf)], env

    def target(self, tls=None):
        return self.port, {None: "auto", False: "inside/small", True: "outside/gpt-5-mini"}[tls]
