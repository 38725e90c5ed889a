"""What is measured. Each measure adds rows to the report; the rules are those of README.md."""
import statistics
import time

KB = 1024


class Row:
    def __init__(self, name, unit, baseline, weir, bar="", met=None, ratio=True, note=""):
        self.name, self.unit, self.baseline, self.weir = name, unit, baseline, weir
        self.bar, self.met, self.note = bar, met, note
        self.ratio = weir / baseline if ratio and weir is not None and baseline else None

    @classmethod
    def relative(cls, name, unit, baseline, weir, most):
        """The bar is a multiple of what the baseline takes."""
        return cls(name, unit, baseline, weir, f"<= {most} x", weir <= most * baseline)

    @classmethod
    def absolute(cls, name, unit, baseline, weir, most, note=""):
        return cls(name, unit, baseline, weir, f"<= {most} {unit}", weir <= most, note=note)

    def as_dict(self):
        return dict(self.__dict__)


def rounds_of(bench, one):
    """Interleaved rounds; `one(proxy)` gives a dict of numbers. Medians, per proxy."""
    found = [[], []]
    for turn in range(bench.rounds):
        order = (0, 1) if turn % 2 == 0 else (1, 0)
        for i in order:
            found[i].append(one(bench.pair[i]))
    return [{key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
            for rounds in found]


def per(result, what):
    return result["window"]["cpu_us"] / max(result["window"][what], 1)


def request_cpu(bench):
    for size, name, most in ((400, "400 B", 1.7), (4096, "4 KB", 1.5), (102400, "100 KB", 1.7)):
        def one(proxy):
            r = bench.load(proxy, "closed", conns=64, bytes=size, settle_ms=300,
                           measure_ms=bench.ms(1500))
            return {"cpu": per(r, "requests"), "rate": r["window"]["rate"]}
        a, b = rounds_of(bench, one)
        yield Row.relative(f"CPU a request, {name}", "us", a["cpu"], b["cpu"], most)
        yield Row(f"  requests a second, {name}", "/s", a["rate"], b["rate"])


def added(bench, one):
    """The same for both and for the upstream asked directly; what is left is what they add."""
    direct = []

    def less_direct(proxy):
        if proxy is bench.pair[0] or not direct:
            direct.append(one(None))
        return {key: value - direct[-1][key] for key, value in one(proxy).items()}
    return rounds_of(bench, less_direct)


def stream_events(bench):
    measure = bench.ms(3000)

    def one(proxy):
        # 210 ms over 50 streams: no two of them fall on the same fifth of a millisecond.
        r = bench.load(proxy, "streams", conns=50, events=(measure + 1100) // 10, interval_us=10000,
                       ramp_ms=210, settle_ms=500, measure_ms=measure)
        return {"cpu": per(r, "events") if proxy else 0, "p50": r["late_us"]["p50"] / 1e3,
                "p99": r["late_us"]["p99"] / 1e3}
    a, b = added(bench, one)
    yield Row.relative("CPU an event that comes alone", "us", a["cpu"], b["cpu"], 1.0)
    yield Row("  event leaves later by, p50", "ms", a["p50"], b["p50"], ratio=False)
    yield Row.absolute("  event leaves later by, p99", "ms", a["p99"], b["p99"], 0.5)


def burst_events(bench):
    measure = bench.ms(3000)

    def one(proxy):
        r = bench.load(proxy, "streams", conns=50, events=(measure + 1200) // 100 * 66, burst=66,
                       interval_us=100000, ramp_ms=100, settle_ms=500, measure_ms=measure)
        return {"cpu": per(r, "events") * 66}
    a, b = rounds_of(bench, one)
    yield Row.relative("CPU a burst of 66 events", "us", a["cpu"], b["cpu"], 2.0)


def latency(bench):
    def one(proxy):
        r = bench.load(proxy, "open", rate=200, settle_ms=300, measure_ms=bench.ms(3000))
        return {key: r["latency_us"][key] / 1e3 for key in ("p50", "p99")}
    a, b = added(bench, one)
    yield Row.absolute("latency added at 200/s, p50", "ms", a["p50"], b["p50"], 0.3)
    yield Row.absolute("latency added at 200/s, p99", "ms", a["p99"], b["p99"], 0.7)


def first_event(bench):
    def one(proxy):
        r = bench.load(proxy, "open", rate=100, events=3, settle_ms=300,
                       measure_ms=bench.ms(3000))
        return {key: r["first_us"][key] / 1e3 for key in ("p50", "p99")}
    a, b = added(bench, one)
    yield Row.absolute("first event later by, p50", "ms", a["p50"], b["p50"], 0.4)
    yield Row("  first event later by, p99", "ms", a["p99"], b["p99"], ratio=False)


def thousand_streams(bench):
    def one(proxy):
        r = bench.load(proxy, "streams", conns=1000, events=64, ramp_ms=1000, measure_ms=0,
                       interval_us=50000 if bench.quick else 100000, intruders=2,
                       intruder_pause_ms=250, limit_ms=30000, may_fail=True)
        whole = not (r["wrong"] or r["unfinished"] or r["lost"] or r["disordered"])
        return {"whole": whole, "max": r["late_us"]["max"] / 1e3, "events": r["events"]}
    a, b = (one(p) for p in bench.pair)
    yield Row("1,000 streams of 64: events in order", "", a["events"], b["events"], "64000, all",
              b["whole"], ratio=False)
    yield Row("  latest event beside 1 MB bodies", "ms", a["max"], b["max"], "< 1000 ms",
              b["max"] < 1000)


def start(bench):
    found = [[], []]
    for _ in range(2 if bench.quick else 7):
        for i, kind in enumerate(bench.kinds):
            proxy = kind(bench, https=True)
            found[i].append(proxy.wait_first_answer() * 1e3)
            proxy.stop()
    a, b = (statistics.median(f) for f in found)
    yield Row.absolute("start to first answer", "ms", a, b, 50)


def memory(bench):
    found = []
    for kind in bench.kinds:
        one = {}
        for tls in (False, True):
            proxy = kind(bench, https=True)
            proxy.wait_first_answer()
            time.sleep(1.5)  # until what is loaded off the loop has been loaded
            idle = proxy.process.memory()
            full = bench.hold_streams(proxy, tls, 1000)
            proxy.stop()
            one["idle"] = idle
            one[tls] = [(f - i) / 1000 for f, i in zip(full, idle)]
        found.append(one)
    a, b = found
    mib = KB * KB
    yield Row.absolute("memory idle, sum of RSS", "MiB", a["idle"][0] / mib, b["idle"][0] / mib, 14)
    yield Row("  sum of PSS", "MiB", a["idle"][1] / mib, b["idle"][1] / mib)
    for tls, name, most in ((False, "plain", 24), (True, "TLS upstream", 90)):
        yield Row.absolute(f"memory a stream, {name}, RSS", "KB", a[tls][0] / KB, b[tls][0] / KB,
                           most)
        yield Row("  PSS", "KB", a[tls][1] / KB, b[tls][1] / KB)


def loops(bench):
    """Requests a second need cores that nobody else uses. With fewer than four the ratio is
    computed: what one loop takes for a request, over what the busier half of two takes."""
    free = len(bench.cores) >= 4

    def one(kind, n):
        cores = set(bench.cores[1:1 + n] if free else bench.cores)
        proxy = kind(bench, loops=n, cores=cores)
        proxy.wait_first_answer()
        before = proxy.process.threads_cpu()
        r = bench.load(proxy, "closed", conns=64, settle_ms=300, measure_ms=bench.ms(1500))
        used = [t - before.get(name, 0) for name, t in proxy.process.threads_cpu().items()]
        proxy.stop()
        if free:
            return r["window"]["rate"]
        busiest = max(max(used) / max(sum(used), 1), 1 / n)
        return 1 / (per(r, "requests") * busiest)

    a, b = (statistics.median(one(kind, 2) / one(kind, 1) for _ in range(bench.rounds))
            for kind in bench.kinds)
    yield Row("two loops answer, of one", "x", a, b, ">= 1.7 x", b >= 1.7, ratio=False,
              note="measured" if free else "computed from CPU; see README.md")


def sync_full(bench):
    if not bench.has_weir:
        return
    found = {}
    for sync in ("normal", "full"):
        proxy = bench.kinds[1](bench, sync=sync)
        proxy.wait_first_answer()
        cpu = bench.load(proxy, "closed", conns=64, settle_ms=300, measure_ms=bench.ms(1500))
        wait = bench.load(proxy, "open", rate=200, settle_ms=300, measure_ms=bench.ms(2000))
        found[sync] = per(cpu, "requests"), wait["latency_us"]["p50"] / 1e3
        proxy.stop()
    (cpu_n, wait_n), (cpu_f, wait_f) = found["normal"], found["full"]
    yield Row("ledger.sync: full adds CPU, 4 KB", "us", None, cpu_f - cpu_n)
    yield Row("  and latency at 200/s, p50", "ms", None, wait_f - wait_n)


def perimeter(bench):
    """Requests to both sides; only what leaves is looked through, twice."""
    if not bench.has_weir:
        return
    for size, name in ((400, "400 B"), (4096, "4 KB")):
        found = {}
        for on in (False, True):
            proxy = bench.kinds[1](bench, perimeter=on)
            proxy.wait_first_answer()
            cpu = bench.load(proxy, "closed", conns=64, settle_ms=300, measure_ms=bench.ms(1500),
                             bytes=size)
            found[on] = per(cpu, "requests")
            proxy.stop()
        yield Row(f"the perimeter adds CPU, {name}", "us", None, found[True] - found[False])


# By how the name begins, in us.
MICRO_BARS = {"json": 4, "pick": 3, "plan": 12, "ledger": 9, "translate": 15, "event": 1.5,
              "trial": 1.5, "plain-scan": 80, "scan-and-gate 4 KB, p50": 500,
              "scan-and-gate 4 KB, p99": 1000, "slowest 1 MB": 150_000}


def micro(bench):
    """Programs build/bench/micro_*: each prints {"name": "json 4 KB", "us": 2.9} a line."""
    for line in bench.micro_lines():
        most = next((m for start, m in MICRO_BARS.items() if line["name"].startswith(start)), None)
        if most and not line.get("informative"):
            yield Row.absolute(line["name"], "us", None, line["us"], most)
        else:
            yield Row(line["name"], "us", None, line["us"])


MEASURES = {f.__name__: f for f in (request_cpu, stream_events, burst_events, latency, first_event,
                                    thousand_streams, start, memory, loops, sync_full, perimeter,
                                    micro)}
