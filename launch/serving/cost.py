"""What a Model Serving endpoint costs while it runs: a hint, with what it assumes."""

from __future__ import annotations

from dataclasses import dataclass

_DBU_PER_HOUR = {
    "CPU": 1.0,
    "GPU_SMALL": 10.48,
    "GPU_MEDIUM": 20.0,
    "MULTIGPU_MEDIUM": 112.0,
}
# DBU per hour and unit of concurrency (CPU) or machine (GPU). As public repositories quote the AWS
# price list of 2025/26; it can't be asked for by an API, and other clouds differ.
_LEAST_UNITS = {"Small": 4, "Medium": 8, "Large": 16}  # concurrency; SDK docs of workload_size
_HOURS_PER_MONTH = 730


@dataclass(frozen=True)
class Cost:
    """A hint.

    Attributes:
        usd_per_hour: while it runs at its smallest; None: not known for this workload.
        text: the hint in words.
        assumptions: what it rests on, one sentence each.
    """

    usd_per_hour: float | None
    text: str
    assumptions: tuple[str, ...]


def cost(
    workload_type: str,
    workload_size: str,
    scale_to_zero: bool,
    usd_per_dbu: float,
    hours_per_day: float = 24.0,
) -> Cost:
    """Return what a served version costs.

    Args:
        workload_type: CPU, GPU_SMALL ...
        workload_size: Small, Medium or Large.
        scale_to_zero: whether it stops while nobody asks.
        usd_per_dbu: price of a DBU of Model Serving, US dollars.
        hours_per_day: how long it is used; counts only if it scales to zero.
    """
    rate = _DBU_PER_HOUR.get(workload_type)
    if rate is None:
        return Cost(
            None,
            f"no rate is known for {workload_type}; see the price list of Model Serving.",
            (),
        )
    units = _LEAST_UNITS.get(workload_size, 4) if workload_type == "CPU" else 1
    per_hour = rate * units * usd_per_dbu
    hours = hours_per_day if scale_to_zero else 24.0
    per_month = per_hour * hours / 24 * _HOURS_PER_MONTH
    what = f"{units} units of concurrency" if workload_type == "CPU" else "1 machine"
    rests = (
        f"${per_hour:.2f} per hour while it runs, some ${per_month:,.0f} per month"
        + (f" at {hours:g} hours a day" if scale_to_zero else ", day and night")
        + "."
    )
    return Cost(
        per_hour,
        rests,
        (
            f"{rate:g} DBU per hour and unit of {workload_type} (AWS list price, may have changed)",
            f"{what}: the smallest that {workload_size} runs with; under load it grows",
            f"${usd_per_dbu:g} per DBU (serving.usd_per_dbu)",
            "each served version costs by itself: a canary is paid for twice",
            "starts after a pause may be charged extra"
            if scale_to_zero
            else "it does not scale to zero",
        ),
    )
