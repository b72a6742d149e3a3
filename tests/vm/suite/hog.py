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


def children(pid):
    return "".join(read(f"/proc/{pid}/task/{task}/children") + " " for task in os.listdir(f"/proc/{pid}/task")).split()


def load_child(pid):
    """The one that offers itself to the OOM killer."""
    while True:
        try:
            for child in children(pid):
                if read(f"/proc/{child}/oom_score_adj").strip() == "1000":
                    return child
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.02)


def kills(group):
    return int(dict(line.split() for line in read(f"{group}/memory.events").splitlines())["oom_kill"])


def take_memory(group):
    """Until one more has been killed, or nobody can be."""
    before = kills(group)
    file = os.memfd_create("hog")
    try:
        for _ in range(2 * LIMIT):
            os.write(file, bytes(MIB))
            if kills(group) > before:
                break
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
