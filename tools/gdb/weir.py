"""
gdb's view of Weir's tasks: which there are, what each waits for, and where.

    gdb -x tools/gdb/weir.py -p PID            the serving process (weir-serve), not its parent
    gdb -x tools/gdb/weir.py build/weir CORE

    (gdb) weir-tasks                  every task of every loop: name, state, since and until when
    (gdb) weir-tasks bt               the same, each with its stack
    (gdb) weir-tasks bt connection    only tasks whose name or function holds that word

A task that waits has its registers on its own stack (src/run/context.c), so its frames are walked
by their frame pointers, which all code of the project keeps. Nothing in the process is changed or
called; core files work as well. In batch: gdb -batch -x tools/gdb/weir.py -p PID -ex weir-tasks
"""

import time

import gdb

NEVER = (1 << 63) - 1
NS_PER_MS = 1000000
STATES = {
    "TASK_READY": "ready",
    "TASK_RUNNING": "running",
    "TASK_PARKED": "waits",
    "TASK_ENDED": "ended",
}

# Where weir_switch() left things on the stack, in words from the saved stack pointer: the caller's
# frame pointer and the address to go on at.
LAYOUT = {"x86-64": (5, 6), "aarch64": (10, 11)}
MAX_FRAMES = 64
MAX_TASKS = 1000000


def word(address):
    pointer = gdb.lookup_type("unsigned long").pointer()
    return int(gdb.Value(address).cast(pointer).dereference())


def layout():
    name = gdb.selected_inferior().architecture().name()
    for known, offsets in LAYOUT.items():
        if known in name:
            return offsets
    return None


def list_members(head, of_type, member):
    """The structs that are linked in a `struct list` by their field `member`."""
    kind = gdb.lookup_type("struct " + of_type)
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == member)
    link = head["next"]
    for _ in range(MAX_TASKS):
        if int(link) == int(head.address):
            return
        yield gdb.Value(int(link) - offset).cast(kind.pointer()).dereference()
        link = link["next"]


def loop_here():
    """The loop of the selected thread: its thread-local, else the argument of loop_run()."""
    try:
        symbol = gdb.lookup_static_symbol("current")
        for found in gdb.lookup_static_symbols("current") or [symbol]:
            if str(found.type) == "struct loop *":
                return int(found.value())
    except gdb.error:
        pass
    frame = gdb.newest_frame()
    while frame:
        if frame.name() == "loop_run":
            try:
                return int(frame.read_var("l"))
            except (ValueError, gdb.error):
                return 0
        frame = frame.older()
    return 0


def loops():
    """(loop, its thread) for each thread that runs one."""
    before = gdb.selected_thread()
    seen = []
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
        thread.switch()
        at = loop_here()
        if at and at not in [a for a, _ in seen]:
            seen.append((at, thread))
    if before:
        before.switch()
    kind = gdb.lookup_type("struct loop").pointer()
    return [(gdb.Value(at).cast(kind).dereference(), thread) for at, thread in seen]


def now_ns(all_loops):
    """Now for a live process of this machine; for a core the last time that a loop looked."""
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection and connection.type == "native":
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return max([int(l["now_ns"]) for l, _ in all_loops], default=0)


def duration(ns):
    ms = ns / NS_PER_MS
    return f"{ms:.0f} ms" if ms < 10000 else f"{ms / 1000:.0f} s"


def function_name(pointer):
    block = gdb.block_for_pc(int(pointer))
    return block.function.name if block and block.function else hex(int(pointer))


def describe_pc(pc):
    """One line for each function at that address: those that were inlined come first."""
    # A return address may lie behind the last byte of a function that never returns.
    call = pc - 1
    place = gdb.find_pc_line(call)
    where = f" at {place.symtab.filename}:{place.line}" if place.symtab else ""
    lines = []
    block = gdb.block_for_pc(call)
    while block and not block.is_global and not block.is_static:
        if block.function:
            lines.append(f"{block.function.name}{'' if lines else where}")
        block = block.superblock
    if not lines:
        symbol = gdb.execute(f"info symbol {call:#x}", to_string=True).strip()
        lines.append(symbol.split(" in section")[0] if "in section" in symbol else "??")
    return lines


def saved_frames(task):
    """The addresses that a task which does not run would return to, innermost first."""
    offsets = layout()
    if not offsets:
        return
    sp = int(task["context"]["sp"])
    low, high = int(task["stack"]), int(task.address)
    frame = word(sp + 8 * offsets[0])
    yield word(sp + 8 * offsets[1])
    for _ in range(MAX_FRAMES):
        if not low <= frame < high - 16:
            return
        pc = word(frame + 8)
        if pc == 0:
            return
        yield pc
        older = word(frame)
        if older <= frame:
            return
        frame = older


def print_stack(task, thread):
    n = 0
    if str(task["state"]) == "TASK_RUNNING":
        thread.switch()
        frame = gdb.newest_frame()
        while frame and n < MAX_FRAMES:
            place = frame.find_sal()
            where = f" at {place.symtab.filename}:{place.line}" if place.symtab else ""
            print(f"    #{n} {frame.name() or '??'}{where}")
            n += 1
            frame = frame.older() if frame.name() != "weir_enter" else None
        return
    if int(task["since_ns"]) == 0:
        print(f"    #0 {function_name(task['fn'])} (begins here)")
        return
    for pc in saved_frames(task):
        for line in describe_pc(pc):
            print(f"    #{n} {line}")
            n += 1


def print_task(task, thread, now, with_stack, word_wanted):
    name = task["name"].string()
    function = function_name(task["fn"])
    if word_wanted and word_wanted not in name and word_wanted not in function:
        return False
    state = STATES.get(str(task["state"]), str(task["state"]))
    since, deadline = int(task["since_ns"]), int(task["timer"]["deadline_ns"])
    if state != "running":
        state += f" for {duration(now - since)}" if since else ", not begun"
    until = "" if deadline == NEVER else f", until {duration(deadline - now)} from now"
    cancelled = ", cancelled" if task["cancelled"] else ""
    print(f"  {name} {function}({int(task['arg']):#x}) {state}{until}{cancelled}")
    if with_stack:
        print_stack(task, thread)
    return True


class WeirTasks(gdb.Command):
    """weir-tasks [bt] [WORD]: the tasks of all loops, with `bt` each with its stack."""

    def __init__(self):
        super().__init__("weir-tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        with_stack = bool(words) and words[0] == "bt"
        rest = words[1:] if with_stack else words
        before = gdb.selected_thread()
        frame = gdb.selected_frame() if before else None
        found = loops()
        if not found:
            print("no thread runs a loop (the parent process has none: take weir-serve)")
        now = now_ns(found)
        for loop, thread in found:
            began = int(loop["turn_began_ns"])
            busy = f"turns for {duration(now - began)}" if began else "waits for events"
            index, tasks = int(loop["index"]), int(loop["n_tasks"])
            print(f"loop {index}, thread {thread.num}: {tasks} tasks, {busy}")
            for task in list_members(loop["tasks"], "task", "all_link"):
                print_task(task, thread, now, with_stack, rest[0] if rest else "")
        if before:
            before.switch()
            frame.select()


WeirTasks()
