"""What a real zsh makes of what is typed before the tab key. Arguments: the folder with the file `_outrider`, then
texts; a line each of what the command would get."""
import os
import pty
import re
import select
import sys
import time

pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "vt100"
    os.execvp("zsh", ["zsh", "-f", "-i"])


def read(until):
    text, end = "", time.time() + 60
    while until not in text and time.time() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
    return text


def send(text):
    os.write(terminal, text.encode())


# The shell's echo of a line does not hold the marks as they are printed.
send(f"PROMPT='' RPROMPT=''; fpath=({sys.argv[1]} $fpath); autoload -Uz compinit; compinit -u -D\n"
     "outrider() { print -r -- 'GO''T:'\"$*\":; }; print 'REA''DY'\n")
read("READY")
for words in sys.argv[2:]:
    send(words + "\t\n")
    print("".join(re.findall(r"GOT:(.*?):", read(":\r"))))
