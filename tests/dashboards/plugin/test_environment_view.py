"""The environment of a run as a browser shows it."""

from playwright.sync_api import expect

from tests.dashboards.plugin.data.test_environment import CALIBRATION, CEILINGS
from tests.dashboards.plugin.served import plugin_server, visit
from tests.results.examples import make_run


def test_a_real_run_shows_its_machine_and_versions(real, tmp_path):
    frame = real.open(view="environment")
    expect(frame.get_by_role("table", name="Facts that decide")).to_contain_text("torch")
    expect(frame.get_by_role("table", name="Run", exact=True)).to_contain_text("real")
    expect(frame.get_by_role("table", name="Anchors on cpu, 2 threads")).to_contain_text("dispatch")
    expect(frame.locator("main")).to_contain_text("opbench calibrate --gate")
    real.page.screenshot(path=tmp_path / "environment.png")


def test_ceilings_and_calibration_are_shown(context, tmp_path):
    make_run(tmp_path / "logs").append(CEILINGS, CALIBRATION)
    with plugin_server(tmp_path / "logs") as url, visit(context, url) as visitor:
        frame = visitor.open(view="environment")
        ceilings = frame.get_by_role("table", name="Ceilings of arithmetic and dispatch")
        expect(ceilings).to_contain_text("1000 GFLOP/s")
        expect(frame.locator(".chart .scatterlayer path.js-line")).to_have_count(1)
        expect(frame.get_by_role("table", name="Calibration")).to_contain_text("59 of 60")
        visitor.page.screenshot(path=tmp_path / "ceilings.png")
