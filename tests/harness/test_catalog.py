"""Loading joins ops and contenders, and names the culprit of what doesn't fit."""

import subprocess
import types

import pytest
import torch

import opbench
from opbench.harness.declare import impl
from opbench.results.errors import DeclarationError, SelectionError, UnsupportedError
from tests.harness.strangers import install
from tests.places import LOADED


@pytest.fixture(scope="module")
def strangers():
    return opbench.load(LOADED / "row_sum.py", entry_points=False)


def module(name, **values):
    made = types.ModuleType(name)
    vars(made).update(values)
    return made


def tagged(op, name="mine", function=None, **words):
    function = function or (lambda x: x)
    return impl(op, name=name, **words)(function)


def test_file_outside_of_the_project_is_loaded(strangers):
    assert set(strangers.ops) == {"row_sum"}
    assert set(strangers.impls["row_sum"]) == {"summed", "loop", "without_gradient", "elsewhere"}


def test_built_in_suites_enter_by_entry_points(catalog):
    assert {"patch_pooling", "patch_pooling_ids"} <= set(catalog.suites["pooling"])
    assert {"boundary_downsample", "boundary_upsample"} <= set(catalog.suites["boundaries"])


def test_contender_of_another_modules_op_is_joined():
    catalog = opbench.load(LOADED / "row_sum.py", LOADED / "row_sum_trouble.py", entry_points=False)
    assert "planted_wrong" in catalog.impls["row_sum"]


def test_dotted_names_and_modules_are_loaded():
    catalog = opbench.load("opbench.suites.pooling", entry_points=False)
    assert "patch_pooling" in catalog.ops
    from opbench.suites import pooling

    assert opbench.load(pooling, entry_points=False).ops == catalog.ops


def test_op_with_two_names_in_modules_is_one(strangers):
    op = strangers.ops["row_sum"]
    again = opbench.load(module("one", a=op), module("two", b=op), entry_points=False)
    assert again.ops == {"row_sum": op}


@pytest.mark.parametrize(
    ("function", "words", "message"),
    [
        (lambda: 0, {}, r"takes \(\); the op gives it \(x\) by position and by name scale"),
        (lambda x, *, by: x, {}, "option 'by', which is not one of scale"),
        (None, {"caveats": {"odd": "?"}}, "caveat on 'odd', which is not one of contiguous"),
        (
            None,
            {"supports": opbench.supported("?")(lambda y: True)},
            "supports asks for 'y', which is not one of",
        ),
    ],
)
def test_contender_that_does_not_fit_its_op_raises(strangers, function, words, message):
    mine = module("mine", f=tagged("row_sum", function=function, **words))
    ops = module("ops", op=strangers.ops["row_sum"])
    with pytest.raises(DeclarationError, match=message) as caught:
        opbench.load(ops, mine, entry_points=False)
    assert "contender 'mine' of 'row_sum'" in str(caught.value)


def test_unknown_op_raises_with_a_suggestion(strangers):
    ops = module("ops", op=strangers.ops["row_sum"])
    mine = module("mine", f=tagged("row_sums"))
    with pytest.raises(DeclarationError, match=r"no op 'row_sums' \(did you mean 'row_sum'\?\)"):
        opbench.load(ops, mine, entry_points=False)


def test_duplicate_contender_raises_and_names_both(strangers):
    ops = module("ops", op=strangers.ops["row_sum"])
    one, two = module("one", f=tagged("row_sum")), module("two", f=tagged("row_sum"))
    with pytest.raises(DeclarationError, match=r"declared twice: as .* and as "):
        opbench.load(ops, one, two, entry_points=False)
    twice = opbench.load(LOADED / "row_sum.py", entry_points=False).ops["row_sum"]
    with pytest.raises(DeclarationError, match="op 'row_sum' is declared twice: in ops and in mod"):
        opbench.load(ops, module("mod", op=twice), entry_points=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1/0", "broken.py cannot be loaded: ZeroDivisionError"),
        ("import nonsense_xyz", "cannot be loaded: ModuleNotFoundError.*nonsense_xyz"),
        ("def f(:", "cannot be loaded: SyntaxError"),
        (
            "from opbench import impl\nimpl('a', target='b')(print)",
            "broken.py:2: contender 'print' of 'a'.*'module:attribute'",
        ),
    ],
)
def test_broken_file_raises_and_is_named(tmp_path, text, message):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(DeclarationError, match=message):
        opbench.load(path, entry_points=False)


def test_missing_file_or_module_raises():
    with pytest.raises(DeclarationError, match=r"there is no file nowhere\.py"):
        opbench.load("nowhere.py", entry_points=False)
    with pytest.raises(DeclarationError, match=r"no_such_module cannot be loaded"):
        opbench.load("no_such_module", entry_points=False)


def test_call_validates_resolves_and_runs(strangers):
    x = torch.arange(6.0).view(2, 3)
    assert strangers.call("row_sum", x, impl="summed").tolist() == [3.0, 12.0]
    assert strangers.call("row_sum", x, impl="summed", scale=2.0).tolist() == [6.0, 24.0]


def test_call_gives_arguments_by_position_under_any_name(strangers):
    mine = module("mine", f=tagged("row_sum", function=lambda rows: rows.sum(1)))
    catalog = opbench.load(module("ops", op=strangers.ops["row_sum"]), mine, entry_points=False)
    assert catalog.call("row_sum", x=torch.ones(2, 3), impl="mine").tolist() == [3, 3]
    assert catalog.call("row_sum", torch.ones(2, 3), impl="mine", scale=1.0).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("args", "words", "error", "message"),
    [
        ((torch.ones(3),), {"impl": "summed"}, ValueError, "row_sum: x: has 1 axes, takes 2"),
        ((), {"impl": "summed"}, TypeError, r"row_sum: missing .*'x'; it takes \(x, scale=\)"),
        ((1, 2), {"impl": "summed"}, TypeError, "too many positional arguments"),
        ((torch.ones(2, 2),), {"impl": "summ"}, SelectionError, "did you mean 'summed'"),
        ((torch.ones(101, 2),), {"impl": "loop"}, UnsupportedError, "at most 100 rows"),
        (
            (torch.ones(2, 2),),
            {"impl": "without_gradient", "scale": 3.0},
            UnsupportedError,
            "has no option scale",
        ),
        ((torch.ones(2, 2),), {"impl": "elsewhere"}, UnsupportedError, "pip install a_module"),
    ],
)
def test_call_with_wrong_arguments_raises(strangers, args, words, error, message):
    with pytest.raises(error, match=message):
        strangers.call("row_sum", *args, **words)


def test_call_of_an_unknown_op_raises(strangers):
    with pytest.raises(SelectionError, match=r"no op named 'sum'.*known: row_sum"):
        strangers.call("sum", impl="x")


def test_missing_target_raises_when_it_is_resolved(strangers):
    ops = module("ops", op=strangers.ops["row_sum"])
    mine = module("mine", f=tagged("row_sum", target="math:no_such_thing"))
    catalog = opbench.load(ops, mine, entry_points=False)
    with pytest.raises(DeclarationError, match="'math:no_such_thing' cannot be resolved"):
        catalog.call("row_sum", torch.ones(1, 1), impl="mine")


def test_installed_package_is_loaded_by_its_entry_point(tmp_path):
    """A real package, installed into an environment of its own, races beside the built-in ones."""
    python = install(
        tmp_path,
        "import torch\nfrom opbench import impl\n\n"
        '@impl("patch_pooling")\n'
        "def theirs(tokens, lengths, *, fill=-1.0):\n"
        "    ids = torch.arange(lengths.numel()).view(lengths.shape)\n"
        "    out = []\n"
        "    for row, sizes in zip(tokens, lengths.tolist()):\n"
        "        parts = row[: sum(sizes)].split(sizes)\n"
        "        out.append(torch.stack([\n"
        "            p.mean(0) if len(p) else torch.full_like(row[0], fill) for p in parts]))\n"
        "    return torch.stack(out)\n",
    )
    words = ["-m", "opbench", "run", "patch_pooling", "--impl", "theirs,index_add"]
    words += ["-k", "tiny", "--out", str(tmp_path / "runs"), "--id", "r", "--budget", "0.2"]
    words += ["--no-spot-check"]  # it takes no batch of nothing
    done = subprocess.run([python, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "theirs" in done.stdout
    assert "index_add" in done.stdout
