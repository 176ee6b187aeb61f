"""`python -m hypo.run`: compose a config, check it, and run it; with -m a sweep of them."""

from __future__ import annotations

import os
import signal
import sys

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from hypo.command_line import options, plugins, resolvers
from hypo.command_line.config_folder import FOLDER
from hypo.command_line.refusing import refusing
from hypo.command_line.streams import replace_what_cannot_be_shown

# Set before torch is imported: its threads would wait for each other spinning, and a processor that is shared
# with anything else then spends most of its time on that (a digits run took 7 to 15 times as long).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@hydra.main(version_base="1.3", config_path=str(FOLDER), config_name="config")
def run(config: DictConfig) -> None:
    """One job, here and now; exits with 1 when it fails."""
    from hypo.command_line.config import job_from_config
    from hypo.command_line.console import run_one

    with refusing():
        chosen = HydraConfig.get()
        job = job_from_config(config, chosen.runtime.choices, chosen.overrides.task)
        for planned in job.in_order:
            for line in planned.experiment.check():
                print(f"warning: {line}", file=sys.stderr)
        job.create()
    sys.exit(run_one(job))


def _check_typed() -> None:
    """Refuse what Hydra would break on while it composes."""
    typed = get_args_parser().parse_args().overrides
    options.check(OverridesParser.create().parse_overrides(typed), options.groups_below(FOLDER))


def main() -> None:
    """Run, or refuse in one line; an interruption loses nothing."""
    # Hydra would print its own, longer account of an error; with this set it raises instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that the run's status tells
    replace_what_cannot_be_shown()
    resolvers.register()
    plugins.register()
    # argparse would not find -m behind the first setting.
    sys.argv[1:] = sorted(sys.argv[1:], key=lambda argument: argument not in ("-m", "--multirun"))
    try:
        with refusing():
            _check_typed()
            run()
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
