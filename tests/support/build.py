# SPDX-License-Identifier: Apache-2.0
"""What was built, and the wire's messages, for the tests.

BUILD names the build directory, "build" without it.
"""
import functools
import itertools
import os
import pathlib
import random
import socket

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
CDAPRD = BUILD / "bin/cdaprd"
MODULES = BUILD / "libexec/cdapr/components"


def program(name):
    """The program of a component, or of an example."""
    for path in (BUILD / "components" / name / name, BUILD / "examples" / name):
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is not built in {BUILD}")


@functools.lru_cache(maxsize=None)
def _pool():
    """The messages of proto/: the file that reflection is served from."""
    files = descriptor_pb2.FileDescriptorSet()
    files.ParseFromString((BUILD / "gen/descriptors.pb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


@functools.lru_cache(maxsize=None)
def message(name):
    """The class of a message, by its full name."""
    descriptor = _pool().FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool()).GetPrototype(descriptor)


def components(name):
    """The class of a message of the component contract."""
    return message("dapr.proto.components.v1." + name)


_claims = []


def _claim(port):
    """Whether a port is free, and this process the first to ask for it: tests
    that run beside it do not get it."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0cdapr-test-port-{port}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on, below those that the kernel
    gives to clients."""
    candidates = random.sample(range(20000, 32000), 1000)
    ports = list(itertools.islice(filter(_claim, candidates), count))
    if len(ports) < count:
        raise OSError("no free ports")
    return ports
