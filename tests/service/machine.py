"""A machine of its own for the test: Debian's own systemd as process 1, in systemd-nspawn, on a root that is thrown away.

The root is made once by mmdebstrap and kept; each run works on an overlay over it, in memory. There is no network but
loopback.
"""
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time


class CannotRun(Exception):
    """This computer cannot run the test; the sentence says why."""


class Failed(Exception):
    """An expectation was not met."""


SYSTEM_PACKAGES = ["systemd", "systemd-sysv", "dbus", "libnss-systemd", "procps", "iproute2", "curl", "psmisc",
                   "bash-completion", "man-db"]


def needed_packages(debs):
    """What the packages depend on, beside each other: the first of alternatives."""
    names = set()
    for deb in debs:
        depends = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], check=True, capture_output=True, text=True).stdout
        for one in depends.split(","):
            name = one.split("|")[0].split("(")[0].strip()
            # A plugin's author needs Boost's headers; the service does not, and they are many.
            if name and not name.startswith("payoutd") and not (name.startswith("libboost") and name.endswith("-dev")):
                names.add(name)
    return sorted(names)


def make_root(cache, debs):
    """The pristine root for these packages, made if it is not there yet."""
    packages = SYSTEM_PACKAGES + needed_packages(debs)
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
    root = cache / f"root-{key}"
    if root.is_dir():
        return root
    cache.mkdir(parents=True, exist_ok=True)
    for old in cache.glob("root-*"):
        shutil.rmtree(old, ignore_errors=True)
    fresh = cache / "new"
    shutil.rmtree(fresh, ignore_errors=True)
    log = cache / "mmdebstrap.log"
    # This machine's own sources, wherever they point. The installation makes no PostgreSQL cluster beside the embedded.
    sources = [str(path) for path in sorted(pathlib.Path("/etc/apt").glob("sources.list.d/*.sources"))]
    sources += [str(path) for path in [pathlib.Path("/etc/apt/sources.list")] if path.is_file() and path.stat().st_size]
    proxies = []
    for name in ("Acquire::http::Proxy", "Acquire::https::Proxy"):
        value = subprocess.run(["apt-config", "shell", "P", name], capture_output=True, text=True).stdout.strip()
        if value:
            proxies.append(f"--aptopt={name} {json.dumps(shlex.split(value)[0].removeprefix('P='))}")
    command = ["mmdebstrap", "--variant=apt", *proxies, "--include=" + ",".join(packages),
               "--essential-hook=mkdir -p $1/etc/postgresql-common",
               "--essential-hook=echo create_main_cluster=false > $1/etc/postgresql-common/createcluster.conf",
               "bookworm", str(fresh), *sources]
    with open(log, "w") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise CannotRun(f"mmdebstrap made no root; {log} says why")
    fresh.rename(root)
    return root


class Machine:
    def __init__(self, root, binds):
        self.binds = binds
        self.root = root
        self.nspawn = None
        self.leader = None

    def start(self):
        """Boots it; raises CannotRun where this computer allows no such thing."""
        # However the test ends, the machine ends with it.
        command = ["setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "-q", "-D", str(self.root), "--volatile=overlay", "--register=no", "--keep-unit",
                   "--private-network", f"--machine=payoutd-test-{os.getpid()}",
                   *[f"--bind-ro={source}:{target}" for source, target in self.binds], "-b"]
        self.nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, start_new_session=True)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self.nspawn.poll() is not None:
                why = self.nspawn.stderr.read().decode(errors="replace").strip().splitlines()
                raise CannotRun("systemd-nspawn does not work here: " + (why[-1] if why else "it ended"))
            self.leader = self._leader()
            if self.leader and self.run("systemctl is-system-running", check=False).output.strip() in (
                    "running", "degraded"):
                return
            time.sleep(0.3)
        raise CannotRun("systemd did not come up in systemd-nspawn within a minute")

    def _leader(self):
        try:
            children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        except OSError:
            return None
        for pid in children:
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                    return int(pid)
            except OSError:
                pass
        return None

    def stop(self):
        if self.nspawn is None or self.nspawn.poll() is not None:
            return
        # What it held in memory is of no use to anybody, so it need not go down in an orderly way.
        if self.leader:
            os.kill(self.leader, signal.SIGKILL)
        else:
            self.nspawn.send_signal(signal.SIGTERM)
        try:
            self.nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()

    def run(self, command, check=True, timeout=120):
        """A shell command inside."""
        done = subprocess.run(["nsenter", "-t", str(self.leader), "-a", "--", "/usr/bin/env", "-i",
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                               "HOME=/root", "DEBIAN_FRONTEND=noninteractive", "/bin/bash", "-c", command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout)
        result = Result(done.returncode, done.stdout)
        if check and done.returncode != 0:
            raise Failed(f"this failed with {done.returncode}: {command}\n{done.stdout}")
        return result

    def write(self, path, text, mode="0644"):
        self.run(f"install -D -m {mode} /dev/null {shlex.quote(path)} && printf %s {shlex.quote(text)} > {path}")

    def read(self, path):
        return self.run(f"cat {shlex.quote(path)}").output


class Result:
    def __init__(self, code, output):
        self.code = code
        self.output = output
