"""What two versions have in common, and what only one of them has."""

import sys
from pathlib import Path

import pytest

from opbench.harness.machine.anchors import anchor_dispatch
from opbench.harness.planning.selection import Selection
from opbench.harness.regression.comparison import common, everything, versions_of
from opbench.results.errors import SelectionError, VersionError
from tests.harness.projects import OPS, own_imports

#: A second op, of one contender.
OTHER = (
    OPS.replace("row_sum", "row_mean")
    .replace("sum(1)", "mean(1)")
    .partition('@impl("row_mean")\ndef multiplied')[0]
)
ONE = Selection(threads=1)


@pytest.fixture
def compare(tmp_path):
    """Compares two versions whose files `ops.py` and `more.py` are these texts."""

    def compared(base, head, selection=ONE, modules=("ops.py",)):
        for side, texts in (("base", base), ("head", head)):
            (tmp_path / side).mkdir()
            for name, text in zip(("ops.py", "more.py"), texts, strict=False):
                if text is not None:
                    (tmp_path / side / name).write_text(text)
        home = tmp_path / "head"
        places = tuple(str(home / name) for name in modules)
        versions = versions_of(
            tmp_path / "base", home, home=home, modules=places, labels=("main", "the working tree")
        )
        return common(*versions, selection)

    with own_imports(tmp_path):
        yield compared


def contenders(found):
    """Those that are compared, by op."""
    return {race.case.op: race.contenders for race in found.races}


def alone(found):
    """What has become of those that one version lacks."""
    return {item.contender: item.status for item in found.alone}


RENAMED = OPS.replace("def multiplied(", "def product(")


def test_only_a_projects_own_contenders_are_compared(compare):
    found = compare([OPS], [OPS])
    assert contenders(found) == {"row_sum": ("summed", "multiplied", "with_scratch")}
    assert found.alone == ()


@pytest.mark.parametrize(
    "selection",
    [
        ONE,
        Selection(names=("row_sum",), threads=1),
        Selection(names=("row_sum",), impls=("summed", "multiplied", "product"), threads=1),
        Selection(names=("row_sum",), impls=("multiplied", "product"), threads=1),
        Selection(expression="product or multiplied", threads=1),
    ],
)
def test_contenders_of_one_version_are_listed_by_every_selection(compare, selection):
    found = compare([OPS], [RENAMED], selection)
    assert alone(found) == {"multiplied": "vanished", "product": "new"}
    reasons = {item.contender: item.outcome for item in found.alone}
    assert reasons["product"].base.reason == "main has no such contender"
    assert reasons["product"].head is None
    assert reasons["multiplied"].head.reason == "the working tree has no such contender"


def test_a_vanished_op_is_listed_beside_a_selected_one(compare):
    selection = Selection(names=("row_sum", "row_mean"), threads=1)
    found = compare([OPS, OTHER], [OPS, ""], selection, modules=("ops.py", "more.py"))
    assert set(contenders(found)) == {"row_sum"}
    assert alone(found) == {"summed": "vanished"}


def test_an_op_that_vanished_is_listed_where_it_alone_is_named(compare):
    selection = Selection(names=("row_mean",), threads=1)
    found = compare([OPS, OTHER], [OPS, ""], selection, modules=("ops.py", "more.py"))
    assert found.races == ()
    assert alone(found) == {"summed": "vanished"}


def test_an_op_that_the_base_lacks_is_new(compare):
    selection = Selection(names=("row_mean",), threads=1)
    found = compare([OPS, ""], [OPS, OTHER], selection, modules=("ops.py", "more.py"))
    assert found.races == ()
    assert alone(found) == {"summed": "new"}


def reasons(found, side):
    """What is said of those that a version lacks."""
    return {getattr(item.outcome, side).reason for item in found.alone}


@pytest.mark.parametrize("selection", [ONE, Selection(names=("row_sum",), threads=1)])
def test_all_is_new_of_a_file_that_the_base_lacks(compare, selection):
    found = compare([None], [OPS], selection)
    assert found.races == ()
    assert alone(found) == dict.fromkeys(("summed", "multiplied", "with_scratch"), "new")
    assert reasons(found, "base") == {"main has no ops.py"}


def test_a_further_file_is_new_beside_the_compared(compare):
    found = compare([OPS, None], [OPS, OTHER], modules=("ops.py", "more.py"))
    assert set(contenders(found)) == {"row_sum"}
    assert alone(found) == {"summed": "new"}
    assert reasons(found, "base") == {"main has no more.py"}


def test_a_file_that_the_head_lacks_has_vanished(compare):
    found = compare([OPS, OTHER], [OPS, None], modules=("ops.py", "more.py"))
    assert set(contenders(found)) == {"row_sum"}
    assert alone(found) == {"summed": "vanished"}
    assert reasons(found, "head") == {"the working tree has no more.py"}


def test_selecting_a_renamed_contender_shows_its_old_name(compare):
    found = compare([OPS], [RENAMED], Selection(names=("row_sum",), impls=("product",), threads=1))
    assert found.races == ()
    assert alone(found) == {"product": "new", "multiplied": "vanished"}


def test_packages_shared_by_both_versions_are_listed(compare):
    uses = "from numpy import array as made\nfrom pathlib import Path\n" + OPS
    found = compare([OPS], [uses])
    assert [name for name, _ in found.shared] == ["numpy", "torch"]
    assert all(Path(place).is_file() for _, place in found.shared)


def test_working_directory_and_search_path_are_restored(compare):
    before = Path.cwd(), list(sys.path)
    compare([OPS], [OPS])
    assert (Path.cwd(), sys.path) == before


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(names=("row_sun",)), "row_sum"),
        (Selection(names=("row_sum", "row_sun")), "row_sun"),
        (Selection(names=("row_sum",), impls=("sumed",)), "sumed"),
        (Selection(names=("row_sum",), impls=("sumed", "summed")), "sumed"),
        (Selection(names=("row_sum", "patch_pooling"), impls=("sumed", "summed")), "sumed"),
        (Selection(names=("row_sum",), expression="huge"), "the selection is empty"),
        (Selection(names=("row_sum",), dtypes=("float16",)), "float16"),
        (Selection(names=("patch_pooling",)), "declares no contender of what is selected"),
    ],
)
def test_a_name_of_neither_version_is_an_error(compare, selection, expected):
    with pytest.raises(SelectionError, match=expected):
        compare([OPS], [OPS], selection)


def test_the_control_races_anchors_and_contenders_of_the_base(compare):
    found = compare([OPS], [OPS])
    ops = [race.case.op for race in found.control]
    assert {anchor_dispatch.name, "row_sum"} < set(ops)
    assert all(race.case.threads == 1 for race in found.control)
    (own,) = (race for race in found.control if race.case.op == "row_sum")
    assert own.contenders == ("summed",)


def test_a_load_error_names_its_version(compare):
    with pytest.raises(VersionError, match=r"^main does not load: .*ops\.py"):
        compare(["raise ValueError"], [OPS])


@pytest.mark.parametrize("modules", [("ops.py", "none.py"), ("none.py",)])
def test_a_file_of_neither_version_is_an_error(compare, modules):
    with pytest.raises(
        SelectionError, match=r"main has no file none\.py, nor has the working tree"
    ):
        compare([OPS], [OPS], modules=modules)


def test_a_load_error_of_the_head_names_it(compare):
    with pytest.raises(VersionError, match=r"^the working tree does not load: .*ops\.py"):
        compare([OPS], ["raise ValueError"])


#: What torch allows once in a process.
ONLY_ONCE = """
LIBRARY = torch.library.Library("theirs_only_once", "DEF")
LIBRARY.define("op(Tensor x) -> Tensor")
"""


def test_versions_that_cannot_share_a_process_are_compared(compare):
    found = compare([OPS + ONLY_ONCE], [RENAMED + ONLY_ONCE])
    assert contenders(found) == {"row_sum": ("summed", "with_scratch")}
    assert alone(found) == {"multiplied": "vanished", "product": "new"}


def test_a_version_that_dies_while_loading_is_an_error(compare):
    once = ONLY_ONCE.replace("theirs", "of_others")
    with pytest.raises(VersionError, match="has died of it"):
        compare([OPS + once], [OPS + once + "\nimport os\nos.abort()\n"])


def test_in_two_environments_all_that_is_installed_is_compared(tmp_path):
    (tmp_path / "ops.py").write_text(OPS)
    with own_imports(tmp_path):
        version, _ = versions_of(
            tmp_path, tmp_path, home=tmp_path, modules=("a.module",), labels=("", "")
        )
        assert version.modules == ("a.module",)
        version, _ = versions_of(
            tmp_path, tmp_path, home=tmp_path, modules=(str(tmp_path / "ops.py"),), labels=("", "")
        )
        selection = Selection(names=("row_sum", "patch_pooling"), expression="not compile")
        found = everything(version, selection)
    assert set(contenders(found)) == {"row_sum", "patch_pooling"}
    assert found.alone == ()


def test_a_file_is_known_by_the_name_that_is_given(tmp_path):
    """Though it is a link in one version, as where it was moved and left findable."""
    home = tmp_path / "head"
    (home / "bench").mkdir(parents=True)
    (home / "ops.py").write_text(OPS)
    (home / "bench" / "ops.py").symlink_to("../ops.py")
    (tmp_path / "alias").symlink_to(home)
    asked = [str(folder / "bench" / "ops.py") for folder in (home, tmp_path / "alias")]
    base, head = versions_of(
        tmp_path / "base", home, home=home, modules=asked[:1], labels=("main", "")
    )
    assert base.modules == head.modules == ("bench/ops.py",)
    # By another way to the repository it is where that leads to.
    base, _ = versions_of(home, home, home=home, modules=asked[1:], labels=("", ""))
    assert base.modules == ("ops.py",)


def test_a_file_outside_of_the_repository_is_the_same_for_both(tmp_path):
    outside = tmp_path / "ops.py"
    base, head = versions_of(
        tmp_path / "base",
        tmp_path / "head",
        home=tmp_path / "head",
        modules=(str(outside), str(tmp_path / "head" / "sub" / "more.py")),
        labels=("", ""),
    )
    assert base.modules == head.modules == (str(outside), "sub/more.py")
