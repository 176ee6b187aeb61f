"""slurm.conf and what lies beside it, for a cluster whose nodes are all this machine."""

from __future__ import annotations

from pathlib import Path

# One pretend GPU each: Slurm only wants to see a character device.
DEVICES = ("/dev/zero", "/dev/null")


def write(
    folder: Path,
    controller_port: int,
    nodes: dict[str, int],
    cpus: int,
    memory_mb: int,
    max_array_size: int,
    more: str,
) -> None:
    """Write the configuration of a cluster into `folder`; `nodes` are names with ports, `more` further lines."""
    described = "\n".join(
        f"NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} "
        f"CPUs={cpus} RealMemory={memory_mb} Gres=gpu:{len(DEVICES)} State=UNKNOWN"
        for name, port in nodes.items()
    )
    (folder / "slurm.conf").write_text(f"""\
ClusterName=hypo
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
StateSaveLocation={folder}/state
SlurmdParameters=config_overrides
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU={memory_mb // cpus}
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
KillWait=5
SlurmdTimeout=10
MessageTimeout=5
InactiveLimit=0
MinJobAge=600
MaxArraySize={max_array_size}
GresTypes=gpu
{described}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
{more}""")
    # Lets slurmd start where no cgroup file system is mounted, as in containers.
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    (folder / "gres.conf").write_text(f"NodeName={','.join(nodes)} Name=gpu File={','.join(DEVICES)}\n")
