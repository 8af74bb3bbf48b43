"""The pictures of the pages: each is shown somewhere, and none makes a clone large."""

from tests.places import ROOT

PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.png"))


def test_every_picture_is_small_and_shown_on_a_page():
    pages = (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert PICTURES
    for picture in PICTURES:
        assert picture.stat().st_size < 200_000, picture
        assert f"pictures/{picture.name})" in text, picture
