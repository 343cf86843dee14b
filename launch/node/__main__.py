"""`python -m launch.node`: the same as `lakesight-node`."""

from launch.node.main import main

main()
