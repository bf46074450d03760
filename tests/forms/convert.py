"""Converts the XLSForm sources in core/records/forms (Markdown tables) to XForms XML.

    python3 tests/forms/convert.py            writes FORM.xml beside each FORM.md
    python3 tests/forms/convert.py --check    writes nothing; fails if a committed FORM.xml differs

The XML is a build product that is committed so that phones, the hub and the tests need no Python; --check proves it
is not stale. Needs pyxform 4.5.0, exactly, because another version may order attributes differently:

    python3 -m venv ~/.cache/samanvay-py
    ~/.cache/samanvay-py/bin/pip install pyxform==4.5.0
    ~/.cache/samanvay-py/bin/python tests/forms/convert.py --check

New fields and choices then get their numbers with

    cargo run --release -p samanvay-forms --example assign -- core/records/forms/FORM.xml core/records/forms/ids/FORM.tsv
"""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PYXFORM = "4.5.0"
FORMS = Path(__file__).resolve().parents[2] / "core" / "records" / "forms"


def need_pyxform():
    """Ends the program with instructions unless the right pyxform can be imported."""
    try:
        found = version("pyxform")
    except PackageNotFoundError:
        found = "none"
    if found != PYXFORM:
        sys.exit(f"pyxform {PYXFORM} is needed, found {found}\n{__doc__}")


def convert(source):
    """The XForms XML of one Markdown XLSForm, indented, with a final line break."""
    from pyxform.xls2xform import convert as to_xform

    result = to_xform(xlsform=source, validate=False, pretty_print=True)
    if result.warnings:
        sys.exit(f"{source.name}: " + "; ".join(result.warnings))
    return result.xform.rstrip("\n") + "\n"


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    need_pyxform()
    sources = sorted(FORMS.glob("*.md"))
    if not sources:
        sys.exit(f"no forms found in {FORMS}")
    stale = []
    for source in sources:
        target = source.with_suffix(".xml")
        xml = convert(source)
        if target.exists() and target.read_text(encoding="utf-8") == xml:
            continue
        if arguments:
            stale.append(target.name)
        else:
            target.write_text(xml, encoding="utf-8")
            print(f"wrote {target.name}")
    orphans = sorted({p.stem for p in FORMS.glob("*.xml")} - {p.stem for p in sources})
    if orphans:
        sys.exit("XML without a source: " + ", ".join(orphans))
    if stale:
        sys.exit("stale, run tests/forms/convert.py: " + ", ".join(stale))
    print(f"{len(sources)} forms are up to date")


if __name__ == "__main__":
    main(sys.argv[1:])
