"""The project's own rules, as tests: lint.py SOURCE_ROOT BUILD_ROOT"""

import shutil
import sys

import build
import includes
import names
import options
import tap
import text
import tree


def main(root, build_root):
    out = tap.Tap()
    out.case("order of the folders", includes.check_folders(root))
    out.case("libraries stay in their folders", includes.check_libraries(root))
    out.case("static names", includes.check_static_names(root))
    out.case("no plain assert in src", text.check_asserts(root))
    out.case("no line over 100 columns", text.check_columns(root))
    out.case("no path of one machine", text.check_machine_paths(root))
    out.case("no package host", text.check_hosts(root))
    out.case("scripts that clean up do so on signals", text.check_traps(root))
    out.case("links of the documents", text.check_links(root))
    out.case("options of the documents", options.check_options(root))
    out.case("files, functions and tests of the documents",
             names.check_names(root))

    compiled = build.commands(build_root)
    out.case("every .c file is built", build.check_registered(root, compiled))
    for header in tree.files(root, ".h"):
        out.case(f"{header} compiles alone",
                 build.check_header(root, header, compiled))
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
