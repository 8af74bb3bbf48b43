"""The C++ kernels compile for other processors than this one, and are right on them."""

import json
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from opbench.harness.declare import Unavailable
from opbench.impls.kernels import cpp_build
from tests.places import ROOT

KERNELS = ROOT / "impls" / "kernels"
#: Programs of the kernels' headers that need no torch.
ALONE = ROOT / "tests" / "impls" / "alone"
#: What the processor must have to run it, and the widest registers that there are, by level of x86.
LEVELS = {"x86-64": ("sse2", "xmm"), "x86-64-v3": ("avx2", "ymm")}
REGISTERS = ("xmm", "ymm", "zmm")
#: By level, ops and the libraries that are built for them. One of these takes half a minute.
OPS = {
    "x86-64": {
        "batched_softmax": "reductions",
        "patch_pooling": "segment_mean",
        "topk_gating": "gating",
    },
    "x86-64-v3": {"patch_pooling": "segment_mean"},
}
#: What of them is checked.
CASES = ("-k", "odd and (contiguous or sliced)", "--dtype", "float32,bfloat16")
ARM = "aarch64-linux-gnu-g++"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
#: The number of the processor in an ELF file.
AARCH64 = 183


def found(*names):
    """The first of these programs; the test is skipped where there is none."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"needs {' or '.join(names)}")


def compiler_for(level):
    """The command that compiles for a level of x86; the test is skipped where it wouldn't run."""
    flag, _ = LEVELS[level]
    cpu = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not cpu.exists() or flag not in cpu.read_text().split():
        pytest.skip(f"needs a processor that runs {level}")
    try:
        return (*cpp_build.find_compiler(), f"-march={level}")
    except Unavailable as error:
        pytest.skip(str(error))


def compiler_for_arm(architecture):
    return (found(ARM), f"-march={architecture}")


def registers_of(library):
    """The names of the vector registers in the code of a library."""
    code = subprocess.check_output([found("objdump"), "-d", str(library)], text=True)
    return set(re.findall(r"%([xyz]mm)\d", code))


@pytest.mark.parametrize("level", LEVELS)
def test_kernels_are_right_on_a_processor_with_narrower_vectors(level, tmp_path):
    environment = {
        **os.environ,
        "CXX": " ".join(compiler_for(level)),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    command = (
        sys.executable,
        "-m",
        "opbench",
        "check",
        *OPS[level],
        "--impl",
        "cpp",
        "--json",
        *CASES,
    )
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    checked = json.loads(done.stdout)
    verdicts = {item["verdict"]["type"] for item in checked}
    assert (done.returncode, verdicts) == (0, {"Right"}), done.stderr
    assert {item["case"]["op"] for item in checked} == OPS[level].keys()
    registers = {library.stem: registers_of(library) for library in tmp_path.rglob("*.so")}
    widest = REGISTERS.index(LEVELS[level][1])
    assert not any(names & set(REGISTERS[widest + 1 :]) for names in registers.values())
    assert all(REGISTERS[widest] in registers[name] for name in OPS[level].values())


@pytest.mark.parametrize("source", sorted(KERNELS.glob("*.cpp")), ids=lambda path: path.stem)
def test_every_source_compiles_for_arm(source, tmp_path):
    command = cpp_build.compiling(compiler_for_arm("armv8-a"), "opbench_test")
    target = tmp_path / "kernel.o"
    subprocess.run([*command, "-O1", "-c", str(source), "-o", str(target)], check=True)
    (machine,) = struct.unpack_from("<H", target.read_bytes(), 18)
    assert machine == AARCH64


def run_alone(program, compiler, target, *emulator):
    """Compile a program as kernels are compiled, and run it."""
    command = [flag for flag in cpp_build.compiling(compiler, "opbench_test") if flag != "-shared"]
    source = ALONE / f"{program}.cpp"
    subprocess.run(
        [*command, "-static", "-I", str(KERNELS), str(source), "-o", str(target)], check=True
    )
    done = subprocess.run([*emulator, str(target)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, []), done.stdout + done.stderr
    compared = re.fullmatch(r"(\d+) compared, 0 off\n", done.stdout)
    assert compared is not None
    assert int(compared.group(1)) > 100_000


@pytest.mark.parametrize("program", ["rows", "blocks"])
def test_arithmetic_alone_is_right_on_an_emulated_arm(program, tmp_path):
    run_alone(program, compiler_for_arm("armv8-a"), tmp_path / program, found(*EMULATORS))
