# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loads and unloads a bundle again and again over two connections at once, every tenth load as a persistent
one. Arguments: bundle, how many loads in all; then, for a bundle that is not authentic and must not load,
"refused" (over one connection)."""

import fcntl
import os
import sys
import threading
import time

from gatewire import GATE, Wire, result

F_ADD_SEALS = 1033


def sealed(path):
    memfd = os.memfd_create("bundle", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(path, "rb") as file:
        os.write(memfd, file.read())
    fcntl.fcntl(memfd, F_ADD_SEALS, 15)  # all four
    return memfd


class Loop(threading.Thread):
    """@count loads; how many of them were done and undone is in .done, and what went wrong in .problem."""

    def __init__(self, bundle, count, refused, show):
        super().__init__()
        self.bundle, self.count, self.refused, self.show = bundle, count, refused, show
        self.done, self.problem = 0, ""

    def once(self, wire):
        error, reply = wire.load(self.bundle, lifetime="session" if self.done % 10 else "persistent")
        if self.refused:
            return "" if error == GATE + "NotAuthentic" else f"{error}: {reply}"
        if not error:
            error, reply = wire.call(GATE + "Unload", {"id": reply["load"]["id"]})
        while wire.fds:
            os.close(wire.fds.pop())
        return f"{error}: {reply}" if error else ""

    def run(self):
        try:
            wire = Wire(timeout=120)
            started = time.monotonic()
            while self.done < self.count:
                self.problem = self.once(wire)
                if self.problem:
                    return
                self.done += 1
                if self.show and self.done % 50 == 0:
                    print(f"# {self.done} of {self.count}, {time.monotonic() - started:.0f} s", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            self.problem = repr(error)


def main():
    count, refused = int(sys.argv[2]), sys.argv[3:] == ["refused"]
    bundle = sealed(sys.argv[1])
    n = 1 if refused else 2
    loops = [Loop(bundle, count // n, refused, not refused and i == 0) for i in range(n)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    done = sum(loop.done for loop in loops)
    good = result(f"loops: {count} {'refusals' if refused else 'loads and unloads'}", done == count,
                  f"{done} were done; " + "; ".join(loop.problem for loop in loops))
    sys.exit(not good)


main()
