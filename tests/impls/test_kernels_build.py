"""Compiling C++ kernels at first use: the cache, versions side by side, and what goes wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from opbench.harness.declare import Unavailable
from opbench.impls.kernels import cpp_build, pooling_cpp
from tests.places import ROOT

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, cpp_build.COMPILERS)), reason="needs a C++ compiler"
)


def copy_of_kernel(folder, text=""):
    for path in cpp_build.sources_of(pooling_cpp.SOURCE):
        shutil.copy(path, folder)
    source = folder / pooling_cpp.SOURCE.name
    source.write_text(source.read_text() + text)
    return source


def test_two_versions_live_in_one_process(tmp_path):
    first = pooling_cpp.load_ops(pooling_cpp.SOURCE)
    second = pooling_cpp.load_ops(copy_of_kernel(tmp_path, "\n// another version\n"))
    assert first.namespace != second.namespace
    tokens, lengths = torch.randn(2, 6, 3), torch.tensor([[2, 0, 1], [1, 2, 3]])
    outs = [ops.span_mean(tokens, lengths, -1.0) for ops in (first, second)]
    assert torch.equal(*outs)


def test_a_copy_of_a_kernel_is_the_same_version(tmp_path):
    ops = pooling_cpp.load_ops(pooling_cpp.SOURCE)
    assert pooling_cpp.load_ops(copy_of_kernel(tmp_path)) == ops


def test_two_processes_compile_at_once(tmp_path):
    program = (
        "import torch\n"
        "from opbench.impls.kernels.pooling_cpp import patch_pooling\n"
        "print(patch_pooling(torch.ones(1, 2, 1), torch.tensor([[2]])).item())\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    both = [
        subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[0] for process in both] == ["1.0\n", "1.0\n"]
    # The kernels, and the entries to them.
    found = {library.name: library for library in tmp_path.rglob("*.so")}
    assert sorted(found) == ["entries.so", "segment_mean.so"]
    library = found["segment_mean.so"]
    kept = {path.name: path.read_text() for path in (library.parent / "source").iterdir()}
    assert kept == {p.name: p.read_text() for p in cpp_build.sources_of(pooling_cpp.SOURCE)}


def test_a_changed_header_is_another_version(tmp_path, monkeypatch):
    monkeypatch.setattr(cpp_build, "_compile", lambda *_: None)
    source = copy_of_kernel(tmp_path)
    before = cpp_build.build(source)
    assert before == cpp_build.build(pooling_cpp.SOURCE)
    with (tmp_path / "rows.h").open("a") as header:
        header.write("// changed\n")
    assert cpp_build.build(source).namespace != before.namespace


def test_the_cache_is_used_and_can_be_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = tmp_path / "tiny.cpp"
    source.write_text("int opbench_answer() { return 42; }\n")
    # Two at once: each sees a whole library, whichever is first.
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(cpp_build.build, [source, source])
    assert first == second
    assert first.path.parent.parent == tmp_path / "opbench" / "kernels"
    assert {path.name for path in first.path.parent.iterdir()} == {"source", "tiny.so"}
    written = first.path.stat().st_mtime_ns
    assert cpp_build.build(source).path.stat().st_mtime_ns == written


@pytest.mark.parametrize("chosen", ["-march=x86-64", "-mcpu=neoverse-v1"])
def test_the_processor_that_the_compiler_is_given_is_compiled_for(chosen):
    native = cpp_build.flags(("c++", "-m64"))
    assert native == cpp_build.flags(("c++",))
    assert "-march=native" in native
    given = cpp_build.flags(("c++", chosen))
    assert given == tuple(flag for flag in native if not flag.startswith("-m"))


def test_a_library_for_another_processor_is_another_one(monkeypatch):
    monkeypatch.setattr(cpp_build, "_compile", lambda *_: None)
    (command, *_) = cpp_build.find_compiler()
    keys = set()
    for chosen in ("", "-march=x86-64", "-march=x86-64-v3"):
        monkeypatch.setenv("CXX", f"{command} {chosen}")
        keys.add(cpp_build.build(pooling_cpp.SOURCE).namespace)
    assert len(keys) == 3


def test_without_a_compiler(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"no C\+\+ compiler.*install g\+\+"):
        cpp_build.build(pooling_cpp.SOURCE)
    monkeypatch.setenv("CXX", "no-such-compiler -m64")
    with pytest.raises(Unavailable, match=r"\$CXX \(no-such-compiler\) not found"):
        cpp_build.build(pooling_cpp.SOURCE)


def test_a_source_that_does_not_compile(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = tmp_path / "broken.cpp"
    source.write_text("int answer() { return undeclared; }\n")
    with pytest.raises(Unavailable, match=r"(?s)compiling failed.*undeclared.*set CXX"):
        cpp_build.build(source)
    assert not list(tmp_path.rglob("*.so"))


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(Unavailable, match="set XDG_CACHE_HOME"):
        cpp_build.build(pooling_cpp.SOURCE)


def test_importing_compiles_and_registers_nothing(tmp_path):
    program = (
        "import sys, torch, opbench.impls.kernels.pooling_cpp\n"
        "assert not [n for n in torch._C._dispatch_get_all_op_names() if 'opbench' in n]\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, check=True)
    assert not list(tmp_path.iterdir())


def test_calls_without_gradients_go_past_the_registered_gradient():
    ops = pooling_cpp.load_ops(pooling_cpp.SOURCE)
    tokens, lengths = torch.randn(2, 6, 3), torch.tensor([[2, 0, 1], [1, 2, 3]])
    plain = ops.quick.span_mean(tokens, lengths, -1.0)
    assert torch.equal(plain, ops.span_mean(tokens, lengths, -1.0))
    assert not plain.requires_grad
    tracked = ops.quick.span_mean(tokens.requires_grad_(), lengths, -1.0)
    assert tracked.requires_grad
    with torch.no_grad():
        assert not ops.quick.span_mean(tokens, lengths, -1.0).requires_grad


def test_transforms_are_refused_and_not_answered_without_a_gradient():
    lengths = torch.tensor([[2, 1]])
    with pytest.raises(RuntimeError, match="setup_context"):  # torch's own limit
        torch.func.grad(lambda x: pooling_cpp.patch_pooling(x, lengths).sum())(torch.ones(1, 3, 2))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_compiled_code_calls_the_op():
    call = pooling_cpp.load_ops(pooling_cpp.SOURCE).quick.span_mean
    lengths, tokens = torch.tensor([[2, 1]]), torch.randn(1, 3, 2)
    compiled = torch.compile(lambda x: call(x, lengths, -1.0) + 1, fullgraph=True)
    torch.testing.assert_close(compiled(tokens), call(tokens, lengths, -1.0) + 1)
