"""`lakesight monitor`: how an endpoint is, and what it saw."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.monitor.watch import Look
    from launch.serving.types import Endpoints

HELP = "how an endpoint is: requests, latency, drift, alerts; its hard images as a data set"

EXAMPLES = """examples:
  lakesight monitor parts                            state, traffic, drift, alerts
  lakesight monitor parts --check                    look for alerts, tell them; exit code 1 if one is open
  lakesight monitor parts --hard 50 --to data/hard   the 50 hardest images with pre-labels
  lakesight monitor parts monitoring.record_share=0.1   change how it is watched
  lakesight monitor parts --on databricks            of Model Serving, from its inference table, by the
                                                     SQL warehouse of DATABRICKS_WAREHOUSE_ID
  lakesight monitor parts --on databricks --table /Volumes/main/vision/logs/parts_payload
                                                     by the table's folder, without a warehouse

Alerts go to the endpoint's log and to the webhook of LAKESIGHT_ALERT_WEBHOOK.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("name", metavar="ENDPOINT", help="its name")
    parser.add_argument(
        "overrides", nargs="*", metavar="monitoring.KEY=VALUE", help="watch it so from now on"
    )
    parser.add_argument("--on", default="", metavar="PLACE", help="local or databricks")
    parser.add_argument("--profile", help="credentials of the workspace, from ~/.databrickscfg")
    parser.add_argument("--check", action="store_true", help="look for alerts and tell them")
    parser.add_argument(
        "--hard", type=int, default=0, metavar="N", help="export the N hardest images"
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="with --hard: a new folder")
    parser.add_argument(
        "--table", type=Path, metavar="FOLDER", help="read new rows of its inference table first"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Look; returns 0, or 1 with --check if an alert is open.

    Raises:
        LakesightError: no such endpoint, or nothing can be exported.
    """
    from launch.errors import LaunchError
    from launch.monitor import settings, watch
    from launch.serving.places import find

    if args.hard and args.to is None:
        raise LaunchError(f"where to? lakesight monitor {args.name} --hard {args.hard} --to FOLDER")
    endpoints = find(args.name, args.on, args.profile)
    if args.overrides:
        endpoints.get(args.name)
        folder = settings.folder_of(endpoints.place, args.name)
        settings.write(folder, settings.monitoring_conf(args.overrides))
    if args.table is not None:
        from launch.monitor.inference_table import read_into

        num = read_into(endpoints, args.name, args.table)
        if not args.json:
            print(f"{num} new images in {args.table}")
    if args.hard:
        if endpoints.place != "local" and args.table is None:
            from launch.monitor.requests import seen_by

            seen_by(endpoints, endpoints.get(args.name))  # records what is new
        return _export(args, endpoints)
    seen = watch.check(endpoints, args.name)[0] if args.check else watch.look(endpoints, args.name)
    print(json.dumps(dataclasses.asdict(seen), indent=2) if args.json else told(seen))
    return 1 if args.check and any(one.is_open for one in seen.alerts) else 0


def told(seen: Look) -> str:
    """Return how an endpoint is, in lines."""
    one, found = seen.endpoint, seen.traffic
    lines = [f"{one.name} ({one.place}) is {one.state}{f': {one.message}' if one.message else ''}"]
    if found is not None:
        p50, p95, p99 = (
            f"{v * 1000:.0f} ms" if v else "-" for v in (found.p50_s, found.p95_s, found.p99_s)
        )
        minutes = round(found.since_s / 60)
        span = "hour" if minutes == 60 else f"{minutes} min"
        lines.append(
            f"last {span}: {found.requests} requests, {found.refused} refused, {found.failed} failed; "
            f"latency p50 {p50}, p95 {p95}, p99 {p99}"
        )
    else:
        lines.append(f"requests are not known: {seen.why_no_traffic}")
    lines.append(
        f"drift of {seen.served or 'no version'}, {seen.num_records} images: {seen.verdict}"
    )
    if seen.why_not:
        lines.append(f"  {seen.why_not}")
    width = max((len(each.feature) for each in seen.drift), default=0)
    for each in seen.drift:
        figures = "" if each.psi is None else f"PSI {each.psi:.2f}  "
        lines.append(f"  {each.feature.ljust(width)}  {each.verdict:8}  {figures}{each.words}")
    opened = [each for each in seen.alerts if each.is_open]
    lines.append(f"alerts: {len(opened)} open" if opened else "alerts: none is open")
    for alert in opened:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(alert.since))
        lines.append(f"  {alert.key} since {since}: {alert.message}")
    return "\n".join(lines)


def _export(args: argparse.Namespace, endpoints: Endpoints) -> int:
    from launch.monitor.export_hard import export_hard

    done = export_hard(endpoints, args.name, args.hard, args.to)
    words = shlex.join(done.overrides)
    if args.json:
        values = {**dataclasses.asdict(done), "folder": str(done.folder)}
        print(json.dumps(values, indent=2))
    else:
        print(f"{done.num_images} images with {done.num_labels} pre-labels in {done.folder}")
        print(f"Look at them:   lakesight data inspect {words}")
        print(f"Train on them:  lakesight submit {words}")
    return 0
