"""A Slurm that does nothing: its commands write down what they are given, and answer what they were told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SBATCH = """\
#!/bin/sh
cd '{folder}' || exit 3
number=$(ls submitted | wc -l)
if [ -e refuse_from ] && [ "$number" -ge "$(cat refuse_from)" ]; then
    cat refusal >&2
    exit 1
fi
cp "$1" "submitted/$((number + {first}))"
echo "Submitted batch job $((number + {first}))"
"""

# Both print the lines of a file whose first column is among the names asked for.
_LISTING = """\
#!/bin/sh
cd '{folder}' || exit 3
echo "{command} $*" >> calls
if [ -e {command}_fails ]; then
    cat {command}_fails >&2
    exit 1
fi
for argument; do
    case $argument in --name=*) names=,${{argument#--name=}},;; esac
done
while IFS= read -r line; do
    case $names in *,"${{line%%|*}}",*) echo "$line";; esac
done < {command}
"""

_SCONTROL = """\
#!/bin/sh
cat '{folder}/configuration'
"""

_FIRST_JOB = 100


@dataclass(frozen=True)
class Task:
    """One task of an array that was submitted.

    Attributes:
        job: the id of the array; name: what its jobs are called.
    """

    job: int
    name: str
    index: int


class FakeSlurm:
    """Its commands lie in `folder`/bin, for PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        (folder / "submitted").mkdir()
        for name in ("squeue", "sacct", "calls"):
            (folder / name).touch()
        self.configure()
        self._command("sbatch", _SBATCH.format(folder=folder, first=_FIRST_JOB))
        self._command("squeue", _LISTING.format(folder=folder, command="squeue"))
        self._command("sacct", _LISTING.format(folder=folder, command="sacct"))
        self._command("scontrol", _SCONTROL.format(folder=folder))
        self._command("srun", "#!/bin/sh\nexit 3\n")

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def configure(self, max_array_size: int = 1001, accounting: str = "(null)") -> None:
        """What `scontrol show config` says; `accounting` is `accounting_storage/slurmdbd` where sacct works."""
        (self.folder / "configuration").write_text(
            "Configuration data as of 2026-01-01T00:00:00\n"
            f"AccountingStorageType   = {accounting}\n"
            f"MaxArraySize            = {max_array_size}\n"
            "Slurmctld(primary) at localhost is UP\n"
        )

    def refuse(self, words: str, after: int = 0) -> None:
        """Have sbatch refuse all arrays but the first `after` ones."""
        (self.folder / "refusal").write_text(words)
        (self.folder / "refuse_from").write_text(str(after))

    def accept(self) -> None:
        """Have sbatch take all again."""
        (self.folder / "refuse_from").unlink()

    def fail(self, command: str, words: str) -> None:
        """Have squeue or sacct fail."""
        (self.folder / f"{command}_fails").write_text(words)

    @property
    def calls(self) -> list[str]:
        """How squeue and sacct were called."""
        return (self.folder / "calls").read_text().splitlines()

    @property
    def scripts(self) -> list[str]:
        """The batch scripts that were submitted, in turn."""
        return [path.read_text() for path in self._submitted()]

    @property
    def tasks(self) -> list[Task]:
        """All tasks of all arrays that were submitted, in turn."""
        found = []
        for path in self._submitted():
            script = path.read_text()
            tasks = int(option(script, "array").partition("-")[2].partition("%")[0]) + 1
            found += [Task(int(path.name), option(script, "job-name"), index) for index in range(tasks)]
        return found

    def show(self, *states: tuple[Task, str], reason: str = "None", node: str = "") -> None:
        """Have squeue list these tasks and no others, each in a state such as PENDING."""
        lines = [
            f"{task.name}|{1000 + task.index}|{task.job}|{task.index}|{state}|{reason}|{node}\n"
            for task, state in states
        ]
        (self.folder / "squeue").write_text("".join(lines))

    def show_all(self, state: str) -> None:
        """Have squeue list everything that was submitted in this state."""
        self.show(*((task, state) for task in self.tasks))

    def _submitted(self) -> list[Path]:
        return sorted((self.folder / "submitted").iterdir(), key=lambda path: int(path.name))

    def _command(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)


def option(script: str, name: str) -> str:
    """What a batch script gives sbatch for an option; "" for one that takes nothing, KeyError where it is not."""
    found = re.findall(rf"^#SBATCH --{re.escape(name)}(?:=(.*))?$", script, re.MULTILINE)
    if not found:
        raise KeyError(name)
    (value,) = found
    return str(value)


def options(script: str) -> dict[str, str]:
    """All that a batch script gives sbatch."""
    return {name: option(script, name) for name in re.findall(r"^#SBATCH --([\w-]+)", script, re.MULTILINE)}
