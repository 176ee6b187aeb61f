"""What is said of models that cannot be measured, or not be believed: a line each, and none of those that can."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from small_models import batch_norm_net
from torch import Tensor, nn

from hypo.architectures.adapted import Adapted
from hypo.architectures.probing import probe
from hypo.datasets.images import ImageData
from hypo.settings.errors import InputError

CLASSES = 10


@pytest.fixture
def some(digits: ImageData) -> tuple[Tensor, Tensor]:
    """Forty test images and their labels."""
    test, _ = digits.test.limited(40)
    return test.images[:].float() / digits.maximum, test.labels


class Then(nn.Module):
    """`model`, and then `what` is done with its logits."""

    def __init__(self, model: nn.Module, what: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.model = model
        self.what = what

    def forward(self, images: Tensor) -> Any:
        return self.what(self.model(images))


def refusal(model: nn.Module, some: tuple[Tensor, Tensor]) -> str:
    with pytest.raises(InputError) as refused:
        probe(model, *some, CLASSES)
    return str(refused.value)


def test_nothing_is_wrong_with_a_model_that_has_learnt_something(
    digits_mlp: nn.Module, digits_cnn: nn.Module, some: tuple[Tensor, Tensor]
) -> None:
    for model in (digits_mlp, digits_cnn):
        assert probe(model, *some, CLASSES) == []


def test_log_probabilities_and_what_has_logits_are_as_good_as_logits(
    digits_mlp: nn.Module, some: tuple[Tensor, Tensor]
) -> None:
    assert probe(Then(digits_mlp, lambda logits: logits.log_softmax(1)), *some, CLASSES) == []
    assert probe(Then(digits_mlp, lambda logits: SimpleNamespace(logits=logits)), *some, CLASSES) == []


RETURNS = "model: takes one that returns a tensor of logits, (batch, classes), got"
WRAP = "wrap it in a module whose forward returns the tensor that is meant"


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (lambda logits: (logits, logits), f"{RETURNS} a tuple of 2; {WRAP}"),
        (lambda logits: [logits], f"{RETURNS} a list of 1; {WRAP}"),
        (lambda logits: {"logits": logits}, f"{RETURNS} a dict of 1; {WRAP}"),
        (lambda _: None, f"{RETURNS} a NoneType; {WRAP}"),
        (
            lambda logits: logits.argmax(1),
            "model: takes one that returns logits, got int64 of shape 40; take argmax, or what rounds, out of it",
        ),
        (
            lambda logits: logits.view(40, 10, 1, 1),
            "model: takes one that returns logits, of 40 images 40x10, got 40x10x1x1; wrap it in a module that"
            " returns these",
        ),
        (
            lambda logits: logits[:, :7],
            "model: has 7 outputs, the data set 10 classes; take the classes that it was trained on, or wrap it"
            " in a module that returns their logits",
        ),
        (
            lambda logits: logits.where(torch.arange(40)[:, None] % 10 > 0, torch.nan),
            "model: takes one with finite logits, got NaN for 4 of 40 images",
        ),
        (
            lambda logits: logits.where(torch.arange(40)[:, None] > 0, torch.inf),
            "model: takes one with finite logits, got infinity for 1 of 40 images",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(
    digits_mlp: nn.Module, some: tuple[Tensor, Tensor], what: Callable[[Tensor], Any], line: str
) -> None:
    assert refusal(Then(digits_mlp, what), some) == line


def test_images_of_another_form_are_refused_with_the_reason(some: tuple[Tensor, Tensor]) -> None:
    grey = ", and three numbers in arch.mean and arch.std repeat grey images to three channels"
    assert refusal(nn.Sequential(nn.Flatten(), nn.Linear(100, 10)), some) == (
        "model: cannot take images of 1x8x8 (mat1 and mat2 shapes cannot be multiplied (40x64 and 100x10));"
        f" arch.resize or dataset.size brings them to another size{grey}"
    )
    assert refusal(nn.Conv2d(3, 10, 8), some) == (
        "model: cannot take images of 1x8x8 (Given groups=1, weight of size [10, 3, 8, 8], expected"
        " input[40, 1, 8, 8] to have 3 channels, but got 1 channels instead);"
        f" arch.resize or dataset.size brings them to another size{grey}"
    )


def test_a_model_that_takes_batches_of_one_size_is_refused(
    digits_mlp: nn.Module, some: tuple[Tensor, Tensor]
) -> None:
    remedy = "export or trace it so that the batch may have any size, and in eval mode"
    fixed = Then(digits_mlp, lambda logits: logits.view(40, 10))
    reason = "shape '[40, 10]' is invalid for input of size 10"
    assert refusal(fixed, some) == f"model: takes 40 images and not one ({reason}); {remedy}"
    broadcasting = Then(digits_mlp, lambda logits: logits + torch.zeros(40, 1))
    reason = "which gives 40x10"
    assert refusal(broadcasting, some) == f"model: takes 40 images and not one ({reason}); {remedy}"


def test_probabilities_are_warned_of(digits_mlp: nn.Module, some: tuple[Tensor, Tensor]) -> None:
    soft = Then(digits_mlp, lambda logits: logits.softmax(1))
    assert probe(soft, *some, CLASSES) == [
        "the model returns probabilities: every row sums to 1, and cross-entropy on them hides gradients from"
        " attacks; let it return their logarithms, or pass arch.outputs=probabilities"
    ]
    assert probe(Adapted(soft, probabilities=True), *some, CLASSES) == []
    assert refusal(Adapted(digits_mlp, probabilities=True), some) == (
        "arch.outputs: takes logits where outputs do not sum to 1, as here, got probabilities"
    )


def test_logarithms_of_probabilities_are_finite_and_predict_the_same(
    digits_mlp: nn.Module, some: tuple[Tensor, Tensor]
) -> None:
    soft = Adapted(Then(digits_mlp, lambda logits: (100 * logits).softmax(1)), probabilities=True)
    logits = soft(some[0])
    assert bool(torch.isfinite(logits).all())
    torch.testing.assert_close(logits.argmax(1), digits_mlp(some[0]).argmax(1))
    assert bool(((100 * digits_mlp(some[0])).softmax(1) == 0).any()), "float32 rounds some of them to zero"


def test_a_model_that_draws_random_numbers_is_warned_of(
    digits_mlp: nn.Module, some: tuple[Tensor, Tensor]
) -> None:
    torch.manual_seed(0)
    (line,) = probe(nn.Sequential(nn.Dropout(0.2).train(), digits_mlp), *some, CLASSES)
    assert line.startswith("the model is not deterministic: a second pass changes logits by up to ")
    assert line.endswith(
        " of 40 predictions; put it in eval mode before it is saved, and take random layers out of it"
    )


def test_statistics_of_the_batch_are_warned_of(digits: ImageData, some: tuple[Tensor, Tensor]) -> None:
    model = batch_norm_net(CLASSES)
    model[3] = nn.Identity()
    for _ in range(50):  # its statistics become those of these images
        model.train()(some[0])
    lines = probe(model.eval(), *some, CLASSES)
    assert not any("batch" in line for line in lines)
    lines = probe(model.train(), *some, CLASSES)
    (line,) = [line for line in lines if "batch" in line]
    assert line.startswith("the model changes with the batch: logits of an image alone differ by up to ")
    assert line.endswith(" from those that it has among others; put it in eval mode before it is saved")


ADVICE = "attacks along it find nothing; only those without gradients tell anything"


def rounded(images: Tensor) -> Tensor:
    return (images * 16).round() / 16


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            lambda model: Then(model, torch.detach),
            "the model passes no gradient to its images (element 0 of tensors does not require grad and does not"
            f" have a grad_fn): {ADVICE}",
        ),
        (
            lambda model: nn.Sequential(Then(nn.Identity(), rounded), model),
            f"the model passes no gradient to 40 of 40 images: {ADVICE}",
        ),
    ],
)
def test_a_model_without_gradients_is_warned_of(
    digits_mlp: nn.Module, some: tuple[Tensor, Tensor], made: Callable[[nn.Module], nn.Module], line: str
) -> None:
    assert probe(made(digits_mlp), *some, CLASSES) == [line]


def test_an_order_of_classes_that_is_another_is_warned_of(
    digits_mlp: nn.Module, some: tuple[Tensor, Tensor]
) -> None:
    (line,) = probe(Then(digits_mlp, lambda logits: logits.roll(1, 1)), *some, CLASSES)
    assert line.startswith("the model is right about ")
    assert line.endswith(
        " of 40 images, as a guess among 10 classes would be: they may be in another order than those of the data"
        " set, or images are to be normalised otherwise"
    )


def test_probing_leaves_no_gradient_on_parameters(some: tuple[Tensor, Tensor]) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, CLASSES))
    probe(model, *some, CLASSES)
    assert all(parameter.grad is None for parameter in model.parameters())
