"""On a node of a cluster: one entry point that stages, trains, delivers and says how it ended.

`lakesight-node --spec=/Volumes/.../runs/<run id>/spec-<generation>.json` is what a job's task calls.
It needs nothing of the submitter but the run's folder on a Volume; see `launch.node.layout`.
"""
