#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""embed-text.py NAME INPUT OUTPUT: writes the text of INPUT as the C string NAME."""
import sys

name, source, target = sys.argv[1:]
with open(source, encoding="utf-8") as text, open(target, "w", encoding="utf-8") as out:
    out.write('#include "service.h"\n\n')
    out.write(f"const char {name}[] =\n")
    for line in text:
        quoted = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
        out.write(f'\t"{quoted}\\n"\n')
    out.write("\t;\n")
