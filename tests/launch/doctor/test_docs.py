"""docs/troubleshooting.md is what doctor prints."""

from pathlib import Path

import pytest

from launch.doctor.check import Check, Context, Verdict, look
from launch.doctor.page import page
from launch.doctor.run import CHECKS

PAGE = Path(__file__).parents[3] / "docs" / "troubleshooting.md"


def test_the_page_is_written_from_the_checks() -> None:
    assert PAGE.read_text() == page(), "python -m launch.doctor.page docs/troubleshooting.md"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)
def test_every_fix_is_on_the_page_as_doctor_prints_it(check: Check) -> None:
    """With its placeholders: what a person searches for after reading a line is there."""
    assert f"### {check.key}\n" in PAGE.read_text()
    failed = Check(
        check.key, check.where, "", "", check.fix, lambda _: Verdict("fail", "as a test asks")
    )
    finding = look(failed, Context(None))
    assert f"```\n{finding.fix}\n```" in PAGE.read_text()


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.key for check in CHECKS}) == len(CHECKS)
