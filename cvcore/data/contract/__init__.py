"""The data contract: what a data set must hold to be trained on, and what is done where it does not.

`check` finds every fault and alters nothing; `apply` follows `data.policy`; `write_repaired` makes
a whole copy. Originals are never touched. The rules are in `RULES`; docs/data.md lists them.
Torch-free.
"""

from cvcore.data.contract.apply import apply
from cvcore.data.contract.check import check
from cvcore.data.contract.report import ContractReport, Treatment
from cvcore.data.contract.rule import RULES, Fault, Rule
from cvcore.data.contract.treat import TreatedSplit, treat
from cvcore.data.contract.write import write_repaired

__all__ = [
    "RULES",
    "ContractReport",
    "Fault",
    "Rule",
    "TreatedSplit",
    "Treatment",
    "apply",
    "check",
    "treat",
    "write_repaired",
]
