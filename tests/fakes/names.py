"""A stand-in for a DNS server: it knows the names that a test gives it, over UDP and TCP.

The messages are dnslib's, so that Weir's library is not judged by another copy of its own ideas.
"""
import contextlib
import threading
import time

from dnslib import AAAA, QTYPE, RCODE, RR, SRV, A, DNSRecord
from dnslib.server import DNSError, DNSHandler, DNSLogger, DNSServer

from faulty import free_port


class _Handler(DNSHandler):
    def get_reply(self, data):
        """What is longer than a datagram of old is truncated, and asked for again by TCP."""
        request = DNSRecord.parse(data)
        reply = self.server.resolver.resolve(request, self)
        if self.protocol == "udp" and len(reply.pack()) > 512:
            reply = request.reply()
            reply.header.tc = 1
        return reply.pack()


class Names:
    def __init__(self):
        self.port = free_port()
        self.records = {}  # name -> addresses, or (priority, weight, port, target) of a service
        self.mood = None   # "silent", or an RCODE's name like "SERVFAIL"
        self.asked = []    # (when, name, type, "udp" or "tcp")
        self.only = None   # a type: the mood is for questions of that type alone
        self._servers = []

    @property
    def resolver(self):
        return f"127.0.0.1:{self.port}"

    def count(self, name, kind):
        return len([1 for _, n, k, _ in self.asked if (n, k) == (name, kind)])

    def resolve(self, request, handler):
        name, kind = str(request.q.qname).rstrip("."), QTYPE[request.q.qtype]
        self.asked.append((time.monotonic(), name, kind, handler.protocol))
        reply = request.reply()
        if self.mood and self.only in (None, kind):
            if self.mood == "silent":
                raise DNSError("no answer")
            reply.header.rcode = getattr(RCODE, self.mood)
            return reply
        if name not in self.records:
            reply.header.rcode = RCODE.NXDOMAIN
            return reply
        for record in self.records[name]:
            own, data = self._data(record)
            if own == kind:
                reply.add_answer(RR(request.q.qname, getattr(QTYPE, kind), rdata=data, ttl=1))
        return reply

    @staticmethod
    def _data(record):
        if isinstance(record, tuple):
            priority, weight, port, target = record
            return "SRV", SRV(priority=priority, weight=weight, port=port, target=target)
        return ("AAAA", AAAA(record)) if ":" in record else ("A", A(record))

    def __enter__(self):
        quiet = DNSLogger("-request,-reply,-truncated,-error", prefix=False)
        for tcp in (False, True):
            server = DNSServer(self, "127.0.0.1", self.port, tcp, quiet, _Handler)
            threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True).start()
            self._servers.append(server.server)
        return self

    def __exit__(self, *_):
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.shutdown()
                server.server_close()
