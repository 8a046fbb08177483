"""A worker that speaks the supervisor's protocol and answers every connection with its name; `mood` makes it misbehave."""

import json
import os
import selectors
import signal
import socket
import sys

BEAT_S = 0.02


def main() -> None:
    plan = json.loads(os.read(0, int.from_bytes(os.read(0, 4))))
    mood = plan["mood"]
    if mood == "fails at start":
        sys.exit(3)
    if mood == "begins anew":
        os.write(plan["ready_fd"], b"x")
        sys.exit(os.EX_TEMPFAIL)
    wake_read, wake_write = os.pipe()
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN if mood == "deaf" else lambda *_: os.write(wake_write, b"x"))
    listeners = [socket.socket(fileno=number) for number in plan["listen_fds"]]
    for listener in listeners:
        listener.listen()
        listener.setblocking(False)
    selector = selectors.DefaultSelector()
    for source in (*(listener.fileno() for listener in listeners), wake_read, 0):
        selector.register(source, selectors.EVENT_READ)
    while True:
        sources = [key.fd for key, _ in selector.select(BEAT_S)]
        if mood != "never ready":
            os.write(plan["ready_fd"], b"x")
        asked = [listener for listener in listeners if listener.fileno() in sources]
        for listener in asked:
            client, _ = listener.accept()
            client.sendall(plan["process"].encode())
            client.close()
        if not asked and (0 in sources or wake_read in sources):
            return


if __name__ == "__main__":
    main()
