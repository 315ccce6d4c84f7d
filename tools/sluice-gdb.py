"""Printers for gdb: `gdb -x tools/sluice-gdb.py PROGRAM`.

    print conn->cursor     state, coverage and flags of a cursor on one screen
    print hub->subscriptions.dirty
                           a struct list with its number of entries
    sluice-list EXPR TYPE MEMBER
                           every entry of a list: sluice-list &hub->subscriptions.dirty cursor dirty
"""

import gdb
import gdb.printing

LIST_MAX = 100000


def list_nodes(head):
    """The addresses of a circular list's nodes, without its head."""
    start = int(head.address)
    node = head["next"]
    for _ in range(LIST_MAX):
        if int(node) in (0, start):
            return
        yield node
        node = node.dereference()["next"]


class ListPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        if int(self.value["next"]) == 0:
            return "list (zeroed)"
        count = sum(1 for _ in list_nodes(self.value))
        return f"list of {count}"


class CursorPrinter:
    SHOWN = ("covered", "sent", "events", "bytes")

    def __init__(self, value):
        self.value = value

    def _name(self, field, enum):
        number = self.value[field]
        try:
            return str(number.cast(gdb.lookup_type("enum " + enum)))
        except gdb.error:
            return str(int(number))

    def _flags(self):
        names = [f.name for f in self.value.type.fields()
                 if f.bitsize == 1 and bool(self.value[f.name])]
        return " ".join(names) or "none"

    def to_string(self):
        shown = " ".join(f"{name}={int(self.value[name])}"
                         for name in self.SHOWN)
        return (f"cursor {self._name('state', 'cursor_state')} {shown} "
                f"gap={self._name('gap', 'cursor_gap')} "
                f"flags: {self._flags()}")


class ListCommand(gdb.Command):
    """sluice-list EXPR TYPE MEMBER: the entries of a list, each as struct TYPE."""

    def __init__(self):
        super().__init__("sluice-list", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) != 3:
            raise gdb.GdbError("sluice-list EXPR TYPE MEMBER")
        head = gdb.parse_and_eval(words[0])
        if head.type.code == gdb.TYPE_CODE_PTR:
            head = head.dereference()
        kind = gdb.lookup_type("struct " + words[1])
        offset = next(f.bitpos // 8 for f in kind.fields()
                      if f.name == words[2])
        for node in list_nodes(head):
            item = gdb.Value(int(node) - offset).cast(kind.pointer())
            print(f"{int(item):#x} {item.dereference()}")


def build():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("sluice")
    printers.add_printer("list", "^list$", ListPrinter)
    printers.add_printer("cursor", "^cursor$", CursorPrinter)
    return printers


gdb.printing.register_pretty_printer(None, build(), replace=True)
ListCommand()
