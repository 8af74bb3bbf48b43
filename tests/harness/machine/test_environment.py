"""What is recorded of the machine."""

import pytest

from opbench.harness.machine import environment


@pytest.fixture
def compiler(monkeypatch):
    """The compiler that is recorded where CXX is this."""

    def recorded(chosen):
        monkeypatch.setenv("CXX", chosen)
        environment._compiler.cache_clear()
        return dict(environment.describe().stable)["compiler"]

    yield recorded
    environment._compiler.cache_clear()


def test_options_in_cxx_are_part_of_the_compiler(compiler, tmp_path):
    command = tmp_path / "cxx"
    command.write_text("#!/bin/sh\necho 'cxx 12.2.0'\necho 'more'\n")
    command.chmod(0o755)
    assert compiler(str(command)) == "cxx 12.2.0"
    assert compiler(f"{command} -march=x86-64-v3 -g") == "cxx 12.2.0 -march=x86-64-v3 -g"
    assert compiler(str(tmp_path / "none")) == "none"
