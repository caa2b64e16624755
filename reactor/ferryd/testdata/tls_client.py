"""Uploads and downloads by TLS in base and status, and says the hashes: HOST PORT VERSION FINGERPRINT."""
import hashlib
import os
import socket
import ssl
import sys

host, port, version, fingerprint = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)


def connect(port):
    connection = context.wrap_socket(socket.create_connection((host, port), 20))
    shown = hashlib.sha256(connection.getpeercert(True)).hexdigest()
    assert shown == fingerprint, shown
    return connection


def exactly(connection, n):
    data = b""
    while len(data) < n:
        more = connection.recv(n - len(data))
        assert more, "the connection ended"
        data += more
    return data


def everything(connection):
    data = []
    while True:
        more = connection.recv(1 << 16)
        if not more:
            return b"".join(data)
        data.append(more)


def framed(data):
    return b"%010d" % len(data) + data


def reply(control):
    return exactly(control, int(exactly(control, 10))).decode()


def ask(control, command, status):
    control.sendall(framed(command.encode()))
    if not status:
        return int(exactly(control, 10)), b""
    words = reply(control).split()
    assert words[0] == "150", words
    return int(words[1]), words[2].encode()


def session(status):
    control = connect(port)
    if status:
        control.sendall(framed(b"hello 1"))
        assert reply(control).startswith("200 ferry/1 ")
    for size in (0, 1, 5000, 3_000_001):
        content = os.urandom(size)
        at, key = ask(control, "put file", status)
        data = connect(at)
        data.sendall(key + framed(content))
        raw = data.unwrap()  # close_notify both ways
        assert raw.recv(1) == b""
        raw.close()
        assert not status or reply(control).startswith("226 ")
        at, key = ask(control, "get file", status)
        data = connect(at)
        data.sendall(key)
        got = everything(data)
        data.close()  # without close_notify, as many do
        assert got == framed(content), (len(got), size)
        assert not status or reply(control).startswith("226 ")
    control.sendall(framed(b"quit"))
    everything(control)


session(False)
session(True)
print("done")
