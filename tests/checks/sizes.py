"""Size budgets: a file has at most 600 lines, a function 70, a crate root 15 public items.

Knows Rust only as far as braces, strings and comments go, and Python by its own parser; other languages only by file
length. Exceptions stand in `sizes-allowed.tsv`, each with a reason; one that is no longer needed is an error, too.
Start at `main`.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES, ROOT_ITEMS = 600, 70, 15
SOURCES = {".rs", ".kt", ".swift", ".py", ".java", ".c", ".sh", ".js", ".html", ".css", ".sql"}
ALLOWED = Path(__file__).with_name("sizes-allowed.tsv")

_TOKEN = re.compile(
    r"""//[^\n]*
      | /\*
      | b?c?r(?P<hashes>\#*)"
      | [bc]?"(?:\\.|[^"\\])*"
      | b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^'\\\n])'""",
    re.VERBOSE | re.DOTALL,
)


def mask(rust):
    """The same text with comments, strings and characters blanked; line breaks stay."""
    parts, at = [], 0
    while match := _TOKEN.search(rust, at):
        start, end = match.span()
        if match[0] == "/*":
            end = _comment_end(rust, end)
        elif match["hashes"] is not None:
            if start and (rust[start - 1].isalnum() or rust[start - 1] == "_"):
                parts.append(rust[at : start + 1])
                at = start + 1
                continue
            close = rust.find('"' + match["hashes"], end)
            end = len(rust) if close < 0 else close + 1 + len(match["hashes"])
        parts += [rust[at:start], re.sub(r"[^\n]", " ", rust[start:end])]
        at = end
    return "".join(parts) + rust[at:]


def _comment_end(rust, at):
    depth = 1
    while depth and (mark := re.compile(r"/\*|\*/").search(rust, at)):
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
    return at if depth == 0 else len(rust)


def rust_functions(masked):
    """(name, lines) of every function with a body, from its `fn` to its closing brace."""
    for match in re.finditer(r"\bfn\s+(\w+)", masked):
        body = _body_start(masked, match.end())
        if body is not None:
            end = _closing(masked, body)
            yield match[1], masked.count("\n", match.start(), end) + 1


def _body_start(masked, at):
    depth = 0
    for mark in re.compile(r"[(){}\[\];]").finditer(masked, at):
        if mark[0] in "([":
            depth += 1
        elif mark[0] in ")]":
            depth -= 1
        elif depth == 0:
            return mark.start() if mark[0] == "{" else None
    return None


def _closing(masked, at):
    depth = 0
    for mark in re.compile(r"[{}]").finditer(masked, at):
        depth += 1 if mark[0] == "{" else -1
        if depth == 0:
            return mark.end()
    return len(masked)


def root_items(masked):
    """How many names a crate root makes public; a `pub use` counts each name, a glob more than any budget."""
    top, depth = [], 0
    for match in re.finditer(r"\bpub\s+use\s+[^;]*;|[{}]|[^{}]", masked):
        text = match[0]
        if len(text) > 1:
            top.append(text if depth == 0 else "")
        elif text in "{}":
            depth += 1 if text == "{" else -1
        elif depth == 0:
            top.append(text)
    text = "".join(top)
    count = 0
    for use in re.findall(r"\bpub\s+use\s+([^;]*);", text):
        count += ROOT_ITEMS + 1 if "*" in use else _names(use)
    item = r"\bpub\s+(?:const\s+|async\s+|unsafe\s+|extern\s+)*(?:fn|struct|enum|union|trait|type|const|static|mod)\b"
    return count + len(re.findall(item, re.sub(r"\bpub\s+use\s+[^;]*;", "", text)))


def _names(use):
    while inner := re.search(r"[\w:]*\{([^{}]*)\}", use):
        use = use[: inner.start()] + inner[1].strip().rstrip(",") + use[inner.end() :]
    return len([name for name in use.split(",") if name.strip()])


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def measures(path, text):
    """(what, size, budget) of everything in a file that has a budget."""
    yield "file", text.count("\n") + (not text.endswith("\n")), FILE_LINES
    functions = []
    if path.endswith(".rs"):
        masked = mask(text)
        functions = rust_functions(masked)
        if path.endswith("src/lib.rs"):
            yield "root", root_items(masked), ROOT_ITEMS
    elif path.endswith(".py"):
        functions = python_functions(text)
    for name, lines in functions:
        yield f"fn {name}", lines, FUNCTION_LINES


def allowances():
    lines = [line for line in ALLOWED.read_text().splitlines() if line and not line.startswith("#")]
    rows = [line.split("\t") for line in lines]
    if bad := [line for line, row in zip(lines, rows, strict=True) if len(row) != 4 or not row[3].strip()]:
        sys.exit(f"{ALLOWED.name}: want path, what, limit and reason, split by tabs: {bad[0]}")
    return {(path, what): int(limit) for path, what, limit, _ in rows}


def sources():
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], capture_output=True, check=True, text=True)
    for path in sorted(set(listed.stdout.split("\0"))):
        file = Path(path)
        if (file.suffix in SOURCES or path in ("tests/run", ".ci/run") or path.startswith("tests/setup/")) and file.is_file():
            yield path, file.read_text(encoding="utf-8")


def main():
    allowed, needed, over, count = allowances(), set(), [], 0
    for path, text in sources():
        count += 1
        for what, size, budget in measures(path, text):
            if size <= budget:
                continue
            limit = allowed.get((path, what), budget)
            needed.add((path, what))
            if size > limit:
                over.append(f"{path}: {what}: {size}, allowed are {limit}")
    over += [f"{ALLOWED.name}: not needed any more: {path} {what}" for path, what in sorted(set(allowed) - needed)]
    print("\n".join(over + [f"sizes: {count} files, {len(over)} over budget, {len(allowed)} exceptions"]))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
