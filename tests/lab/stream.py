# SPDX-License-Identifier: Apache-2.0
"""A TCP stream of large segments between two namespaces, and back."""
import hashlib
import os
import socket
import threading

from harness import expect_equal

SIZE = 48 << 20
BLOCK = os.urandom(1 << 20)


def _serve(listener, verdict):
    connection, _ = listener.accept()
    connection.settimeout(20)
    digest, left = hashlib.sha256(), SIZE
    while left and (data := connection.recv(1 << 18)):
        digest.update(data)
        left -= len(data)
    verdict.append(digest.hexdigest())
    for _ in range(SIZE // len(BLOCK)):
        connection.sendall(BLOCK)
    connection.close()


def transfer(server, client, address, port, listen_port):
    """SIZE bytes in each direction; the contents must be equal."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with server.entered():
        listener = socket.socket(family, socket.SOCK_STREAM)
    listener.settimeout(10)
    listener.bind(("", listen_port))
    listener.listen()
    verdict = []
    thread = threading.Thread(target=_serve, args=(listener, verdict), daemon=True)
    thread.start()
    with client.entered():
        connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect((address, port))
    wanted = hashlib.sha256(BLOCK * (SIZE // len(BLOCK))).hexdigest()
    for _ in range(SIZE // len(BLOCK)):
        connection.sendall(BLOCK)
    digest = hashlib.sha256()
    while data := connection.recv(1 << 18):
        digest.update(data)
    thread.join(20)
    expect_equal(verdict, [wanted], "content at the server")
    expect_equal(digest.hexdigest(), wanted, "content at the client")
