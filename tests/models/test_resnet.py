"""ResNet-18 as the paper has it: size, names, initialisation, where the attention stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from foveate.attention.base import Attention
from foveate.errors import UsageError
from foveate.models import create_model, load_weights
from foveate.models.weight_files import read_weights


def torchvision_keys() -> set[str]:
    """The keys of torchvision's resnet18, written down from its structure."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    keys = {"conv1.weight", "fc.weight", "fc.bias", *(f"bn1.{part}" for part in norm)}
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            for number in (1, 2):
                keys.add(f"layer{stage}.{block}.conv{number}.weight")
                keys |= {f"layer{stage}.{block}.bn{number}.{part}" for part in norm}
        if stage > 1:
            keys.add(f"layer{stage}.0.downsample.0.weight")
            keys |= {f"layer{stage}.0.downsample.1.{part}" for part in norm}
    return keys


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("resnet18", {}, 11_177_538),
        ("resnet18+se", {}, 11_266_618),
        ("resnet18+se", {"bias": False}, 11_264_578),
        ("resnet18+cbam", {}, 11_267_418),
        ("resnet18+gc", {}, 11_268_786),
        ("resnet18+gc", {"ratio": 1 / 4}, 11_530_986),
        ("resnet18+srm", {}, 11_185_218),
        ("resnet18+eca", {}, 11_177_538 + 24),
        ("resnet18+eca", {"kernel_size": "auto"}, 11_177_538 + 36),
        ("resnet18+eca", {"kernel_size": [3, 5, 7, 7]}, 11_177_538 + 44),
        ("resnet18+coordinate", {}, 11_177_538 + 74_736),
        ("resnet18+simam", {}, 11_177_538),
        ("resnet18+bam", {}, 11_177_538 + 22_991),
        ("resnet18+criss_cross", {}, 11_177_538 + 5 * 512**2 // 4 + 5 * 512 // 4 + 1),
        # Two blocks of 2 C^2 + 4.5 C, after the second residual block of stages 2 and 3.
        ("resnet18+non_local", {}, 11_177_538 + 2 * 128**2 + 2 * 256**2 + 9 * (128 + 256) // 2),
        ("resnet50", {}, 23_512_130),  # torchvision's 25,557,032 with 2 instead of 1,000 classes
        ("resnet34", {}, 21_285_698),  # 21,797,672
        ("resnet101", {}, 42_504_258),  # 44,549,160
    ],
)
def test_parameters(name: str, options: dict[str, object], parameters: int) -> None:
    model = create_model(name, attention_options=options)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_keys_are_torchvisions() -> None:
    assert set(create_model("resnet18").state_dict()) == torchvision_keys()
    with_se = set(create_model("resnet18+se").state_dict())
    assert torchvision_keys() < with_se
    assert all(".attention." in key for key in with_se - torchvision_keys())


def test_output_sizes() -> None:
    model = create_model("resnet18", num_classes=5, in_channels=1).eval()
    x = torch.randn(2, 1, 100, 97)
    assert model.forward_features(x).shape == (2, 512, 4, 4)
    assert model(x).shape == (2, 5)


def test_pooling_is_global() -> None:
    model = create_model("resnet18").eval()
    x = torch.randn(1, 3, 70, 130)
    features = model.forward_features(x)
    assert features.shape[2:] == (3, 5)
    expected = features.flatten(2).sum(2) / 15 @ model.fc.weight.T + model.fc.bias
    torch.testing.assert_close(model(x), expected)


def test_backbone_is_initialised_as_he_says() -> None:
    model = create_model("resnet18", generator=torch.Generator().manual_seed(0))
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 5000:
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            expected = (2 / fan_out) ** 0.5
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=0.05), name
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.eq(1).all()
            assert module.bias.eq(0).all()


def test_each_mechanism_keeps_its_own_initialisation() -> None:
    gc = create_model("resnet18+gc")
    plain = create_model("resnet18")
    plain.load_state_dict({key: gc.state_dict()[key] for key in plain.state_dict()})
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(gc.eval()(x), plain.eval()(x), rtol=0, atol=0)  # GC starts as the identity
    cbam = create_model("resnet18+cbam")
    assert all(m.norm.weight.item() == 0 for m in cbam.modules() if isinstance(m, Attention))


def test_he_can_reach_into_the_blocks() -> None:
    def last_layers(init: str) -> list[float]:
        model = create_model("resnet18+gc", init=init)
        return [float(m.add.expand.weight.detach().std()) for m in model.modules() if isinstance(m, Attention)]

    assert last_layers("official") == [0.0] * 8
    # Fan-out of a linear layer is its number of outputs: 64 in the first stage.
    assert last_layers("he")[0] == pytest.approx((2 / 64) ** 0.5, rel=0.3)


def test_the_generator_decides_the_weights_and_the_global_one_stays() -> None:
    before = torch.get_rng_state()
    one, two = (create_model("resnet18+cbam", generator=torch.Generator().manual_seed(7)) for _ in range(2))
    other = create_model("resnet18+cbam", generator=torch.Generator().manual_seed(8))
    assert torch.equal(before, torch.get_rng_state())
    states = [model.state_dict() for model in (one, two, other)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["conv1.weight"], states[2]["conv1.weight"])


def test_attention_stands_right_before_the_addition() -> None:
    block = create_model("resnet18+se").layer2[0].eval()
    x = torch.randn(2, 64, 12, 12)
    branch = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
    expected = torch.relu(block.attention(branch) + block.downsample(x))
    torch.testing.assert_close(block(x), expected)


def test_stages_choose_where() -> None:
    model = create_model("resnet18+se", stages=(3, 4))
    with_attention = {name.split(".")[0] for name, m in model.named_modules() if isinstance(m, Attention)}
    assert with_attention == {"layer3", "layer4"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet19"}, "did you mean resnet18"),
        ({"name": "resnet18+"}, "no attention is named: say resnet18 without any"),
        ({"name": "resnet18", "attention": "cbm"}, "did you mean cbam"),
        ({"name": "resnet18+se", "placement": "before_adition"}, "did you mean before_addition"),
        ({"name": "resnet18+se", "stages": (5,)}, "stages are some of 1, 2, 3 and 4"),
        ({"name": "resnet18", "attention_options": {"ratio": 1}}, "without attention"),
        ({"name": "resnet18", "init": "xavier"}, "official, identity, he"),
    ],
)
def test_what_does_not_exist_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_model(**arguments)  # type: ignore[arg-type]


def test_starts_from_weights_with_torchvisions_names(tmp_path: Path) -> None:
    plain = create_model("resnet18", num_classes=1000)
    safetensors.torch.save_file(plain.state_dict(), tmp_path / "imagenet.safetensors")
    model = create_model("resnet18+cbam")
    head = model.fc.weight.clone()
    load_weights(model, tmp_path / "imagenet.safetensors")
    assert torch.equal(model.state_dict()["layer4.1.conv2.weight"], plain.state_dict()["layer4.1.conv2.weight"])
    assert torch.equal(model.fc.weight, head)  # the head of 1000 classes is left out


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    grey = create_model("resnet18", in_channels=1)
    safetensors.torch.save_file(grey.state_dict(), tmp_path / "grey.safetensors")
    with pytest.raises(UsageError, match=r"conv1\.weight is \(64, 1, 7, 7\), not \(64, 3, 7, 7\)"):
        load_weights(create_model("resnet18"), tmp_path / "grey.safetensors")
    safetensors.torch.save_file({"fc.weight": torch.zeros(2, 512)}, tmp_path / "few.safetensors")
    with pytest.raises(UsageError, match="is missing"):
        load_weights(create_model("resnet18"), tmp_path / "few.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(UsageError, match=r"cannot read .*text\.safetensors"):
        read_weights(tmp_path / "text.safetensors")
    with pytest.raises(UsageError, match="cannot read"):
        read_weights(tmp_path / "absent.safetensors")
