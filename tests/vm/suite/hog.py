# SPDX-License-Identifier: LGPL-2.1-or-later
"""hog.py PID: waits for a load child of the daemon PID, then takes memory in its control group until the kernel kills
for want of it. Says "ready" when it begins to wait.

Only the child is to be killed: neither what holds the memory nor the daemon can be. Memory is taken by write(2), which
fails where nobody is left to be killed; a page that is touched would be tried for ever."""
import os
import select
import sys
import time

MIB = 1024 * 1024
LIMIT = 64


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def is_load_child(pid, parent):
    """The one that offers itself to the OOM killer. A kernel may be built without /proc/PID/task/TID/children."""
    try:
        stat = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return stat[1] == parent and read(f"/proc/{pid}/oom_score_adj").strip() == "1000"
    except (FileNotFoundError, ProcessLookupError):
        return False


def load_child(parent):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for pid in os.listdir("/proc"):
            if pid.isdigit() and is_load_child(pid, parent):
                return pid
        time.sleep(0.02)
    sys.exit("hog: the daemon has no load child")


def kills(group):
    return int(dict(line.split() for line in read(f"{group}/memory.events").splitlines())["oom_kill"])


def take_memory(group):
    """Until one more has been killed, or nobody can be. By the page in the end: a write that goes on when the memory of
    the one that was killed is free again would take that, too, and the daemon is in want of it."""
    before = kills(group)
    file = os.memfd_create("hog")
    try:
        while kills(group) == before:
            near = int(read(f"{group}/memory.current")) > (LIMIT - 2) * MIB
            os.write(file, bytes(4096 if near else MIB))
    except OSError as e:
        print(f"hog: {e}", flush=True)
    finally:
        os.close(file)


write("/proc/self/oom_score_adj", "-1000")
print("ready", flush=True)
child = load_child(sys.argv[1])
victim = os.pidfd_open(int(child))
write(f"/proc/{sys.argv[1]}/oom_score_adj", "-1000")
group = "/sys/fs/cgroup" + read(f"/proc/{child}/cgroup").strip().split("::")[1]
limit = read(f"{group}/memory.max")
write(f"{group}/cgroup.procs", str(os.getpid()))
write(f"{group}/memory.max", str(LIMIT * MIB))
take_memory(group)
write(f"{group}/memory.max", limit)
write("/sys/fs/cgroup/cgroup.procs", str(os.getpid()))
write(f"/proc/{sys.argv[1]}/oom_score_adj", "0")
sys.exit(0 if select.select([victim], [], [], 20)[0] else 1)
