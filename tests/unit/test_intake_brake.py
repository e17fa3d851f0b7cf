"""The brake: it stops a flood of refusals, and nothing else."""

from __future__ import annotations

from streams.intake.brake import Brake, BrakeLimits

YES, NO = [True], [False]


def test_refusals_in_a_row_add_up_over_polls_until_one_is_accepted() -> None:
    brake = Brake(BrakeLimits(consecutive=100, share=0))
    assert brake.take(NO * 60) is None
    assert brake.take(NO * 39 + YES + NO * 20) is None
    assert brake.take(NO * 79) is None
    assert brake.take(NO) == "100 submissions in a row would be refused (GULDADRA_REFUSAL_LIMIT)"


def test_a_run_inside_one_poll_counts_although_an_acceptance_follows() -> None:
    brake = Brake(BrakeLimits(consecutive=1_000, share=0))
    assert brake.take(YES * 2_500 + NO * 2_400 + YES) is not None


def test_a_share_counts_only_over_a_full_window() -> None:
    brake = Brake(BrakeLimits(consecutive=0, share=0.5, window=1_000))
    assert brake.take(YES * 100 + NO * 899) is None
    told = "900 of the last 1000 submissions would be refused (GULDADRA_REFUSAL_SHARE)"
    assert brake.take(NO) == told


def test_what_lies_before_the_window_is_forgotten() -> None:
    brake = Brake(BrakeLimits(consecutive=0, share=0.5, window=1_000))
    assert brake.take(NO * 499 + YES * 500) is None
    for _ in range(10):
        assert brake.take(NO * 100 + YES * 400) is None
    assert brake.take(NO * 450) is None
    assert brake.take(NO * 500) is not None


def test_limits_of_zero_are_off() -> None:
    brake = Brake(BrakeLimits(consecutive=0, share=0))
    assert brake.take(NO * 100_000) is None
