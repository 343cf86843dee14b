"""MLflow's real client on "databricks": experiments by path, metrics, artifacts, from a task too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied
from databricks.sdk.service.jobs import Run, SubmitTask
from databricks.sdk.service.ml import ExperimentAccessControlRequest, ExperimentPermissionLevel

from launch.workspace import FakeWorkspace

mlflow = pytest.importorskip("mlflow")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]


@pytest.fixture
def tracking(ws: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> FakeWorkspace:
    for name, value in ws.environment().items():
        monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri("databricks")
    return ws


def test_a_run_from_here_and_from_a_task(
    tracking: FakeWorkspace,
    client: WorkspaceClient,
    script: Callable[..., SubmitTask],
    ended: Callable[..., Run],
) -> None:
    experiment = mlflow.set_experiment("/Shared/lakesight")
    assert (
        experiment.artifact_location
        == f"dbfs:/databricks/mlflow-tracking/{experiment.experiment_id}"
    )
    assert experiment.tags["mlflow.ownerEmail"] == "admin@example.com"
    found = mlflow.MlflowClient().create_run(experiment.experiment_id)
    text = (
        "import mlflow, sys\n"
        "with mlflow.start_run(run_id=sys.argv[1]):\n"
        "    mlflow.log_metric('train/loss', 0.5, step=1)\n"
        "    mlflow.log_metrics({'train/loss': 0.25}, step=2)\n"
        "    mlflow.log_text('hello', 'report/a.txt')\n"
    )
    task = script(text, parameters=[found.info.run_id])
    run = ended(client.jobs.submit(tasks=[task]).run_id, timeout_s=60)
    assert run.tasks
    assert run.state
    logs = client.jobs.get_run_output(run.tasks[0].run_id or 0).logs
    assert run.state.result_state
    assert run.state.result_state.value == "SUCCESS", logs
    history = client.experiments.get_history("train/loss", run_id=found.info.run_id)
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]
    assert mlflow.get_run(found.info.run_id).info.status == "FINISHED"
    uri = f"runs:/{found.info.run_id}/report/a.txt"
    assert mlflow.artifacts.load_text(uri) == "hello"
    listed = list(client.experiments.list_artifacts(run_id=found.info.run_id, path="report"))
    assert [(f.path, f.file_size) for f in listed] == [("report/a.txt", 5)]

    # By either form of its path; a relative name and a missing folder are refused.
    by_name = client.experiments.get_by_name("/Workspace/Shared/lakesight").experiment
    assert by_name
    assert by_name.experiment_id == experiment.experiment_id
    with pytest.raises(mlflow.MlflowException, match="must be an absolute path"):
        mlflow.create_experiment("lakesight")
    with pytest.raises(mlflow.MlflowException, match="Workspace directory '/Shared/none'"):
        mlflow.create_experiment("/Shared/none/x")
    with pytest.raises(mlflow.MlflowException, match="99"):
        mlflow.MlflowClient().create_run("99")


def test_an_experiments_permissions_hold(tracking: FakeWorkspace, client: WorkspaceClient) -> None:
    experiment = client.experiments.create_experiment("/Shared/closed").experiment_id or ""
    app = tracking.client(tracking.add_user("app@example.com"))
    with pytest.raises(PermissionDenied, match="CAN_EDIT"):
        app.experiments.create_run(experiment_id=experiment)
    entry = ExperimentAccessControlRequest(
        user_name="app@example.com", permission_level=ExperimentPermissionLevel.CAN_EDIT
    )
    client.experiments.update_permissions(experiment, access_control_list=[entry])
    assert app.experiments.create_run(experiment_id=experiment).run
    assert "/Shared/closed" in [e.name for e in client.experiments.list_experiments()]
