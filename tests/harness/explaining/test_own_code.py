"""The code that was compiled for a contender, as files."""

import ctypes
import shutil
import subprocess

import pytest
import torch

from opbench.harness.explaining import own_code
from opbench.impls.kernels import cpp_build

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, cpp_build.COMPILERS)), reason="needs a C++ compiler"
)


@pytest.fixture
def library(tmp_path):
    """A library with its source in a folder beside it, not loaded yet."""
    folder = tmp_path / "built" / "source"
    folder.mkdir(parents=True)
    source = folder / "doubled.cpp"
    source.write_text('extern "C" double doubled(double x) { return 2 * x; }\n')
    target = tmp_path / "built" / "doubled.so"
    (command, *_) = cpp_build.find_compiler()
    subprocess.run([command, "-shared", "-fPIC", "-o", target, source], check=True)
    return target


@needs_compiler
def test_a_library_is_read_with_its_sources(tmp_path, library, monkeypatch):
    before = own_code.loaded()
    assert own_code.write_code(before, tmp_path, "mine") == ()
    ctypes.CDLL(str(library))

    files = {path.name: path.read_text() for path in own_code.write_code(before, tmp_path, "mine")}
    assert "return 2 * x" in files["mine.doubled.cpp"]
    assert "<doubled>:" in files.get("mine.doubled.s", "<doubled>:")
    assert ("mine.doubled.s" in files) == bool(shutil.which("objdump"))

    monkeypatch.setenv("PATH", "")
    assert [p.name for p in own_code.write_code(before, tmp_path, "x")] == ["x.doubled.cpp"]
    assert own_code.write_code(own_code.loaded(), tmp_path, "again") == ()


@needs_compiler
def test_what_the_compiler_generated_is_read(tmp_path):
    before = own_code.loaded()
    shifted = torch.compile(lambda x: (x * 3.25 + 1).cos())
    shifted(torch.ones(100))
    texts = [path.read_text() for path in own_code.write_code(before, tmp_path, "mine")]
    assert any("async_compile" in text and "cos" in text for text in texts)
