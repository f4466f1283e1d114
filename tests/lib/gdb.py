# SPDX-License-Identifier: GPL-2.0
"""The little of gdb's remote protocol that tests need to stop, step and change a guest.

QEMU is started with gdb_option(); x86_64 and one CPU. What is looked for in a guest is
for those who use it: tests/kdump/initcall.py, tests/bench/stepping.py.
"""

import socket
import time

# Numbers of registers in gdb's x86_64 description.
RAX, RDI, RSP, R12, R13, RIP = 0, 5, 7, 12, 13, 16


def gdb_option(path):
    """For QEMU; a path of a socket must be short."""
    return ("-gdb", f"unix:{path},server=on,wait=off")


class Stub:
    """The little of gdb's remote protocol that this needs."""

    def __init__(self, path, guest, limit):
        self.deadline = time.monotonic() + limit
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError as error:
                if guest.poll() is not None or time.monotonic() > self.deadline:
                    raise ConnectionError(f"no gdb stub: {error}") from error
                time.sleep(0.1)
        self.buffer = b""

    def receive(self):
        """The next packet, acknowledged."""
        while b"#" not in self.buffer or len(self.buffer) < self.buffer.index(b"#") + 3:
            self.socket.settimeout(max(0.1, self.deadline - time.monotonic()))
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the guest is gone")
            self.buffer += data
        end = self.buffer.index(b"#")
        packet = self.buffer[self.buffer.index(b"$") + 1 : end]
        self.buffer = self.buffer[end + 3 :]
        self.socket.sendall(b"+")
        return packet.decode()

    def ask(self, command):
        data = command.encode()
        self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 255))
        return self.receive()

    def expect(self, command, reply="OK"):
        answer = self.ask(command)
        if not answer.startswith(reply):
            raise ConnectionError(f"QEMU answers '{answer}' to '{command}'")
        return answer

    def detach(self):
        """Lets the guest go on alone."""
        self.ask("D")
        self.socket.close()

    def stop_at(self, address):
        """Goes on until `address` is reached; false when the guest ends first."""
        self.expect(f"Z1,{address:x},1")
        answer = self.ask("c")
        if not answer.startswith("T"):
            return False
        self.expect(f"z1,{address:x},1")
        return True

    def registers(self):
        packet = bytes.fromhex(self.ask("g"))
        return packet, [int.from_bytes(packet[i : i + 8], "little") for i in range(0, 17 * 8, 8)]

    def set_registers(self, packet, **values):
        packet = bytearray(packet)
        for name, value in values.items():
            number = globals()[name]
            packet[number * 8 : number * 8 + 8] = value.to_bytes(8, "little")
        self.expect(f"G{packet.hex()}")

    def read(self, address, size):
        return bytes.fromhex(self.ask(f"m{address:x},{size:x}"))

    def write(self, address, data):
        self.expect(f"M{address:x},{len(data):x}:{data.hex()}")

    def step(self):
        """One instruction."""
        self.ask("s")

    def attach(self):
        """Stops a guest that runs. It may say so twice: by itself, and as the answer."""
        self.ask("?")
        self.socket.settimeout(0.5)
        try:
            while self.socket.recv(4096):
                self.socket.sendall(b"+")
        except TimeoutError:
            self.buffer = b""
