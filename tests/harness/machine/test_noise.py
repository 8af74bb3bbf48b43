"""Every warning from made-up facts, and the probe on made-up files and on this machine."""

import contextlib
import os
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opbench.harness.machine import noise, probe
from opbench.harness.machine.probe import Readings
from opbench.harness.machine.usage import Usage, _family

GOOD = Readings(
    threads=2,
    usable_cores=2,
    quota_cores=2.0,
    others_cores=0.1,
    busiest=("cron (pid 9)", 0.1),
    steal_share=0.02,
    governors=("performance",),
    thread_variables=(("OMP_NUM_THREADS", "2"), ("MKL_NUM_THREADS", "2,1")),
    swapped_bytes=2**30,
    available_share=0.1,
    openmp=("lib/libgomp.so.1",),
)
BAD = {
    "other processes": (
        {"others_cores": 1.5, "busiest": ("make (pid 7)", 1.2)},
        "use 150% of a core, make (pid 7) alone 120%",
    ),
    "unseen processes": ({"others_cores": 0.5, "busiest": None}, "use 50% of a core: times"),
    "steal": ({"steal_share": 0.031}, "withholds 3%"),
    "governor": ({"governors": ("performance", "powersave")}, "governor is powersave:"),
    "threads": ({"usable_cores": 1}, "2 threads for 1 usable cores"),
    "quota": ({"quota_cores": 1.5}, "quota of 1.5 cores"),
    "OMP": (
        {"thread_variables": (("OMP_NUM_THREADS", "8"), ("MKL_NUM_THREADS", "2"))},
        "OMP_NUM_THREADS=8 contradicts the 2 threads",
    ),
    "MKL": ({"thread_variables": (("MKL_NUM_THREADS", "dynamic"),)}, "MKL_NUM_THREADS=dynamic"),
    "debug": ({"debug_builds": ("Python", "torch")}, "Debug build of Python and torch"),
    "instrumentation": (
        {"instrumentation": ("a profiler", "tracemalloc")},
        "by a profiler and tracemalloc",
    ),
    "swap": ({"swapped_bytes": 3 * 2**29, "available_share": 0.04}, "(4% available) and 1.5 GiB"),
    "openmp": (
        {"openmp": ("lib/libgomp.so.1", "x/libiomp5.so")},
        "2 OpenMP runtimes are loaded (lib/libgomp.so.1, x/libiomp5.so)",
    ),
    "battery": ({"on_battery": True}, "on its battery"),
}


def test_no_warnings_on_an_undisturbed_machine():
    assert noise.diagnose(GOOD) == ()
    assert noise.diagnose(Readings(threads=1, usable_cores=1)) == ()


@pytest.mark.parametrize("name", BAD)
def test_each_disturbance_gives_its_warning(name):
    readings, expected = BAD[name]
    (warning,) = noise.diagnose(replace(GOOD, **readings))
    assert expected in warning
    assert warning.count(". ") == 1
    assert warning.endswith(".")


def test_all_disturbances_together_give_all_warnings():
    bad = {key: value for readings, _ in BAD.values() for key, value in readings.items()}
    assert len(noise.diagnose(replace(GOOD, **bad))) == 11


def test_every_fact_can_give_a_warning():
    tried = {key for readings, _ in BAD.values() for key in readings}
    assert set(Readings.__dataclass_fields__) - tried == {"threads"}


@given(st.integers(1, 64), st.integers(1, 64), st.none() | st.floats(0.1, 64))
def test_too_many_threads_give_a_warning_for_each_limit(threads, cores, quota):
    readings = Readings(threads=threads, usable_cores=cores, quota_cores=quota)
    limits = [cores] if quota is None else [cores, quota]
    assert len(noise.diagnose(readings)) == sum(threads > limit for limit in limits)


def test_probe_of_this_machine():
    readings = probe.probe(threads=3, watch_s=0.02)
    assert readings.threads == 3
    assert readings.usable_cores == len(os.sched_getaffinity(0))
    assert readings.others_cores >= 0
    assert 0 <= readings.steal_share <= 1
    assert 0 < readings.available_share <= 1
    assert readings.debug_builds == ()
    assert all(isinstance(text, str) for text in noise.diagnose(readings))


def test_probe_neither_imports_torch_nor_changes_the_process():
    program = (
        "import os, sys; from opbench.harness.machine import noise\n"
        "before = dict(os.environ), os.sched_getaffinity(0)\n"
        "noise.warnings(threads=99, watch_s=0.01)\n"
        "assert before == (dict(os.environ), os.sched_getaffinity(0))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_probe_does_not_execute_a_lazily_loaded_torch():
    program = (
        "import sys; from opbench.harness.machine import probe\n"
        "from opbench.harness.system.lazy_import import import_lazily\n"
        "import_lazily('torch')\n"
        "assert probe.probe(threads=1, watch_s=0.01).debug_builds == ()\n"
        "assert 'torch._C' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_probe_of_a_machine_without_system_files_gives_the_defaults(tmp_path, monkeypatch):
    for name in ("_CPUS", "_CGROUPS", "_PROC"):
        monkeypatch.setattr(probe, name, tmp_path / "missing")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "missing"))
    monkeypatch.delattr(psutil, "sensors_battery")
    monkeypatch.delattr(os, "sched_getaffinity")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    readings = probe.probe(threads=1, watch_s=0.0)
    assert replace(readings, instrumentation=()) == Readings(threads=1, usable_cores=os.cpu_count())


#: Busy as long as this process is there, whatever happens to it.
BURN = f"import os\nwhile os.path.exists('/proc/{os.getpid()}'): pass"


@pytest.fixture
def foreign_process():
    """The id of a busy process that isn't a child of this one: its parent, a shell, has ended.

    It ends by itself within a minute, whatever happens to this process.
    """
    shell = '"$0" -c "$1" >/dev/null 2>&1 & echo $!'
    command = ["setsid", "sh", "-c", shell, sys.executable, BURN]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    yield pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_a_busy_foreign_process_gives_a_warning(foreign_process):
    process = psutil.Process(foreign_process)
    assert os.getpid() not in [parent.pid for parent in process.parents()]
    readings = probe.probe(threads=1, watch_s=0.5)
    assert readings.others_cores > 0.1
    assert any("Other processes use" in text for text in noise.diagnose(readings))


def test_the_busiest_foreign_process_is_named(foreign_process):
    """Others may be busy on this machine too, so that it is looked for in what was counted."""
    before = Usage.now()
    process = psutil.Process(foreign_process)
    start = sum(process.cpu_times()[:2])
    while sum(process.cpu_times()[:2]) < start + 0.2:
        pass
    later = Usage.now()
    known = {
        pid: entry
        for pid, entry in later.processes.items()
        if pid in (foreign_process, os.getpid())
    }
    others, busiest, _ = before.until(replace(later, processes=known))
    assert busiest is not None
    assert busiest[0] == f"{process.name()} (pid {foreign_process})"
    assert 0 < busiest[1] <= others


def test_this_process_and_its_children_are_not_foreign():
    child = subprocess.Popen([sys.executable, "-c", BURN])
    try:
        usage = Usage.now()
        assert {child.pid, os.getpid()} <= set(_family(usage.processes))
    finally:
        child.kill()
        child.wait()


def made(at, busy, *, stolen=0.0, processes=None):
    """The usage of two cores at a time, of which the rest was idle."""
    return Usage(at=at, busy=busy, stolen=stolen, total=2 * at, processes=processes or {})


def test_processor_time_of_others_is_counted():
    me = os.getpid()
    before = made(0.0, 0.0, processes={me: ("me", 1, 5.0), 2: ("make", 1, 7.0)})
    child = {me + 1: ("child", me, 0.5), me + 2: ("grandchild", me + 1, 0.5)}
    others = {2: ("make", 1, 7.5), 3: ("new", 2, 0.25)}
    later = made(2.0, 1.85, processes={me: ("me", 1, 5.1), **child, **others})
    assert before.until(later) == (pytest.approx(0.375), ("make (pid 2)", 0.25), 0.0)


def test_processor_time_that_only_the_total_shows_is_counted():
    me = os.getpid()
    before = made(0.0, 0.0, processes={me: ("me", 1, 0.0), 2: ("idle", 1, 0.0)})
    later = made(1.0, 1.5, stolen=0.1, processes={me: ("me", 1, 0.5), 2: ("idle", 1, 0.0)})
    assert before.until(later) == (1.0, None, pytest.approx(0.05))


def test_a_reused_process_id_counts_for_nothing():
    before = made(0.0, 0.0, processes={2: ("old", 1, 9.0)})
    assert before.until(made(1.0, 0.0, processes={2: ("new", 1, 0.1)})) == (0.0, None, 0.0)


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "groups", "cores"),
    [
        ({}, "", None),
        ({}, "0::/", None),
        ({"cpu.max": "max 100000"}, "0::/", None),
        ({"cpu.max": "150000 100000"}, "0::/", 1.5),
        ({"cpu.max": "150000 100000"}, "0::/path/of/the/host", 1.5),
        ({"a/cpu.max": "400000 100000", "a/b/cpu.max": "max 100000"}, "0::/a/b", 4.0),
        ({"a/cpu.max": "400000 100000", "a/b/cpu.max": "50000 100000"}, "0::/a/b", 0.5),
        ({"a/cpu.max": "400000 100000"}, "0::/b", None),
        (
            {"cpu,cpuacct/a/cpu.cfs_quota_us": "200000", "cpu,cpuacct/a/cpu.cfs_period_us": "1000"},
            "5:cpuset:/\n4:cpu,cpuacct:/a\n1:name=systemd:/a:b",
            200.0,
        ),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "1000"}, "4:cpu:/", None),
        ({"cpu/cpu.cfs_quota_us": "1000"}, "4:cpu:/", None),
    ],
)
def test_quota_is_the_least_of_the_group_and_those_above(tmp_path, files, groups, cores):
    write(tmp_path / "cgroup", files)
    assert probe.quota(tmp_path / "cgroup", groups) == cores


def test_governors_of_all_cores_are_each_listed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "_CPUS", tmp_path)
    names = ("powersave", "performance", "powersave")
    write(tmp_path, {f"cpu{n}/cpufreq/scaling_governor": name for n, name in enumerate(names)})
    assert probe._governors() == ("performance", "powersave")


def test_swapped_and_available_memory_are_parsed():
    text = "MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 8 kB\nSwapFree: 5 kB\nHuge: 0"
    assert probe.memory(text) == (3 * 1024, 0.25)
    assert probe.memory("MemTotal: 1000 kB") == (0, 1.0)
    assert probe.memory("") == (0, 1.0)


def test_openmp_runtimes_are_found_among_similar_names():
    start = "7f0000000000-7f0000001000 r-xp 00000000 fe:00 123"
    files = (
        "/a/torch/lib/libgomp.so.1",
        "/a/torch/lib/libgomp.so.1",
        "/a b/sklearn.libs/libgomp-a34b3233.so.1.0.0",
        "/opt/intel/libiomp5.so",
        "/usr/lib/libomp.so.5",
        "/usr/lib/libompstub5.so",
        "/usr/lib/libcomp.so",
        "[heap]",
    )
    text = "\n".join([f"{start}    {name}" for name in files] + [f"{start} "])
    assert probe.openmp_runtimes(text) == (
        "intel/libiomp5.so",
        "lib/libgomp.so.1",
        "lib/libomp.so.5",
        "sklearn.libs/libgomp-a34b3233.so.1.0.0",
    )


def test_profiler_and_tracemalloc_are_found():
    before = probe._instrumentation()
    old, started = sys.getprofile(), not tracemalloc.is_tracing()
    sys.setprofile(lambda *_: None)
    tracemalloc.start()
    try:
        assert {"a profiler", "tracemalloc"} <= set(probe._instrumentation())
    finally:
        sys.setprofile(old)
        if started:
            tracemalloc.stop()
    assert probe._instrumentation() == before


def test_a_tracer_is_found():
    old = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        found = probe._instrumentation()
    finally:
        sys.settrace(old)
    assert "a tracer (debugger or coverage)" in found


def test_torchs_profiler_is_found():
    import torch

    assert "torch's profiler" not in probe._instrumentation()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]):
        assert "torch's profiler" in probe._instrumentation()


def test_a_debug_build_of_torch_is_found_without_importing_it(tmp_path):
    write(
        tmp_path,
        {
            "torch/__init__.py": "raise SystemExit(9)",
            "torch/version.py": "cuda = None\ndebug = True",
        },
    )
    program = "from opbench.harness.machine import probe; print(probe._debug_builds())"
    root = str(Path(probe.__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), root])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "('torch',)\n"


def test_a_contrary_thread_variable_gives_a_warning(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    warnings = noise.warnings(threads=1, watch_s=0.0)
    assert any("OMP_NUM_THREADS=77 contradicts the 1 threads" in text for text in warnings)
