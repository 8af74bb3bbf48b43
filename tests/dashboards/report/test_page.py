"""The HTML of a report."""

import pytest

from opbench.dashboards.plugin import static_files
from opbench.dashboards.report.collected import MOST, Collected
from opbench.dashboards.report.named_runs import log_of
from opbench.dashboards.report.page import page
from opbench.results.errors import OpbenchError
from tests.results.examples import make_run


def test_a_name_cannot_end_the_script_that_holds_it(tmp_path):
    collected = Collected(log_of([make_run(tmp_path)]))
    collected.refusals["</script><script>alert(1)</script><!--"] = "<img src=x>"
    text = page(collected)
    assert text.count("</script>") == 2
    assert "alert(1)<" not in text
    assert "<img" not in text
    assert "<!--" not in text


def test_a_full_report_is_below_8_megabytes(tmp_path):
    text = page(Collected(log_of([make_run(tmp_path)])))
    assert len(text) + MOST < 8_000_000


def test_without_plotly_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(static_files, "_charting_library", lambda: None)
    with pytest.raises(OpbenchError, match="pip install plotly"):
        page(Collected(log_of([make_run(tmp_path)])))
