"""`lakesight submit --dry-run`: every stage of a run, really run, on a few images and two steps."""

from launch.dry_run.run import STAGES, DryRun, dry_run

__all__ = ["STAGES", "DryRun", "dry_run"]
