"""Snakemake that asks for the status of its SLURM jobs every three seconds.

The executor plugin's pauses grow by ten seconds whenever no job has ended: two thirds of the time
of these tests would be spent on waiting.
"""

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def sleep(executor: RemoteExecutor) -> None:
    await asyncio.sleep(3)


if __name__ == "__main__":
    RemoteExecutor.sleep = sleep
    sys.argv[0] = "snakemake"
    sys.exit(main())
