"""The catalogue is right on processors with fewer instructions than this one has.

Torch and oneDNN are made to hold themselves to what older processors have. What is compiled by
torch.compile is left out: compiling it anew for each takes minutes.
"""

import json
import os
import subprocess
import sys

import pytest

#: What the command gets by its environment and by its options.
VARIANTS = {
    "an old one": (
        {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
        ("--threads", "1", "--dtype", "float32,float64,int64"),
    ),
    "one without bfloat16": (
        {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
        ("--threads", "1", "--dtype", "float32,float16,bfloat16"),
    ),
}
COMMAND = (sys.executable, "-m", "opbench")
CHECK = (*COMMAND, "check", "--jobs", "1", "--json")
#: One shape of each op. Thousands of terms, long axes and memory in other layouts take as long as
#: all else, by loops and copies that are the same code on each processor.
EAGER = (
    "-k",
    "(odd or only) and contiguous and not compile"
    " and not long_sum and not long_rows and not long_batch and not long_count",
)


def check(*words, **environment):
    """What `opbench check` found, and its exit code."""
    done = subprocess.run(
        (*CHECK, *words), capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.stdout, done.stderr[-2000:]
    return json.loads(done.stdout), done.returncode


def troubles(checked):
    """Those verdicts that nothing excuses, of what ran."""
    return [
        (item["case"]["op"], item["contender"], item["case"]["inputs"], item["verdict"]["reason"])
        for item in checked
        if item["verdict"]["type"] in ("Wrong", "Failed") and not item["admitted"]
    ]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_eager_contender_is_right_on(name, catalog):
    environment, words = VARIANTS[name]
    checked, code = check(*EAGER, *words, **environment)
    assert not troubles(checked)
    assert code == 0
    assert {(item["case"]["op"], item["contender"]) for item in checked} == {
        (contender.op, contender.name)
        for contenders in catalog.impls.values()
        for contender in contenders.values()
        if "compile" not in contender.name
        and set(catalog.op(contender.op).dtypes) & set(words[-1].split(","))
    }
    # Where convolutions of channels last once let NaN leak: the last dtype of the second.
    cases = {
        (item["case"]["op"], item["case"]["inputs"], item["case"]["dtype"]) for item in checked
    }
    dtypes = words[-1].split(",")
    assert {("conv2d", "nonfinite", dtype) for dtype in dtypes if dtype != "int64"} <= cases


def test_eager_contenders_are_right_on_two_threads_of_an_old_one():
    environment, _ = VARIANTS["an old one"]
    simple = ("-k", f"{EAGER[1]} and odd and normal", "--threads", "2", "--dtype", "float32")
    checked, code = check(*simple, **environment)
    assert not troubles(checked)
    assert (code, {item["case"]["threads"] for item in checked}) == (0, {2})


def test_without_a_compiler_kernels_are_unsupported_and_the_others_right():
    checked, code = check("patch_pooling", "batched_softmax", *EAGER, CXX="/nowhere/c++")
    assert not troubles(checked)
    assert code == 0
    kernels = [item["verdict"] for item in checked if item["contender"].startswith("cpp")]
    assert {(v["type"], "no C++ compiler" in v["reason"]) for v in kernels} == {
        ("Unsupported", True)
    }


def test_compiled_code_of_a_narrower_processor_is_not_taken_for_that_of_this_one(tmp_path):
    """By itself torch.compile's cache tells them apart by nothing, and code of the other aborts."""
    simple = "compile_scatter_add and odd and normal and contiguous"
    words = ("patch_pooling", "-k", simple, "--dtype", "float32")
    cache = tmp_path / "cache"
    apart = {"TORCHINDUCTOR_CACHE_DIR": str(cache)}
    for narrower in ("avx2", ""):
        environment = {"ATEN_CPU_CAPABILITY": narrower} if narrower else {}
        checked, code = check(*words, **apart, **environment)
        assert not troubles(checked), narrower
        assert (code, bool(checked)) == (0, True)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["cache", "cache_avx2"]
