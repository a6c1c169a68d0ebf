"""`python -m infra.docs`: write anew what the pages take from the code. A test fails where it was forgotten."""

from infra.docs.options_page import ROOT, options_page
from infra.docs.shown_flow import with_shown_flow

if __name__ == "__main__":
    (ROOT / "docs" / "options.md").write_text(options_page())
    readme = ROOT / "README.md"
    readme.write_text(with_shown_flow(readme.read_text(), (ROOT / "flows" / "label.py").read_text()))
