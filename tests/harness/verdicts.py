"""What the check says of contenders that tests load."""

import opbench
from opbench.harness.correctness.caveats import Checked
from opbench.harness.pipeline.check import check
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.results.records import Right, Unsupported
from tests.places import LOADED


class Exam:
    """The checks of a file's contenders, each op's done when it is first asked for."""

    def __init__(self, file: str) -> None:
        self.catalog = opbench.load(LOADED / file)

    def contenders(self, prefix: str) -> list[tuple[str, str]]:
        """Op and name of those whose name begins so."""
        return [
            (op, name)
            for op, contenders in self.catalog.impls.items()
            for name in contenders
            if name.startswith(prefix)
        ]

    def found(self, op: str, name: str, expression: str = "", **selected: object) -> list[Checked]:
        """The verdicts on a contender, on the cases that are selected."""
        selection = Selection(
            names=(op,), impls=(name,), expression=expression, threads=1, **selected
        )
        return list(check(self.catalog, plan_checks(self.catalog, selection)).checked)

    def faults(self, op: str, name: str, expression: str = "", **selected: object) -> list[Checked]:
        """The verdicts that aren't good ones."""
        found = self.found(op, name, expression, **selected)
        return [item for item in found if not isinstance(item.verdict, Right | Unsupported)]
