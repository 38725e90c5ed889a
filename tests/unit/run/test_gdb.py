"""tools/gdb/weir.py on a stopped program: names, states and stacks of its tasks.

Exit status 77: skipped, as this machine has no debugger or allows none.
"""

import re
import shutil
import subprocess
import sys

script, target = sys.argv[1:3]
if not shutil.which("gdb"):
    print("skipped: there is no gdb")
    sys.exit(77)
before = ["set debuginfod enabled off", "set disable-randomization off"]
commands = [
    "break stopped_here", "run",
    "echo LIST\\n", "weir-tasks",
    "echo STACKS\\n", "weir-tasks bt",
    "echo ONE\\n", "weir-tasks bt vain",
    "echo STILL\\n", "bt 1", "continue",
]
arguments = ["gdb", "-nx", "-batch"]
for command in before:
    arguments += ["-iex", command]
arguments += ["-x", script]
for command in commands:
    arguments += ["-ex", command]
run = subprocess.run(arguments + [target], capture_output=True, text=True, timeout=60)
out = run.stdout
forbidden = re.search("ptrace|not permitted|Could not trace", run.stderr)
if forbidden and "Breakpoint 1, " not in out:
    print("skipped: this machine allows no debugger\n" + run.stderr)
    sys.exit(77)
print(out, run.stderr)


def between(first, second):
    return out[out.index(first + "\n"):out.index(second + "\n") if second else len(out)]


def expect(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.M | re.S), pattern


listed, stacks, one = between("LIST", "STACKS"), between("STACKS", "ONE"), between("ONE", "STILL")
expect(listed, r"^loop 0, thread 1: 4 tasks, turns for \d+ ms$",
       r"^  vain waits_in_vain\(0x0\) waits for \d+ ms$",
       r"^  minute waits_a_minute\(0x0\) waits for \d+ ms, until \d+ s from now$",
       r"^  stopper runs\(0x0\) running$",
       r"^  unborn never_began\(0x0\) ready, not begun$")
assert "#0" not in listed
for name in ("waits_in_vain", "waits_a_minute"):
    frames = re.search(rf"^  \w+ {name}\(.*\n((?:    #.*\n)+)", stacks, re.M)
    functions = re.findall(r"#\d+ (\w+)", frames[1])
    here = functions.index("task_park")
    assert functions[here + 1:here + 4] == ["deep_inside", name, "run_to_end"], functions
    expect(frames[1], r"deep_inside at \S+gdb_target\.c:\d+$")
expect(stacks, r"#0 stopped_here[^#]*#1 runs",
       r"unborn never_began.*#0 never_began \(begins here\)")
expect(one, r"waits_in_vain")
assert "minute" not in one and "stopper" not in one
expect(between("STILL", None), r"#0 +(0x\w+ in )?stopped_here", r"exited normally")
print("passed")
