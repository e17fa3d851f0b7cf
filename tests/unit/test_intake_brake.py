"""The brake: it stops a flood of refusals, and nothing else."""

from __future__ import annotations

from streams.intake.brake import Brake, BrakeLimits


def test_refusals_in_a_row_add_up_over_polls_until_one_is_accepted() -> None:
    brake = Brake(BrakeLimits(consecutive=100, share=0))
    assert brake.take(accepted=0, refused=60, trailing_refusals=60) is None
    assert brake.take(accepted=1, refused=60, trailing_refusals=20) is None
    assert brake.take(accepted=0, refused=79, trailing_refusals=79) is None
    assert brake.take(accepted=0, refused=1, trailing_refusals=1) == "100 submissions in a row would be refused"


def test_a_share_counts_only_over_a_full_window() -> None:
    brake = Brake(BrakeLimits(consecutive=0, share=0.5, window=1_000))
    assert brake.take(accepted=100, refused=899, trailing_refusals=1) is None
    assert brake.take(accepted=0, refused=1, trailing_refusals=1) == "900 of the last 1000 submissions would be refused"


def test_what_lies_before_the_window_is_forgotten() -> None:
    brake = Brake(BrakeLimits(consecutive=0, share=0.5, window=1_000))
    assert brake.take(accepted=500, refused=499, trailing_refusals=0) is None
    for _ in range(10):
        assert brake.take(accepted=400, refused=100, trailing_refusals=0) is None
    assert brake.take(accepted=0, refused=450, trailing_refusals=0) is None
    assert brake.take(accepted=0, refused=500, trailing_refusals=0) is not None


def test_limits_of_zero_are_off() -> None:
    brake = Brake(BrakeLimits(consecutive=0, share=0))
    assert brake.take(accepted=0, refused=1_000_000, trailing_refusals=1_000_000) is None
