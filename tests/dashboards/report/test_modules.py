"""The page's own files as addresses that hold them."""

import base64

from opbench.dashboards.plugin.static_files import static_files
from opbench.dashboards.report.modules import addresses, linked


def test_paths_become_names_wherever_the_module_lies():
    text = 'import { a } from "../api.js";\nimport * as b from "./b.js";\n'
    assert linked(text, "views/x.js") == (
        'import { a } from "opbench/api.js";\nimport * as b from "opbench/views/b.js";\n'
    )


def test_an_address_beside_the_module_becomes_a_name():
    assert linked('new URL("style.css", import.meta.url).href', "index.js") == (
        'import.meta.resolve("opbench/style.css")'
    )


def test_every_import_of_the_page_is_one_of_its_files_and_none_needs_a_server():
    held = addresses(static_files())
    assert {"opbench/index.js", "opbench/style.css", "opbench/views/profile.js"} <= set(held)
    for name, address in held.items():
        text = base64.b64decode(address.partition(",")[2]).decode()
        assert "import.meta.url" not in text, name
        assert 'from ".' not in text, name
        assert "fetch(" not in text, name
