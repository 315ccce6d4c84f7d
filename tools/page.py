"""Combines the live page into one HTML document, as C.

    page.py OUTPUT INDEX PART...

In INDEX the line "@STYLE@" is replaced by the style sheets (.css), "@SCRIPT@" by
the scripts (.js). At "@GATEWAY@" the document is split, for the attributes that
the gateway adds. The policy (Content-Security-Policy) allows these parts, by
their SHA-256, and nothing else."""

import base64
import hashlib
import sys

POLICY = ("default-src 'none'; script-src {script}; style-src {style}; "
          "img-src data:; connect-src 'self'; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'")
# Text that would end an element early, or that a browser would change (and with it
# the hash).
FORBIDDEN = ("</script", "<script", "</style", "<!--", "\r", "\0")


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        text = f.read()
    return text if text.endswith("\n") else text + "\n"


def read_part(path):
    text = read(path)
    for word in FORBIDDEN:
        if word in text.lower():
            sys.exit(f"page.py: {path} holds {word!r}")
    return text


def source(text):
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "'sha256-" + base64.b64encode(digest).decode("ascii") + "'"


def put(index, mark, text):
    if index.count(mark) != 1:
        sys.exit(f"page.py: {mark.strip()} is to be there once")
    return index.replace(mark, text)


def as_c(name, text):
    data = text.encode("utf-8")
    lines = [",".join(map(str, data[i:i + 20])) + ","
             for i in range(0, len(data), 20)]
    return (f"const unsigned char {name}[] = {{\n" + "\n".join(lines)
            + f"\n}};\nconst size_t {name}_len = sizeof({name});\n")


def join(parts, suffix):
    return "".join(read_part(path) for path in parts if path.endswith(suffix))


def main(output, index, *parts):
    style = join(parts, ".css")
    script = join(parts, ".js")
    page = put(read(index), "@STYLE@\n", style)
    page = put(page, "@SCRIPT@\n", script)
    head, mark, tail = page.partition("@GATEWAY@")
    if not mark or "@GATEWAY@" in tail or "\r" in page:
        sys.exit("page.py: @GATEWAY@ is to be there once, and no CR")
    policy = POLICY.format(script=source("\n" + script),
                           style=source("\n" + style))
    with open(output, "w", encoding="ascii", newline="\n") as f:
        f.write("/* Made by tools/page.py of src/ui. */\n"
                '#include "http/live_page_source.h"\n\n'
                + as_c("live_page_source_head", head) + as_c("live_page_source_tail", tail)
                + f'const char live_page_source_policy[] =\n\t"{policy}";\n')


if __name__ == "__main__":
    main(*sys.argv[1:])
