"""Why two versions can't be twins: in a line for everybody, at full length for who asks for it."""

from opbench.harness.cli.exit_codes import Exit
from tests.harness.projects import OPS, gate, repository

#: Torch takes it once in a process, and says so at length.
LIBRARY = """

LIBRARY = torch.library.Library("theirs", "DEF")
LIBRARY.define("doubled(Tensor x) -> Tensor")
"""
WORDS = ("--load", "ops.py", "--impl", "summed", "--threads", "1", "--min-slowdown", "90%")


def test_torchs_message_about_a_second_library(tmp_path):
    root = repository(tmp_path / "theirs", {"ops.py": OPS + LIBRARY})
    (root / "ops.py").write_text(OPS + LIBRARY + "\n# changed\n")
    done = gate(root, "--base", "main", *WORDS, "--budget", "1s", "-v")
    assert done.code in (Exit.OK, Exit.INCONCLUSIVE), done.out + done.error
    (reported,) = (
        line for line in done.out.splitlines() if " against " in line and "as pairs" in line
    )
    assert reported.endswith("can be used to register the namespace theirs)")
    assert len(reported) < 260
    (at_length,) = (line for line in done.error.splitlines() if "as pairs: not twins: " in line)
    assert "please put all of your definitions in a single TORCH_LIBRARY block" in at_length
