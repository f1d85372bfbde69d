"""The server under test for connectrpc's conformance runner: its own reference server, behind one
Outrider. The runner says on standard input what it wants (a length and a protobuf message), and is
told where Outrider listens. Usage: server.py OUTRIDER REFERENCE_SERVER."""

import os
import re
import signal
import struct
import subprocess
import sys
import tempfile

HTTP_1 = 1


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def encode(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def fields_of(message):
    """Of a protobuf message, by number; numbers and bytes only."""
    fields, at = {}, 0
    while at < len(message):
        key, at = varint(message, at)
        value, at = varint(message, at)
        if key & 7 == 2:
            value, at = message[at : at + value], at + value
        fields[key >> 3] = value
    return fields


def message_of(fields):
    out = b""
    for number, value in fields.items():
        if isinstance(value, int):
            out += encode(number << 3) + encode(value)
        else:
            out += encode(number << 3 | 2) + encode(len(value)) + value
    return out


def read_message(stream):
    (size,) = struct.unpack(">I", stream.read(4))
    return fields_of(stream.read(size))


def write_message(stream, fields):
    message = message_of(fields)
    stream.write(struct.pack(">I", len(message)) + message)
    stream.flush()


def start_outrider(outrider, folder, wanted, behind):
    def file(name, data):
        path = os.path.join(folder, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    tls = ""
    if wanted.get(4):
        creds = fields_of(wanted[7])
        tls = f"tls: {{ cert: {file('cert', creds[1])}, key: {file('key', creds[2])}"
        if wanted.get(5):
            tls += f", client_ca: {file('ca', wanted[5])}"
        tls += " }, "
    protocol = "http1" if wanted.get(2) == HTTP_1 else "h2"
    config = f"""
version: 1
workers: 1
access_log: {{ to: {folder}/log }}
listeners:
  ingress: {{ bind: 127.0.0.1:0, direction: inbound, {tls}routes: [{{ to: app }}] }}
clusters:
  app: {{ url: "http://127.0.0.1:{behind}", protocol: {protocol} }}
"""
    process = subprocess.Popen(
        [outrider, "run", file("yaml", config.encode())], stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if found := re.search(r"ingress listening on 127\.0\.0\.1:(\d+)", line):
            return process, int(found[1])
    sys.exit("Outrider did not start")


def main(outrider, reference):
    wanted = read_message(sys.stdin.buffer)
    server = subprocess.Popen([reference], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    write_message(server.stdin, {n: wanted[n] for n in (1, 2, 6) if n in wanted})
    answer = read_message(server.stdout)
    folder = tempfile.mkdtemp(dir=os.environ.get("DIR"))
    proxy, port = start_outrider(outrider, folder, wanted, answer[2])

    def end(*_):
        proxy.kill()
        server.kill()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    told = {1: b"127.0.0.1", 2: port}
    if wanted.get(4):
        told[3] = fields_of(wanted[7])[1]
    write_message(sys.stdout.buffer, told)
    sys.stdin.buffer.read()
    server.stdin.close()
    for line in proxy.stderr:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
