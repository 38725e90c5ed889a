"""Builds empty stand-ins for the NVIDIA libraries that PyPI's torch is linked with but never calls
on a machine without a GPU: more than 2 GB that need not be fetched. Needs gcc and readelf.

    vllm_cuda_stubs.py FOLDER        the lib folder of the installed torch
"""
import collections
import pathlib
import re
import subprocess
import sys

SYSTEM = re.compile(r"(ld-linux|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|cudart|cuda)\.so)")
UNVERSIONED = re.compile(r"nccl|curand|cuFile|cusparseLt|cupti|nvshmem|cudnn|cublas|cufft|nvrtc"
                         r"|cusparse")
NOT_LOADED = re.compile(r"caffe2_nvrtc|cuda_linalg|stub")


def readelf(*args):
    return subprocess.run(["readelf", "-W", *map(str, args)], capture_output=True, text=True,
                          check=True).stdout


def survey(files):
    """What the files need: libraries, symbols by version, symbols without a version."""
    own = {f.name for f in files}
    libraries, versioned, bare, defined = set(), collections.defaultdict(set), set(), set()
    for file in files:
        for name in re.findall(r"\(NEEDED\).*\[(.*?)\]", readelf("-d", file)):
            if name not in own and not SYSTEM.match(name):
                libraries.add(name)
        for line in readelf("--dyn-syms", file).splitlines():
            columns = line.split()
            if len(columns) < 8 or not columns[0].endswith(":"):
                continue
            symbol, _, version = columns[7].partition("@")
            if columns[6] != "UND":
                defined.add(symbol)
            elif version:
                versioned[version.lstrip("@")].add(symbol)
            elif UNVERSIONED.match(symbol):
                bare.add(symbol)
    return libraries, versioned, bare - defined


def build(folder, name, version, symbols):
    source = "".join(f"int {s}(void) {{ return 1; }}\n" for s in sorted(symbols))
    command = ["gcc", "-shared", "-fPIC", "-w", "-x", "c", "-", "-o", folder / name,
               f"-Wl,-soname,{name}"]
    script = folder / (name + ".map")
    if version:
        script.write_text(f"{version} {{ global: *; }};\n")
        command.append(f"-Wl,--version-script={script}")
    subprocess.run(command, input=source or "int unused;\n", text=True, check=True)
    script.unlink(missing_ok=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    libraries, versioned, bare = survey(
        [f for f in folder.glob("*.so*") if not NOT_LOADED.search(f.name)])
    known = set().union(*versioned.values()) if versioned else set()
    for name in sorted(libraries):
        version = "NVSHMEM" if name.startswith("libnvshmem") else name
        if version in versioned:
            build(folder, name, version, versioned[version])
        else:
            build(folder, name, None, bare - known)


if __name__ == "__main__":
    main()
