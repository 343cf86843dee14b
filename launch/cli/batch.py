"""`lakesight batch`: predict for a folder or a table of images."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvcore.batch.job import BatchJob

HELP = "predict for a folder or table of images, resumable; here or on Databricks"

EXAMPLES = """examples:
  lakesight batch runs/latest photos/ answers/
  lakesight batch parts@champion photos/ answers/ --format coco       for a labelling tool
  lakesight batch runs/latest tables/photos/ tables/answers/ --format delta --id-column photo_id
  lakesight batch runs/latest photos/ answers/ --background           goes on when you leave
  lakesight batch main.vision.parts/3 /Volumes/main/vision/photos /Volumes/main/vision/answers \\
      --format delta compute=databricks_cluster compute.num_workers=4

Killed? The same command goes on: no image is done twice, none is left out. Images that can't be
read have their reason in the column `error` and in OUT/_lakesight/errors.jsonl.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_uri

    parser.epilog = EXAMPLES
    parser.add_argument(
        "model", metavar="MODEL|RUN", help="a run's folder, id or title; name/version, name@alias"
    )
    parser.add_argument("source", help="a folder of images, a Delta table, Parquet files")
    parser.add_argument("out", help="output folder; a Delta table that is there is appended to")
    parser.add_argument(
        "overrides", nargs="*", metavar="compute.KEY=VALUE", help="with Databricks: where it runs"
    )
    parser.add_argument("--format", default="parquet", help="parquet (default), delta or coco")
    parser.add_argument("--image-column", default="image", help="of a table (image)")
    parser.add_argument("--id-column", help="of a table: names a row in the output")
    parser.add_argument("--threshold", type=float, help="objects from this score on")
    parser.add_argument("--masks", default="rle", help="rle (default), polygon or none")
    parser.add_argument("--batch-size", type=int, default=16, help="through the model at once (16)")
    parser.add_argument("--shard-size", type=int, default=128, help="images of a part (128)")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes; 0: as the machine allows"
    )
    parser.add_argument("--background", action="store_true", help="as a run; see lakesight runs")
    parser.add_argument("--follow", action="store_true", help="of a run: show its log")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")
    add_uri(parser)


def run(args: argparse.Namespace) -> int:
    """Do it, or hand it over; returns 0.

    Raises:
        LakesightError: it can't be done.
    """
    if args.background or args.overrides:
        return _submit(args)
    from cvcore.batch.pool import Pool
    from launch.batch.model import model_folder

    job = _job(args, model_folder(args.model, args.tracking_uri))
    from tqdm import tqdm

    from cvcore.batch.progress import BatchProgress

    with tqdm(unit="image", disable=None if not args.json else True) as bar:
        went_on = False

        def show(progress: BatchProgress) -> None:
            nonlocal went_on
            bar.total = progress.total
            if progress.resumed and not went_on:
                went_on, bar.initial = True, progress.resumed
                bar.write(
                    f"going on: {progress.resumed:,} of {progress.total:,} images are done",
                    file=sys.stderr,
                )
            bar.n = progress.done
            bar.set_postfix_str(f"{progress.bad} unreadable" if progress.bad else "", refresh=False)
            bar.refresh()

        try:
            done = Pool(job, show).run()
        except KeyboardInterrupt:
            bar.close()
            print("interrupted; the same command goes on with it", file=sys.stderr)
            return 130
    print(json.dumps(dataclasses.asdict(done)) if args.json else done.message)
    if done.bad and not args.json:
        print(f"why, by image: {job.state / 'errors.jsonl'}", file=sys.stderr)
    return 0


def _job(args: argparse.Namespace, model: str) -> BatchJob:
    from cvcore.batch.job import BatchJob

    return BatchJob(
        model=model,
        source=args.source,
        out=args.out,
        format=args.format,
        image_column=args.image_column,
        id_column=args.id_column,
        score_threshold=args.threshold,
        masks=args.masks,
        batch_size=args.batch_size,
        shard_size=args.shard_size,
        workers=args.workers,
    )


def _submit(args: argparse.Namespace) -> int:
    from launch.batch.submit import submit
    from launch.cli.submit import follow_to_the_end

    one = submit(_job(args, args.model), args.overrides, ledger_uri=args.tracking_uri)
    print(f"submitted {one.title} as {one.handle.run_id[:8]}: {one.handle.folder}", flush=True)
    return (follow_to_the_end(one) or 0) if args.follow else 0
