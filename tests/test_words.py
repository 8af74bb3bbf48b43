"""The code and the pages speak the field's words, which docs/glossary.md lists.

Here stand the words that it once had of its own, and what they are called by now. None of them may
come back, in any part of an identifier, or in a text or a comment.
"""

import io
import re
import tokenize

import pytest

from tests.places import ROOT

#: By private word, the field's. Neither stands in an identifier, a text, a comment or on a page.
GONE = {
    "accused": "suspected",
    "acquitted": "refuted",
    "arena": "set-up",
    "ballast": "cache flush",
    "duel": "process pair",
    "evictor": "cache flush",
    "fighter": "side",
    "guilty": "culprit",
    "hopeless": "futile",
    "hush": "quiet",
    "lenient": "no monitor",
    "poised": "ready",
    "referee": "monitor",
    "slopes": "gradients",
    "spoiled": "tainted",
    "told": "reported",
    "whoever": "what",
    "whom": "that",
    "witness": "observer",
    "yardstick": "anchor",
}
#: By private word, the field's. They are English in a sentence; no identifier has one as a part.
NO_NAMES = {
    "asked": "requested",
    "burst": "time request",
    "contest": "comparison",
    "dealt": "sampled",
    "exam": "check",
    "hello": "handshake",
    "judged": "decided",
    "listener": "observer",
    "nobody": "idle",
    "recall": "restore",
    "reporter": "observer",
    "usual": "default",
    "wanted": "requested",
    "words": "arguments",
    "world": "version",
    "worlds": "versions",
}
#: What may have one of them, by file: there it has its ordinary meaning.
ALLOWED = {
    # Words of a sentence, whose lengths are drawn; and words of an expression.
    "suites/text.py": {"words"},
    "harness/planning/refusal.py": {"_words"},
    # The course of that name.
    "suites/arrays.py": {"arena"},
    "docs/catalogue/arrays.md": {"arena"},
    # To be told from another, as pages say that were written so and are written anew with a run.
    "results/formats/winners.py": {"told"},
    "docs/winners.md": {"told"},
    "docs/winners-one-thread.md": {"told"},
}
FOLDERS = ("harness", "results", "dashboards", "impls", "suites", "benchmarks")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "action.yml")


def sources():
    """The Python files of the package and of the programs that measure."""
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def texts():
    """All files whose text is bound: sources, kernels, pages and the action."""
    kernels = [p for suffix in ("cpp", "h") for p in sorted((ROOT / "impls").rglob(f"*.{suffix}"))]
    pages = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / page for page in PAGES)]
    return [*sources(), *(ROOT / "opbench").glob("*.py"), *kernels, *pages]


def allowed(path):
    """What a file may have."""
    return ALLOWED.get(str(path.relative_to(ROOT)), set())


def parts(name):
    """The words that an identifier is made of, in lower case."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def identifiers(text):
    """The identifiers of a module, with those in the expressions of f-strings."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield token.string
        elif token.type == tokenize.STRING and "f" in token.string.partition('"')[0].lower():
            for expression in re.findall(r"(?<!\{)\{([^{}]+)", token.string):
                yield from re.findall(r"[A-Za-z_]\w*", expression)


def private_names(text):
    """The identifiers of a module that have a private word as a part."""
    private = {*GONE, *NO_NAMES}
    return {name for name in identifiers(text) if parts(name) & private}


def private_words(text):
    """The private words that stand in a text."""
    return {word for word in GONE if re.search(rf"\b{word}\b", text, re.IGNORECASE)}


def test_identifiers_are_of_the_fields_words():
    private = {p: private_names(p.read_text(encoding="utf-8")) - allowed(p) for p in sources()}
    assert {str(path): names for path, names in private.items() if names} == {}


def test_texts_are_of_the_fields_words():
    private = {p: private_words(p.read_text(encoding="utf-8")) - allowed(p) for p in texts()}
    assert {str(path): words for path, words in private.items() if words} == {}


def test_names_of_tests_are_of_the_fields_words():
    names = {
        name
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {name for name in names if parts(name) & {*GONE, "who", "tells"}} == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("told = 1", {"told"}),
        ("def _told_s(): pass", {"_told_s"}),
        ("class WorldView: pass", {"WorldView"}),
        ('f"{found} of {words[0]}"', {"words"}),
        ("ASKED, wantedness = 1, 2", {"ASKED"}),
        ('"what was wanted, in words"', set()),
    ],
)
def test_private_identifiers_are_found(text, names):
    assert private_names(text) == names


def test_private_words_are_found_in_sentences():
    assert private_words("# Whoever was told of it.") == {"whoever", "told"}
    assert private_words("untold slope, duels") == set()
