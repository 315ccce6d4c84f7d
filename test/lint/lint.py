"""The project's own rules, as tests: lint.py SOURCE_ROOT BUILD_ROOT"""

import shutil
import sys

import build
import calls
import quick
import tap
import tree


def main(root, build_root):
    out = tap.Tap()
    quick.cases(out, root)

    compiled = build.commands(build_root)
    out.case("every .c file is built", build.check_registered(root, compiled))
    out.case("no circle of calls", calls.check_calls(
        calls.program_objects(build_root)))
    headers = tree.files(root, ".h")
    for header, problems in zip(headers, build.in_parallel(
            lambda h: build.check_header(root, h, compiled), headers)):
        out.case(f"{header} compiles alone", problems)
    compiler = shutil.which("c++")
    if compiler is None:
        out.skip("include/sluice.h in C++", "no c++")
    else:
        out.case("include/sluice.h in C++", build.check_header_in_cxx(
            root, "include/sluice.h", compiler))

    program, why = build.clang_format()
    if program is None:
        out.skip("clang-format", why)
    else:
        out.case("clang-format", build.check_format(root, program))
    return out.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
