"""The documents say of the options what the program's own table says.

docs/cli.md has a table row for every option, README.md for some of them:

    | `--retry DURATION` | `3s` | what it is |
"""

import os
import re

import tree

TABLE = "src/config/option_table.c"
# All of them must be here ...
MANUAL = "docs/cli.md"
# ... and what is here must be true.
PAGES = (MANUAL, "README.md")

NAME = re.compile(r"\.name = \"")
ROW = re.compile(r"\{\.name = \"([a-z0-9-]+)\",(.*?)\n?\},?\n", re.DOTALL)
DOC_ROW = re.compile(r"^\| `--([a-z0-9-]+)(?: ([^`]*))?` \| (.*?) \|",
                     re.MULTILINE)
MENTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")


def _member(row, name):
    found = re.search(rf"\.{name} = \"([^\"]*)\"", row)
    return found.group(1) if found else None


def table(text):
    """Maps each option that users can give to (metavar, default)."""
    return {name: (_member(row, "metavar"), _member(row, "value"))
            for name, row in ROW.findall(text)
            if "OPTIONS_HIDDEN" not in row}


def _row_problem(page, options, name, metavar, default):
    if name not in options:
        return f"{page}: --{name} is no option"
    want_metavar, want_default = options[name]
    if (metavar or None) != want_metavar:
        return (f"{page}: --{name} takes {want_metavar or 'nothing'}, "
                f"not {metavar or 'nothing'}")
    if want_metavar and want_default and f"`{want_default}`" not in default:
        return f"{page}: --{name} has the default {want_default}: {default}"
    return None


def _rows(root, page):
    if not os.path.exists(os.path.join(root, page)):
        return []
    # A value that may be left out, `--name[=VALUE]`, is one all the same.
    text = re.sub(r"\[=([A-Z]+)\]`", r" \1`", tree.read(root, page) or "")
    # A | inside of a table's cell is escaped.
    text = text.replace("\\|", "|")
    return DOC_ROW.findall(text)


def check_options(root):
    text = tree.read(root, TABLE) or ""
    options = table(text)
    if not options or len(ROW.findall(text)) != len(NAME.findall(text)):
        return [f"{TABLE}: has rows of a form that is not known here"]
    problems = [_row_problem(page, options, *row)
                for page in PAGES for row in _rows(root, page)]
    shown = {name for name, _, _ in _rows(root, MANUAL)}
    problems += [f"{MANUAL}: has no row for --{name}"
                 for name in options if name not in shown]
    manual = tree.read(root, MANUAL) if shown else ""
    problems += [f"{MANUAL}: speaks of --{name}, which is no option"
                 for name in sorted(set(MENTION.findall(manual)) - shown)
                 if name not in options]
    return [p for p in problems if p]
