"""What a chart shows, asked of the chart itself; and that nothing in a page is more than text."""

from playwright.sync_api import expect


def traces(frame, place=".chart"):
    """The lines and marks of the first such chart, once it is drawn."""
    frame.locator(f"{place}.js-plotly-plot").first.wait_for()
    script = """([selector]) => document.querySelector(selector).data.map(one => ({
        name: one.name ?? "", x: [...(one.x ?? [])], y: [...(one.y ?? [])], type: one.type,
        texts: [one.hovertext ?? []].flat(), labels: [...(one.labels ?? [])],
        band: one.fill === "toself" && one.yaxis !== "y2", strip: one.yaxis === "y2"}))"""
    return frame.evaluate(script, [f"{place}.js-plotly-plot"])


def lines(frame, place=".chart"):
    """The traces that have a name, by it."""
    return {one["name"]: one for one in traces(frame, place) if one["name"]}


def chooser(frame, label):
    """The choice with a label."""
    return frame.get_by_role("combobox", name=label, exact=True)


def hover_first_mark(frame, place=".chart"):
    """The text that a chart shows over its first mark."""
    mark = frame.locator(f"{place} .points path").first
    mark.wait_for()
    mark.hover(force=True)
    shown = frame.locator(f"{place} .hoverlayer .hovertext").first
    expect(shown).to_be_visible()
    return shown.text_content()


def assert_harmless(frame):
    """No name of a run has become an element, and none ran."""
    assert frame.locator("img, script[src^=x], main b b").count() == 0
    assert "harmed" not in frame.evaluate("document.title + parent.document.title")


def assert_fits(frame):
    """The page is as wide as its window."""
    assert frame.evaluate("document.querySelector('main').scrollWidth <= innerWidth")
