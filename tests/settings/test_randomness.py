from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from hypo.settings.randomness import derive, example_noise, generator

SHAPE = (1, 4, 5)
CPU = torch.device("cpu")


def noise(examples: list[int], seed: int = 0, attack: str = "verification", restart: int = 0) -> torch.Tensor:
    return example_noise(seed, attack, restart, torch.tensor(examples), SHAPE)


@given(st.integers(0, 2**40), st.lists(st.one_of(st.text("abc/", max_size=5), st.integers(0, 9)), max_size=3))
def test_derived_seeds_are_in_range_and_always_the_same(seed: int, purpose: list[str | int]) -> None:
    derived = derive(seed, *purpose)
    assert 0 <= derived < 2**63
    assert derived == derive(seed, *purpose)


def test_derived_seeds_stay_what_they_are() -> None:
    """All random numbers of a run hang on them."""
    assert derive(0, "shuffle", 1) == 9039233566760333659
    assert derive(0, "shuffle", 1) != derive(0, "shuffle", 11) != derive(0, "shuffle", 2)
    assert len({derive(seed, purpose, n) for seed in range(9) for purpose in "ab" for n in range(9)}) == 162


def test_generators_of_one_purpose_agree_and_of_two_do_not() -> None:
    first, again, other = (torch.rand(5, generator=generator(CPU, 0, "augment", n)) for n in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_noise_depends_on_the_example_and_not_on_its_company(examples: list[int]) -> None:
    together = noise(examples)
    assert together.shape == (len(examples), *SHAPE)
    assert together.dtype == torch.float32
    for example, row in zip(examples, together, strict=True):
        assert torch.equal(noise([example])[0], row)


def test_noise_differs_by_seed_attack_restart_and_example() -> None:
    rows = [
        noise([example], seed, attack, restart)
        for example in (0, 1)
        for seed in (0, 1)
        for attack in ("verification", "stability")
        for restart in (0, 1)
    ]
    assert len({tuple(row.flatten().tolist()) for row in rows}) == 16


def test_noise_of_different_examples_never_overlaps() -> None:
    """A counter-based generator may be stepped into its neighbour's numbers; here the examples are far apart."""
    long = [
        example_noise(0, "verification", 0, torch.tensor([example]), (3, 64, 64)).flatten()
        for example in (0, 1, 2)
    ]
    values = torch.cat(long)
    # Among 36,864 float32 normals a few coincide by chance; a shared stretch would be thousands.
    assert len(values.unique()) > 0.99 * len(values)


def test_noise_is_standard_normal() -> None:
    values = example_noise(0, "verification", 0, torch.arange(50), (1, 20, 20)).flatten().double()
    normal = torch.distributions.Normal(0, 1).cdf(values.sort().values)
    uniform = torch.linspace(0, 1, len(values)).double()
    assert (normal - uniform).abs().max() < 1.63 / len(values) ** 0.5  # exceeded once in a hundred times


def test_noise_stays_what_it_is() -> None:
    """A numpy that drew other numbers would change every table."""
    expected = torch.tensor([0.52186704, -1.25951791, -0.78958541, 0.0494839])
    torch.testing.assert_close(noise([7]).flatten()[:4], expected, rtol=0, atol=1e-6)
