"""Every option of every group, and every recipe, is a run that could start."""

import pytest
import yaml

from cvcore.config.catalogue import catalogue
from cvcore.config.composer import Composer
from cvcore.config.keys import DATA_SCHEMAS, leaves
from cvcore.config.paths import conf_dir
from cvcore.config.schema import COMPUTE_SCHEMAS, TASKS, DatabricksClusterConf
from cvcore.errors import ConfigError

COMPOSER = Composer([])
ALL = [
    (group, option)
    for group, options in COMPOSER.all_options().items()
    for option in options
    if group != "experiment"
]


@pytest.mark.parametrize(("group", "option"), ALL, ids=lambda value: value)
def test_every_option_composes_to_a_checked_run(group: str, option: str) -> None:
    config = COMPOSER.load([f"{group}={option}"])
    assert config.task.kind in TASKS
    if group == "model":
        assert config.task.kind == option.partition("/")[0]
    if group == "data":
        assert isinstance(config.data, DATA_SCHEMAS[option])
    if group == "compute":
        assert type(config.compute) is COMPUTE_SCHEMAS[option]


@pytest.mark.parametrize("recipe", COMPOSER.options("experiment"))
def test_every_recipe_composes_to_a_checked_run(recipe: str) -> None:
    assert COMPOSER.load([f"experiment={recipe}", "data.root=somewhere"]).data.root == "somewhere"


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_a_recipe_and_a_model_that_need_no_download(task: str) -> None:
    config = COMPOSER.load([f"experiment=digits_{task}"])
    assert config.task.kind == task
    assert (config.data.reader, config.model.checkpoint) == ("digits", None)
    assert config.augment.hflip == 0, "a mirrored digit is no digit"
    assert [entry.option for entry in catalogue(task) if entry.is_default]


def test_no_option_is_a_detector_on_digits() -> None:
    config = COMPOSER.load()
    assert (config.task.kind, config.data.reader) == ("detection", "digits")


def test_the_data_set_brings_its_augmentation_and_an_explicit_one_wins() -> None:
    assert COMPOSER.load(["data=digits"]).augment.hflip == 0
    assert COMPOSER.load(["data=coco"]).augment.hflip == 0.5
    assert COMPOSER.load(["data=digits", "augment=standard"]).augment.hflip == 0.5
    assert COMPOSER.load(["experiment=digits_detection", "augment=strong"]).augment.rotate == 10


def test_a_model_brings_its_recipe_and_an_explicit_value_or_optimizer_wins() -> None:
    model = "model=classification/resnet_micro"
    recipe = COMPOSER.load([model]).model.recipe
    assert COMPOSER.load([model]).optim.learning_rate == recipe.learning_rate
    assert COMPOSER.load([model, "optim.learning_rate=0.5"]).optim.learning_rate == 0.5
    sgd = COMPOSER.load([model, "optim=sgd"]).optim
    assert (sgd.optim, sgd.learning_rate) == ("sgd", 0.01)
    changed = COMPOSER.load([model, "model.recipe.num_train_epochs=3"])
    assert changed.trainer.num_train_epochs == 3


def test_no_key_is_called_name_and_every_key_has_its_help() -> None:
    for key in [
        *leaves(),
        *(key for schema in DATA_SCHEMAS.values() for key in leaves(schema, "data.")),
        *(key for schema in COMPUTE_SCHEMAS.values() for key in leaves(schema, "compute.")),
    ]:
        assert key.path.rpartition(".")[2] != "name"
        assert key.info is not None, key.path
        assert key.info.help.endswith(".") or "licence" in key.path, key.path


def test_no_file_has_a_key_called_name_at_the_top() -> None:
    for path in conf_dir().rglob("*.yaml"):
        assert "name" not in (yaml.safe_load(path.read_text()) or {}), path


@pytest.mark.parametrize(
    "overrides",
    [
        ["compute=databricks_cluster", "compute.way=job"],
        ["compute=databricks_job", "compute.kind=local"],
        ["compute.kind=databricks"],
    ],
    ids=" ".join,
)
def test_keys_of_one_way_to_run_do_not_pass_for_another(overrides: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"compute=.*databricks_serverless"):
        COMPOSER.load(overrides)


def test_keys_of_a_cluster_are_those_of_the_platform() -> None:
    words = ["custom_tags.team=cv", "aws_attributes.zone_id=auto", "spark_env_vars.A='1'"]
    config = COMPOSER.load(["compute=databricks_cluster", *(f"compute.{word}" for word in words)])
    assert isinstance(config.compute, DatabricksClusterConf)
    assert config.compute.custom_tags == {"team": "cv"}
    assert config.compute.aws_attributes == {"zone_id": "auto"}
    assert config.compute.spark_env_vars == {"A": "1"}


def test_a_whole_mapping_may_be_given_at_once() -> None:
    words = ["compute=databricks_cluster", "compute.docker_image={url:'a/b:1'}"]
    config = COMPOSER.load(words)
    assert isinstance(config.compute, DatabricksClusterConf)
    assert config.compute.docker_image == {"url": "a/b:1"}
