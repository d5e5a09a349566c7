#!/usr/bin/python3
"""Runs the command line clients many times without starting Python each time.

Reads a JSON object a line: {"program": "glance", "arguments": [...], "environment": {...}}; answers with a line {"code", "out", "err"}.
Every command runs the client's own entry point in a process of its own, forked after the modules were loaded, with a terminal at which nobody
types as its standard input (the image client takes anything else for an image): what it does, prints and ends with is what the installed
command does, prints and ends with.
"""
import importlib
import json
import os
import pty
import sys
import tempfile
import traceback

# What the clients load on the first command.
for module in ("glanceclient.shell", "glanceclient.v2.shell", "glanceclient.v2.client", "openstackclient.shell", "openstackclient.image.client",
               "openstackclient.image.v2.image", "openstack", "keystoneauth1.loading", "keystoneauth1.identity.v3", "prettytable", "requests"):
    try:
        importlib.import_module(module)
    except ImportError:
        pass

ENTRY = {"glance": "glanceclient.shell", "openstack": "openstackclient.shell"}


def run(job):
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.argv = [job["program"], *job["arguments"]]
    try:
        code = importlib.import_module(ENTRY[job["program"]]).main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 0


for line in sys.stdin:
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        _, terminal = pty.openpty()
        os.dup2(terminal, 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdin = open(0, closefd=False)
        sys.stdout = open(1, "w", closefd=False)
        sys.stderr = open(2, "w", closefd=False)
        code = 1
        try:
            code = run(json.loads(line))
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    texts = []
    for file in (out, err):
        file.seek(0)
        texts.append(file.read().decode(errors="replace"))
        file.close()
    print(json.dumps({"code": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1]}), flush=True)
