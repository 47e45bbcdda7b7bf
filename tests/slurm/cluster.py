"""A real SLURM on this machine alone: munged, slurmctld and two slurmd on loopback, two fake GPUs.

Debian's packages `munge slurmctld slurmd slurm-client` and root are enough; there is no accounting
and no systemd. Every daemon is a child that is stopped by its process id. Where the system allows
it, the folders of SLURM and munge are the starting process's own, so that clusters may run side by
side; else there is one cluster a machine.

    python tests/slurm/cluster.py -- snakemake --profile slurm   # a command with a cluster
"""

import argparse
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
# Not elsewhere: Snakemake's executor clears SLURM_CONF for the steps of a job.
CONF = Path("/etc/slurm")
MUNGE = Path("/run/munge")
CLONE_NEWNS = 0x20000  # of unshare(2)
MARK = "# Written by Toffee's tests/slurm/cluster.py: a cluster for tests, on loopback.\n"
LOCK = Path("/tmp/toffee-test-cluster.lock")  # of the folders that all processes see
NODES = ("toffee1", "toffee2")
GPU_NODE = NODES[0]
GPUS = ("/dev/null", "/dev/zero")  # any character device will do
CPUS, MEMORY_MB = 2, 12000
PATIENCE = 900  # seconds until a test gives up: a machine that does other work too is slow
URGENT = "urgent"  # a partition whose jobs preempt those of the others


def missing() -> str | None:
    """Why no cluster can be started here; None where it can."""
    absent = [name for name in (*DAEMONS, "sbatch") if not shutil.which(name)]
    if absent:
        return f"SLURM is missing ({', '.join(absent)}): apt-get install munge slurmctld slurmd"
    if os.geteuid() != 0:
        return "starting SLURM's daemons takes root"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0:
        return None
    conf = CONF / "slurm.conf"
    if conf.exists() and not conf.read_text().startswith(MARK):
        return f"{conf} is not ours: there is a SLURM on this machine already"
    with open(LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "another cluster of these tests runs on this machine"
    return None


def own_folders(folder: Path) -> bool:
    """Give this process and its children folders of SLURM and munge of their own, below `folder`;
    whether the system allows it."""
    if ctypes.CDLL(None).unshare(CLONE_NEWNS):
        return False
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for place in (CONF, MUNGE):
        place.mkdir(exist_ok=True)
        (folder / place.name).mkdir()
        subprocess.run(["mount", "--bind", folder / place.name, place], check=True)
    return True


def slurm_conf(folder: Path, ports: list[int]) -> str:
    """slurm.conf of a cluster whose state and logs live in `folder`."""
    controller, *nodes = ports
    lines = [
        "ClusterName=toffee",
        f"SlurmctldHost={socket.gethostname()}(127.0.0.1)",
        f"SlurmctldPort={controller}",
        "SlurmUser=root",
        "SlurmdUser=root",
        "AuthType=auth/munge",
        # How long a job that is started again waits, among others; 120 by default.
        "AuthInfo=cred_expire=10",
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "SwitchType=switch/none",
        "MpiDefault=none",
        "JobAcctGatherType=jobacct_gather/none",
        "AccountingStorageType=accounting_storage/none",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core_Memory",
        "GresTypes=gpu",
        "ReturnToService=2",
        "MinJobAge=300",
        "KillWait=5",
        "SlurmdTimeout=20",
        "SlurmctldTimeout=20",
        "SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0",
        "JobRequeue=1",
        f"StateSaveLocation={folder}/state",
        f"SlurmdSpoolDir={folder}/spool-%n",
        f"SlurmctldPidFile={folder}/slurmctld.pid",
        f"SlurmdPidFile={folder}/slurmd-%n.pid",
        f"SlurmctldLogFile={folder}/slurmctld.log",
        f"SlurmdLogFile={folder}/slurmd-%n.log",
    ]
    for name, port in zip(NODES, nodes, strict=True):
        gres = f" Gres=gpu:{len(GPUS)}" if name == GPU_NODE else ""
        lines.append(
            f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} "
            f"CPUs={CPUS} RealMemory={MEMORY_MB}{gres}"
        )
    lines += [
        "PreemptType=preempt/partition_prio",
        "PreemptMode=REQUEUE",
        f"PartitionName=all Nodes={','.join(NODES)} Default=YES MaxTime=INFINITE GraceTime=10",
        f"PartitionName={URGENT} Nodes={','.join(NODES)} PriorityTier=9",
    ]
    return MARK + "\n".join(lines) + "\n"


def free_ports(count: int) -> list[int]:
    """TCP ports of loopback that nobody uses."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Cluster:
    """The running cluster, a context manager."""

    def __init__(self, folder: Path) -> None:
        """folder: an empty one, for state, spool and logs."""
        self.folder = Path(folder)
        self.daemons: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "Cluster":
        reason = missing()
        if reason:
            raise RuntimeError(reason)
        self._own = own_folders(self.folder)
        self._lock = open(LOCK, "w")  # noqa: SIM115 - held as long as the cluster is up
        if not self._own:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        CONF.mkdir(exist_ok=True)
        ports = free_ports(1 + len(NODES))
        (CONF / "slurm.conf").write_text(slurm_conf(self.folder, ports))
        gres = "".join(f"NodeName={GPU_NODE} Name=gpu File={device}\n" for device in GPUS)
        (CONF / "gres.conf").write_text(MARK + gres)
        try:
            if self._own or not munge_answers():
                self.start("munged")
            self.start("slurmctld")
            for node in NODES:
                self.start(node)
            self.wait_until_idle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        left = slurm("squeue", "--noheader", "--format=%A", check=False).split()
        if left:
            slurm("scancel", *left, check=False)
            time.sleep(1)
        for name in reversed(list(self.daemons)):
            self.stop(name)
        for name in ("slurm.conf", "gres.conf"):
            (CONF / name).unlink(missing_ok=True)
        if self._own:
            subprocess.run(["umount", CONF, MUNGE])
        self._lock.close()

    def start(self, name: str) -> None:
        """Start `munged`, `slurmctld` or the slurmd of a node."""
        commands = {"munged": self._munged, "slurmctld": lambda: ["slurmctld", "-D"]}
        node = ["slurmd", "-D", "-N", name]
        self.daemons[name] = self._spawn(name, commands.get(name, lambda: node)())
        if name == "munged":
            wait_for(munge_answers)

    def _munged(self) -> list[str]:
        MUNGE.mkdir(exist_ok=True)
        MUNGE.chmod(0o755)
        os.chown(MUNGE, 0, 0)
        key = self.folder / "munge.key"
        if not key.exists():
            key.write_bytes(os.urandom(128))
            key.chmod(0o600)
        return [
            *("munged", "--foreground", "--force", f"--key-file={key}"),
            *(f"--seed-file={self.folder}/munge.seed", f"--pid-file={self.folder}/munged.pid"),
            f"--log-file={self.folder}/munged.log",
        ]

    def stop(self, name: str) -> None:
        """Stop a daemon by its process id."""
        daemon = self.daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen:
        command = ["setpriv", "--pdeathsig", "TERM", *command]  # no daemon outlives its owner
        with open(self.folder / f"{name}.out", "a") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def resume(self, node: str) -> None:
        """Bring a node back that was set down, if it has not come back by itself."""
        slurm("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)
        down = ["sinfo", "--noheader", f"--nodes={node}", "--format=%t"]
        wait_for(lambda: "down" not in slurm(*down, check=False))

    def wait_until_idle(self, seconds: float = PATIENCE) -> None:
        """Wait until all nodes take jobs."""
        states = ["sinfo", "--noheader", "--Node", "--format=%t"]  # a line a node and partition
        try:
            wait_for(lambda: set(slurm(*states, check=False).split()) == {"idle"}, seconds)
        except TimeoutError:
            logs = [self.folder / "slurmctld.log", *(self.folder / f"{n}.out" for n in NODES)]
            tails = "\n".join(f"{log}:\n{log.read_text()[-1500:]}" for log in logs if log.exists())
            raise TimeoutError(f"the cluster did not come up\n{tails}") from None


def munge_answers() -> bool:
    """Whether a munged runs."""
    return subprocess.run(["munge", "-n"], capture_output=True).returncode == 0


def slurm(*command: str, check: bool = True) -> str:
    """Output of one of SLURM's commands."""
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


def asked(job: str) -> dict[str, str]:
    """What SLURM says of a job, by key."""
    words = slurm("scontrol", "show", "job", job).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def wait_for(condition, seconds: float = PATIENCE, pause: float = 0.1):
    """Wait until the condition gives something true, and give that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(pause)
    raise TimeoutError(f"{condition} after {seconds} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    command = [part for part in parser.parse_args().command if part != "--"]
    reason = missing()
    if reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="toffee-slurm-"))
    try:
        with Cluster(folder):
            print(f"a SLURM with {len(NODES)} nodes is up; its logs are in {folder}", flush=True)
            running = subprocess.Popen(command)
            signal.signal(signal.SIGTERM, lambda *_: running.terminate())
            status = running.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
