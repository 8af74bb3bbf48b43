"""`opbench calibrate --ceilings`: one document of JSON, however many devices are measured."""

import json

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records import Ceilings


@pytest.fixture
def everywhere(tmp_path, monkeypatch):
    """As if this machine had every device, each of which is measured in no time."""

    def measure(*, device, threads, budget_s, environment_key):
        return Ceilings(
            environment_key=environment_key,
            device=device,
            threads=threads,
            memory=((1 << 12, 1e9),),
            matmul=(("float32", 1e9),),
            dispatch_s=1e-6,
        )

    monkeypatch.setattr("opbench.harness.machine.ceilings.measure", measure)
    monkeypatch.setattr("opbench.harness.machine.device.ensure_device", lambda device: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def printed(capsys, *words):
    """What is printed as JSON for these words, which is nothing else."""
    assert main(["calibrate", "--ceilings", "--threads", "1", "--json", *words]) == Exit.OK
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("words", [[], ["--device", "cpu"], ["--device", "cpu,cpu"]])
def test_of_one_device_the_document_is_its_ceilings(everywhere, capsys, words):
    reported = printed(capsys, *words)
    assert (reported["type"], reported["device"]) == ("Ceilings", "cpu")


def test_of_several_devices_it_is_a_list_in_the_order_given(everywhere, capsys):
    reported = printed(capsys, "--device", "cuda:1,cpu", "--device", "cuda")
    assert [ceilings["device"] for ceilings in reported] == ["cuda:1", "cpu", "cuda"]


def test_for_people_there_is_a_table_of_each(everywhere, capsys):
    assert main(["calibrate", "--ceilings", "--threads", "1", "--device", "cpu,cuda"]) == Exit.OK
    out = capsys.readouterr().out
    assert out.count("an op that does nothing") == 2
