#!/usr/bin/env python3
"""payoutd as a Debian package and a systemd service, on a machine of its own: installed, started, reloaded, killed,
hung, drained, upgraded under load, removed and purged. What is asserted comes from systemd, the journal and the
simulator's own ledger of what it paid.

    tests/service/service_test.py --packages DIR --programs DIR --cache DIR [--short]

Ends with 0 if all is well, 1 if something failed, 77 if this computer cannot run it.
"""
import argparse
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import CannotRun, Failed, Machine, make_root  # noqa: E402

SIMULATOR = "http://127.0.0.1:8491"
HOST = "http://127.0.0.1:8480"
UNIT = "payoutd.service"
NOT_POSSIBLE = 77
# payoutd-dev depends on Boost's headers, which a machine without a compiler has no use for.
DPKG = "dpkg --ignore-depends=libboost1.81-dev,libboost-json1.81-dev --force-confold"


def expect(condition, sentence):
    if not condition:
        raise Failed(sentence)


def eventually(limit_s, done, sentence):
    """What `done` answers as soon as it is true."""
    until = time.monotonic() + limit_s
    while True:
        value = done()
        if value:
            return value
        if time.monotonic() > until:
            raise Failed(f"not within {limit_s} s: {sentence}")
        time.sleep(0.2)


class Service:
    """What the steps do and look at, on the machine."""

    def __init__(self, machine):
        self.machine = machine
        self.run = machine.run
        self.batches = []
        self.cursor = None

    # ---- systemd

    def show(self, name):
        return self.run(f"systemctl show {UNIT} -p {name} --value").output.strip()

    def active(self):
        return self.show("ActiveState") == "active"

    def main_pid(self):
        return int(self.show("MainPID"))

    def restarts(self):
        return int(self.show("NRestarts"))

    def ctl(self, command, check=True, timeout=120):
        return self.run(f"payoutctl {command}", check=check, timeout=timeout)

    def systemctl(self, verb, check=True, timeout=240):
        return self.run(f"systemctl {verb} {UNIT}", check=check, timeout=timeout)

    def fresh_limits(self):
        """Many starts within a minute are what a test does, and what the unit takes for a defect."""
        self.run(f"systemctl reset-failed {UNIT}", check=False)

    def mark(self):
        """From here on journal() reads."""
        found = re.search(r"-- cursor: (\S+)", self.run("journalctl -n 0 --show-cursor").output)
        self.cursor = found.group(1) if found else None

    def journal(self):
        after = f"--after-cursor='{self.cursor}'" if self.cursor else ""
        return self.run(f"journalctl -u {UNIT} -o cat --no-pager {after}").output

    def http(self, path, token=""):
        """Status of a GET; 0: no answer."""
        header = f"-H 'Authorization: Bearer {token}'" if token else ""
        return int(self.run(f"curl -s -o /dev/null -m 5 -w '%{{http_code}}' {header} {HOST}{path}", check=False).output)

    def await_ready(self, limit_s=60):
        eventually(limit_s, lambda: self.active() and self.http("/readyz") == 200,
                   f"{UNIT} is active and ready:\n{self.journal()[-3000:]}")

    def processes(self, name):
        """Processes of the service's user whose command is `name`."""
        return [int(pid) for pid in self.run(f"pgrep -u payoutd -x {name[:15]}", check=False).output.split()]

    # ---- payouts

    def post(self, count):
        """A batch of so many payouts; returns when all are admitted."""
        batch = f"service-{len(self.batches) + 1}"
        rows = "".join(f"{1 + i % 40}.{i % 100:02},EUR,{46700000000 + 10000 * len(self.batches) + i}\n"
                       for i in range(count))
        self.machine.write("/tmp/pay.csv", "amount,currency,destination\n" + rows)
        self.ctl(f"pay /tmp/pay.csv --batch {batch} --no-wait")
        self.batches.append((batch, count))
        return batch

    def tally(self, batch):
        rows = json.loads(self.ctl(f"tally --batch {batch} --json").output)["tally"]
        return {row["state"]: sum(r["count"] for r in rows if r["state"] == row["state"]) for row in rows}

    def in_flight(self, batch):
        """Some are with the provider, and some still wait."""
        states = self.tally(batch)
        return states.get("SUBMITTING", 0) + states.get("SENT", 0) > 0 and states.get("CONFIRMED", 0) > 0

    def await_in_flight(self, batch):
        eventually(30, lambda: self.in_flight(batch), f"payouts of {batch} are in flight")

    def settle(self, batch, limit_s=120):
        """Every payout of the batch came to its end, and the simulator's ledger says the same of each."""
        count = dict(self.batches)[batch]
        eventually(limit_s, lambda: self.tally(batch).get("CONFIRMED", 0) == count,
                   f"all {count} payouts of {batch} are confirmed, not {self.tally(batch)}")
        check = self.run(f"/programs/payoutd-ledger-check {HOST} {SIMULATOR} {batch}", check=False)
        expect(check.code == 0, check.output)

    def generation(self):
        return json.loads(self.ctl("scripts status --json", check=False).output)["active"]["generation"]


# ---- the steps; each begins and ends with a service that runs, unless it says otherwise


def install(s):
    """installed by dpkg: started and enabled, nothing but loopback, nobody gets in without a token"""
    s.installed_at = time.monotonic()
    s.mark()
    s.run(f"{DPKG} -i /packages/*.deb", timeout=180)
    expect(s.active(), "it runs after its installation:\n" + s.journal())
    expect(s.http("/readyz") == 200, "READY came only when it was ready")
    expect(s.show("UnitFileState") == "enabled", "it is enabled")
    expect(s.show("User") == "payoutd", "it runs as its own user")
    expect("Running; 0 payouts in hand; no provider is configured; scripts generation 1" in s.show("StatusText"),
           "its status says how it is: " + s.show("StatusText"))
    expect(s.http("/v1/payouts") == 401, "the API asks for a token")
    listening = s.run("ss -Hltn | awk '{print $4}'").output.split()
    expect(listening == ["127.0.0.1:8480"], f"it listens on loopback alone: {listening}")
    owners = s.run("stat -c '%U %a %n' /var/lib/payoutd /etc/payoutd/credentials /etc/payoutd/credentials/jwt_secret"
                   " /etc/default/payoutd /run/payoutd/control.sock").output.splitlines()
    expect(owners == ["payoutd 700 /var/lib/payoutd", "root 700 /etc/payoutd/credentials",
                      "root 600 /etc/payoutd/credentials/jwt_secret", "root 640 /etc/default/payoutd",
                      "payoutd 600 /run/payoutd/control.sock"], f"owners and modes are right: {owners}")
    exposure = s.run(f"systemd-analyze security --no-pager --threshold=15 {UNIT}", check=False)
    expect(exposure.code == 0, "its exposure is at most 1.5:\n" + exposure.output)
    s.run("man -w payoutctl payoutd payoutd.yaml")


def tokens(s):
    """a rotated credential counts from the restart, the old one no more"""
    old = s.ctl("token issue --sub awa --role admin").output.strip()
    expect(s.http("/v1/payouts", old) == 200, "a token of the generated key is accepted")
    s.machine.write("/etc/payoutd/credentials/jwt_secret", "another-secret-of-the-test-0123456789abcdef\n", "0600")
    new = s.ctl("token issue --sub awa --role admin").output.strip()
    expect(s.http("/v1/payouts", new) == 401, "systemd hands credentials over at a start only")
    s.systemctl("restart")
    expect(s.http("/v1/payouts", new) == 200, "the new key counts")
    expect(s.http("/v1/payouts", old) == 401, "the old one does not")


def first_payout(s):
    """a provider is configured, and the first payout is paid, within a minute of the installation"""
    s.run("systemd-run --unit=simulator --service-type=exec payoutd-simulator --momo 127.0.0.1:8490"
          " --control 127.0.0.1:8491 --accept-any-credentials --seed 7 --processing-ms 50..400"
          " --transfer-latency-ms 100..400")
    eventually(10, lambda: s.run(f"curl -sf {SIMULATOR}/stats", check=False).code == 0, "the simulator answers")
    s.run("cp /usr/share/doc/payoutd/examples/providers/momo-simulator.yaml /etc/payoutd/providers/"
          " && echo ENV=dev >> /etc/default/payoutd"
          f" && echo 'public_url: {HOST}' >> /etc/payoutd/payoutd.yaml")
    s.systemctl("restart")
    s.machine.write("/tmp/first.csv", "amount,currency,destination\n12.50,EUR,46700000777\n")
    s.ctl("pay /tmp/first.csv --batch first --timeout 30")
    took = time.monotonic() - s.installed_at
    s.batches.append(("first", 1))
    s.settle("first")
    print(f"       from nothing to the first payout: {took:.1f} s")
    expect(took < 60, "it took less than a minute")
    # From here on: what was called back while nobody listened is asked about soon, not after a minute.
    s.run("cd /etc/payoutd/scripts/backoff && sed '0,/up_to = 600, every = 60 /s//up_to = 600, every = 2 /' momo.lua > new"
          " && mv new momo-simulator.lua")
    s.ctl("scripts reload")


def bad_configuration(s):
    """a configuration error keeps it from starting, says where it is, and is not tried again and again"""
    s.run("sed -i 's/^http:/htp:/' /etc/payoutd/payoutd.yaml")
    s.mark()
    expect(s.systemctl("restart", check=False).code != 0, "the restart fails")
    expect(s.show("ActiveState") == "failed" and s.restarts() == 0, "it stays down: " + s.show("ActiveState"))
    expect(re.search(r"payoutd.yaml:\d+:1: htp: is not a setting, did you mean 'http'", s.journal()),
           "the journal says what is wrong:\n" + s.journal())
    s.run("sed -i 's/^htp:/http:/' /etc/payoutd/payoutd.yaml")
    s.fresh_limits()
    s.systemctl("start")


def waits_for_database(s):
    """while its database does not answer it is not ready, and is tried again until it does"""
    s.run("echo DATABASE_URL=postgresql://payoutd@127.0.0.1:1/payoutd >> /etc/default/payoutd")
    s.systemctl("stop")
    s.mark()
    s.systemctl("start --no-block")
    eventually(40, lambda: s.restarts() > 0, "it is started again")
    expect(not s.active(), "it was never called ready")
    expect(s.show("ExecMainStatus") in ("3", "0"), "exit code 3: " + s.show("ExecMainStatus"))
    expect("cannot be reached" in s.journal(), "the journal says why")
    s.run("sed -i '/^DATABASE_URL=/d' /etc/default/payoutd")
    eventually(60, s.active, "it is up as soon as it can be")
    s.fresh_limits()


def reload_scripts(s):
    """reload: a good script is active, a bad one fails, says why, and the old rules stay"""
    before = s.generation()
    pid = s.main_pid()
    s.run("printf '\\n-- edited\\n' >> /etc/payoutd/scripts/routing.lua")
    s.systemctl("reload")
    expect(s.generation() == before + 1, "the good script is active when reload returns")
    s.run("cp /etc/payoutd/scripts/routing.lua /tmp/good.lua; echo 'this is no Lua' >> /etc/payoutd/scripts/routing.lua")
    s.mark()
    refused = s.systemctl("reload", check=False)
    expect(refused.code != 0, "the reload fails")
    expect("routing.lua:" in s.journal() and "as before: scripts" in s.journal(), "and says why:\n" + s.journal())
    expect(s.generation() == before + 1 and s.active() and s.main_pid() == pid, "the old rules go on")
    s.settle(s.post(5))
    s.run("cp /tmp/good.lua /etc/payoutd/scripts/routing.lua")
    s.systemctl("reload")


def reload_configuration(s):
    """reload: a live setting is taken over, one that is wrong is refused with its place"""
    pid = s.main_pid()
    s.run("cp /etc/payoutd/payoutd.yaml /tmp/good.yaml; printf '\\nlogging: {level: loud}\\n' >> /etc/payoutd/payoutd.yaml")
    s.mark()
    expect(s.systemctl("reload", check=False).code != 0, "the reload fails")
    expect(re.search(r"payoutd.yaml:\d+:\d+: logging.level", s.journal()), "and says where:\n" + s.journal())
    s.run("sed -i 's/level: loud/level: debug/' /etc/payoutd/payoutd.yaml")
    s.systemctl("reload")
    s.settle(s.post(3))
    expect('"level":"debug"' in s.journal(), "the new level counts")
    s.run("cp /tmp/good.yaml /etc/payoutd/payoutd.yaml")
    s.systemctl("reload")
    expect(s.main_pid() == pid, "the host is the same")


def reload_plugin(s):
    """reload: a changed plugin is put in service beside the old one; what is no plugin is refused"""
    installed = s.run("readlink -f /usr/lib/payoutd/plugins/libmomo.so").output.strip()
    before = s.processes("payoutd-provider")
    pid = s.main_pid()
    batch = s.post(100)
    s.run(f"cp {installed} /tmp/momo.so && (cat /tmp/momo.so; echo changed) > {installed}.new && mv {installed}.new {installed}")
    s.systemctl("reload")
    eventually(30, lambda: not set(before) & set(s.processes("payoutd-provider")), "the old version has ended")
    s.run(f"echo 'no library' > {installed}.new && mv {installed}.new {installed}")
    serving = s.processes("payoutd-provider")
    s.mark()
    expect(s.systemctl("reload", check=False).code != 0, "the reload fails")
    expect("not taken over" in s.journal(), "and says why:\n" + s.journal())
    expect(s.processes("payoutd-provider") == serving and s.main_pid() == pid, "what serves goes on")
    s.run(f"cp /tmp/momo.so {installed}.new && mv {installed}.new {installed}")
    s.systemctl("reload")
    s.settle(batch)


def killed_host(s):
    """SIGKILL of the host with payouts in flight: it is back by itself, and the books are right"""
    batch = s.post(300)
    s.await_in_flight(batch)
    s.fresh_limits()
    pid = s.main_pid()
    s.run(f"systemctl kill --kill-whom=main -s KILL {UNIT}")
    eventually(60, lambda: s.main_pid() not in (0, pid) and s.active(), "it is back by itself")
    expect(s.restarts() == 1, "systemd started it again")
    s.await_ready()
    s.settle(batch)


def killed_provider(s):
    """SIGKILL of a provider process: the host goes on, starts another one, and the books are right"""
    batch = s.post(200)
    s.await_in_flight(batch)
    pid = s.main_pid()
    provider = s.processes("payoutd-provider")[0]
    s.run(f"kill -9 {provider}")
    eventually(30, lambda: [p for p in s.processes("payoutd-provider") if p != provider], "there is another one")
    expect(s.main_pid() == pid, "the host is the same")
    s.settle(batch)


def hung_host(s):
    """SIGSTOP of the host: the watchdog ends it, it is started again, and the books are right"""
    batch = s.post(200)
    s.await_in_flight(batch)
    s.fresh_limits()
    s.mark()
    pid = s.main_pid()
    s.run(f"kill -STOP {pid}")
    begun = time.monotonic()
    eventually(90, lambda: s.main_pid() not in (0, pid) and s.active(), "the watchdog saw to it")
    print(f"       stopped, found out, started again: {time.monotonic() - begun:.1f} s")
    expect("Watchdog timeout" in s.run(f"journalctl -u {UNIT} --no-pager | tail -n 400").output, "it was the watchdog")
    s.await_ready()
    s.settle(batch)


def hung_database(s):
    """a database that stands still for longer than the watchdog allows: degraded, not killed"""
    pid, restarts = s.main_pid(), s.restarts()
    batch = s.post(100)
    servers = s.processes("postgres")
    expect(len(servers) > 3, "the embedded PostgreSQL runs")
    s.run("kill -STOP " + " ".join(map(str, servers)))
    try:
        eventually(20, lambda: s.show("StatusText").startswith("Degraded: the database has not answered"),
                   "the status says so: " + s.show("StatusText"))
        time.sleep(int(s.show("WatchdogUSec").removesuffix("s")) + 2)
        expect(s.main_pid() == pid and s.restarts() == restarts, "nobody killed the host for it")
    finally:
        s.run("kill -CONT " + " ".join(map(str, servers)), check=False)
    eventually(20, lambda: s.show("StatusText").startswith("Running"), "it runs again: " + s.show("StatusText"))
    expect(s.main_pid() == pid, "the host is the same")
    s.settle(batch)


def drained(s):
    """stop with payouts in flight: it drains in time, and the next start finishes the rest"""
    batch = s.post(300)
    s.await_in_flight(batch)
    s.mark()
    begun = time.monotonic()
    s.systemctl("stop")
    print(f"       drained in {time.monotonic() - begun:.1f} s")
    expect(s.show("Result") == "success" and s.show("ExecMainStatus") == "0", "an orderly end: " + s.show("Result"))
    expect("host.drain_incomplete" not in s.journal(), "nothing was left in hand")
    expect(not s.processes("postgres") and not s.processes("payoutd-provider"), "no process is left")
    s.fresh_limits()
    s.systemctl("start")
    s.settle(batch)


def upgraded(s):
    """upgrade under load: restarted, drained, the books are right; a host that was stopped stays so"""
    s.run("printf '\\n# mine\\n' >> /etc/payoutd/payoutd.yaml")
    batch = s.post(300)
    s.await_in_flight(batch)
    s.fresh_limits()
    pid = s.main_pid()
    s.run(f"{DPKG} --force-depends -i /upgrade/payoutd_*.deb", timeout=240)
    expect(s.active() and s.main_pid() != pid, "another host runs")
    expect(s.restarts() == 0, "it was restarted in an orderly way")
    expect("# mine" in s.machine.read("/etc/payoutd/payoutd.yaml"), "the configuration is kept")
    expect("ENV=dev" in s.machine.read("/etc/default/payoutd"), "and the variables")
    s.settle(batch)
    s.systemctl("stop")
    s.run(f"{DPKG} -i /packages/*.deb", timeout=240)
    expect(s.show("ActiveState") == "inactive", "what somebody stopped is not set going by an upgrade")
    s.fresh_limits()
    s.systemctl("start")


def removed(s):
    """removed and purged: data and instance key stay, and a later installation goes on with them"""
    key = s.run("sha256sum /var/lib/payoutd/instance.key").output
    s.run("dpkg -r payoutd-dev payoutd", timeout=240)
    expect(not s.processes("payoutd") and not s.processes("postgres"), "nothing runs any more")
    expect(s.run("test -e /etc/payoutd/payoutd.yaml", check=False).code == 0, "removal keeps the configuration")
    # What the administrator added is not the package's, and for a provider on this machine there is no ENV=dev any more.
    s.run("rm /etc/payoutd/providers/momo-simulator.yaml /etc/payoutd/scripts/backoff/momo-simulator.lua")
    purged = s.run("dpkg -P payoutd").output
    expect("/var/lib/payoutd is kept" in purged, "the purge says what it keeps:\n" + purged)
    expect(s.run("sha256sum /var/lib/payoutd/instance.key").output == key, "the data is kept")
    expect(s.run("test -e /etc/payoutd/payoutd.yaml", check=False).code != 0, "the configuration is gone")
    s.fresh_limits()
    s.run("dpkg -i /packages/payoutd_*.deb", timeout=180)
    s.await_ready()
    total = sum(count for _, count in s.batches)
    states = {}
    for batch, _ in s.batches:
        for state, count in s.tally(batch).items():
            states[state] = states.get(state, 0) + count
    expect(states == {"CONFIRMED": total}, f"all {total} payouts are there: {states}")


def deleted(s):
    """purged with the marker: now the data goes too"""
    s.run("touch /var/lib/payoutd/delete-on-purge")
    s.run("dpkg -P payoutd", timeout=240)
    expect(s.run("test -e /var/lib/payoutd", check=False).code != 0, "the data is gone, as was asked")
    expect(s.run("test -e /etc/payoutd", check=False).code != 0, "nothing is left in /etc")


STEPS = [install, tokens, first_payout, bad_configuration, waits_for_database, reload_scripts, reload_configuration,
         reload_plugin, killed_host, killed_provider, hung_host, hung_database, drained, upgraded, removed, deleted]
# What ./dev test has the time for.
SHORT = [install, first_payout, bad_configuration, reload_scripts, killed_host, hung_host, drained, removed]


def shorter_watchdog(s):
    """So that hanging takes seconds. The whole test takes the unit as it is."""
    s.run(f"mkdir -p /etc/systemd/system/{UNIT}.d && printf '[Service]\\nWatchdogSec=6s\\nRestartSec=1s\\n'"
          f" > /etc/systemd/system/{UNIT}.d/test.conf")


def upgrade_package(packages, folder):
    """The same package under a later version."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    deb = next(packages.glob("payoutd_*.deb"))
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+later", control.read_text(), flags=re.M))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, folder / "payoutd_later.deb"],
                   check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return folder


def carry_out(steps, service):
    failures = []
    for step in steps:
        begun = time.monotonic()
        print(f"  ...  {step.__doc__}", flush=True)
        try:
            step(service)
            print(f"  ok   {step.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except (Failed, subprocess.TimeoutExpired) as failure:
            failures.append(step.__name__)
            print(f"  FAIL {step.__name__}: {failure}", flush=True)
            print(service.run(f"systemctl status --no-pager -n 0 {UNIT}; journalctl -u {UNIT} -o cat --no-pager | tail -n 30",
                              check=False).output)
            break  # what follows begins with what this one should have left
    return failures


def end(number, frame):
    raise SystemExit(128 + number)


def main():
    signal.signal(signal.SIGTERM, end)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, required=True, help="folder of the .deb files")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of payoutd-ledger-check")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="where the root is kept")
    parser.add_argument("--short", action="store_true", help="only what matters most, in two minutes")
    options = parser.parse_args()
    begun = time.monotonic()
    packages = options.packages.resolve()
    cache = options.cache.resolve()
    machine = None
    try:
        root = make_root(cache, sorted(map(str, packages.glob("*.deb"))))
        upgrade = upgrade_package(packages, cache / "upgrade")
        machine = Machine(root, [(packages, "/packages"), (options.programs.resolve(), "/programs"), (upgrade, "/upgrade")])
        machine.start()
        service = Service(machine)
        if options.short:
            shorter_watchdog(service)
        steps = SHORT if options.short else STEPS
        failures = carry_out(steps, service)
    except CannotRun as reason:
        print(f"The service test cannot run here: {reason}")
        return NOT_POSSIBLE
    finally:
        if machine is not None:
            machine.stop()
    took = time.monotonic() - begun
    if failures:
        print(f"Service: {', '.join(failures)} failed, after {took:.0f} s")
        return 1
    print(f"Service: {len(steps)} steps, all right, in {took:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
