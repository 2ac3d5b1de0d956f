"""Predictions into numbers: measures of one run, tests between models, agreement of readers. Without torch.

Arrays go in, frozen results come out (`Estimate`, or `Undefined` with the reason). docs/numbers.md has the formulas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foveate.evaluation.agreement import (
        cohen_kappa,
        fleiss_kappa,
        fleiss_kappa_by_category,
        gwet_ac1,
        krippendorff_alpha,
        randolph_kappa,
    )
    from foveate.evaluation.bootstrap import clustered_bootstrap, mean_auc_difference
    from foveate.evaluation.calibration import brier, calibration_curve, calibration_error, log_loss
    from foveate.evaluation.choices import (
        bradley_terry,
        cochran_q,
        exact_multinomial_test,
        within_case_permutation_test,
    )
    from foveate.evaluation.delong import auc_interval, delong_overall_test, delong_test
    from foveate.evaluation.metrics import auc, average_precision, multiclass_auc, sensitivity_at
    from foveate.evaluation.multireader import compare_runs, mean_auc_interval, overall_test
    from foveate.evaluation.planning import Power, power
    from foveate.evaluation.repeats import (
        friedman_test,
        holm,
        mean_ranks,
        nadeau_bengio_test,
        probability_of_improvement,
        smallest_p,
    )
    from foveate.evaluation.results import Estimate, Undefined
    from foveate.evaluation.thresholds import choose_threshold, cross_fitted_calls, decisions

# Module -> its public names, imported at their first use: statsmodels and scikit-learn take a second together.
_HOMES = {
    "agreement": "cohen_kappa fleiss_kappa fleiss_kappa_by_category gwet_ac1 krippendorff_alpha randolph_kappa",
    "bootstrap": "clustered_bootstrap mean_auc_difference",
    "calibration": "brier calibration_curve calibration_error log_loss",
    "choices": "bradley_terry cochran_q exact_multinomial_test within_case_permutation_test",
    "delong": "auc_interval delong_overall_test delong_test",
    "metrics": "auc average_precision multiclass_auc sensitivity_at",
    "multireader": "compare_runs mean_auc_interval overall_test",
    "planning": "Power power",
    "repeats": "friedman_test holm mean_ranks nadeau_bengio_test probability_of_improvement smallest_p",
    "results": "Estimate Undefined",
    "thresholds": "choose_threshold cross_fitted_calls decisions",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Estimate",
    "Power",
    "Undefined",
    "auc",
    "auc_interval",
    "average_precision",
    "bradley_terry",
    "brier",
    "calibration_curve",
    "calibration_error",
    "choose_threshold",
    "clustered_bootstrap",
    "cochran_q",
    "cohen_kappa",
    "compare_runs",
    "cross_fitted_calls",
    "decisions",
    "delong_overall_test",
    "delong_test",
    "exact_multinomial_test",
    "fleiss_kappa",
    "fleiss_kappa_by_category",
    "friedman_test",
    "gwet_ac1",
    "holm",
    "krippendorff_alpha",
    "log_loss",
    "mean_auc_difference",
    "mean_auc_interval",
    "mean_ranks",
    "multiclass_auc",
    "nadeau_bengio_test",
    "overall_test",
    "power",
    "probability_of_improvement",
    "randolph_kappa",
    "sensitivity_at",
    "smallest_p",
    "within_case_permutation_test",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'foveate.evaluation' has no attribute {name!r}")
    return getattr(importlib.import_module(f"foveate.evaluation.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
