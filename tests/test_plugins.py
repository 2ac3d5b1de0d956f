"""Plugins: what a file adds, what is refused and in which words, what a study keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from foveate import config, plugins, runs
from foveate.attention import create_attention, list_attention
from foveate.config import Model, Study, parse_study
from foveate.errors import UsageError
from foveate.explanation import captions
from foveate.explanation.cam import METHODS, explain
from foveate.explanation.charts import model_title
from foveate.explanation.faithfulness.folding import folded
from foveate.models import create_model
from foveate.models.resnet import BACKBONES
from foveate.overrides import Overrides, assemble
from foveate.plugins import load_plugin
from foveate.report.architecture import describe
from foveate.runs import StudyFolder
from tests.plugin_files import PLUGIN, without_plugins


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    with without_plugins():
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(PLUGIN, encoding="utf-8")
    return tmp_path / "mine.py"


def study_of(*files: Path, models: list[str] | None = None) -> Study:
    named = [str(own) for own in files]
    return parse_study({"name": "s", "models": models or ["resnet18"], "datasets": {"p": {}}, "plugins": named})


def test_what_a_file_adds_is_known_by_name_and_title(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = load_plugin(file)
    assert capsys.readouterr().err == f"plugin: {file} is executed\n"
    assert found.names == ("my_gate", "brightest", "shallow")
    assert found.record == {"file": "mine.py", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert "my_gate" in list_attention()
    x = torch.rand(2, 8, 4, 4)
    assert create_attention("my_gate", 8)(x).shape == x.shape
    network = create_model("shallow+my_gate").eval()
    assert len(network.attention_blocks()) == 4
    maps, logits = explain(network, torch.rand(2, 3, 64, 64), torch.eye(2), "brightest", "layer4")
    assert maps.shape == (2, 2, 2)
    assert logits.shape == (2, 2)
    assert model_title("shallow+my_gate") == "Shallow net + My gate"
    assert captions.METHODS["brightest"] == "Brightest-CAM"
    spec = Model(backbone="shallow", attention="my_gate")
    said = "a Shallow net with My gate (Doe 2026) blocks before the addition of every residual block"
    assert describe(spec) == said


def test_a_name_whose_plugin_is_not_here_is_shown_as_it_is() -> None:
    assert model_title("resnet18+my_gate") == "ResNet-18 + my_gate"
    assert describe(Model(backbone="resnet18", attention="my_gate")).startswith(
        "a ResNet-18 (He et al. 2016) with my-gate blocks"
    )


def test_the_same_content_is_executed_once(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy.py"
    copy.write_bytes(file.read_bytes())
    assert load_plugin(file) is load_plugin(copy)
    assert capsys.readouterr().err.count("executed") == 1


BROKEN = {
    "x = 1\ny = 1 / 0\n": "mine.py, line 2: ZeroDivisionError: division by zero",
    "def f(:\n": "mine.py, line 1: SyntaxError: invalid syntax",
    "import no_such_module\n": "mine.py, line 1: ModuleNotFoundError: No module named 'no_such_module'",
    "def f():\n    raise ValueError('no\\nmore')\n\nf()\n": "mine.py, line 2: ValueError: no",
    "raise SystemExit(3)\n": "mine.py, line 1: SystemExit: 3",
    "x = 1\n": "mine.py is no plugin: it defines none of MECHANISMS, METHODS, BACKBONES.",
    "MECHANISMS = [1]\n": "mine.py: MECHANISMS must be a dict from names, not a list.",
    "METHODS = {'grad_cam': print}\nTITLES = {'grad_cam': 'G'}\n": "METHODS: there is a 'grad_cam' already",
    "METHODS = {'A+b': print}\n": "METHODS: the name 'A+b' must be lower-case letters",
    "METHODS = {'my': print}\n": "TITLES lacks 'my', its title for people",
    "METHODS = {'my': 3}\nTITLES = {'my': 'M'}\n": "a heat-map method is a function, not a int",
    "MECHANISMS = {'my': print}\nTITLES = {'my': 'M'}\n": "a mechanism is a subclass of foveate.attention.base",
    "BACKBONES = {'my': 3}\nTITLES = {'my': 'M'}\n": "a backbone is a subclass of BasicBlock or Bottleneck",
    "from torch import nn\nBACKBONES = {'my': (nn.Linear, (1, 1, 1, 1))}\nTITLES = {'my': 'M'}\n": "not <class 'torch",
    PLUGIN.replace("(1, 1, 1, 1)", "(1, 1, 1)"): "not (1, 1, 1) of them",
    PLUGIN.replace("def attend", "def other"): "mine.py: Gate lacks attend.",
    PLUGIN.replace("[:, :, None, None]\n\n    def attention", "[:, :, None]\n\n    def attention"): ": RuntimeError: ",
    PLUGIN.replace("return x * self", "return self"): "Gate must keep shape and dtype",
    PLUGIN.replace('{"channel": ', "[").replace("None]}", "None]]"): "Gate.attention must give a dict of tensors",
    PLUGIN.replace("MECHANISMS = {", 'MECHANISMS = {"se": Gate, '): "MECHANISMS: there is a 'se' already",
    PLUGIN.replace('"shallow": (', '"resnet18": ('): "BACKBONES: there is a 'resnet18' already",
}


@pytest.mark.parametrize(("content", "said"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_broken_file_is_named_in_a_line_and_adds_nothing(tmp_path: Path, content: str, said: str) -> None:
    before = [list_attention(), list(METHODS), list(BACKBONES)]
    (tmp_path / "mine.py").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_plugin(tmp_path / "mine.py")
    assert said in str(caught.value)
    assert str(tmp_path / "mine.py") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert [list_attention(), list(METHODS), list(BACKBONES)] == before
    assert not plugins.LOADED


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the plugin .*absent\.py: No such file"):
        load_plugin(tmp_path / "absent.py")


def test_a_study_keeps_a_copy_that_it_goes_on_with(file: Path, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "out")
    study = plugins.load_all(study_of(file, models=["resnet18", "shallow+my_gate"]))
    folder.create(plugins.keep(folder, study))
    assert (folder.path / "plugins" / "mine.py").read_bytes() == file.read_bytes()
    assert "file: plugins/mine.py" in (folder.path / "study.yaml").read_text(encoding="utf-8")
    file.unlink()
    (tmp_path / "out").rename(tmp_path / "moved")
    (plugin,) = StudyFolder(tmp_path / "moved").study.plugins
    assert plugin.file == str(tmp_path / "moved" / "plugins" / "mine.py")
    with without_plugins():
        plugins.LOADED.clear()
        Path(plugin.file).write_text(PLUGIN + "#\n", encoding="utf-8")
        with pytest.raises(UsageError, match="is not the plugin that the study began with"):
            plugins.load_all(StudyFolder(tmp_path / "moved").study)


def test_what_was_loaded_before_goes_along_with_a_study_that_needs_it(file: Path) -> None:
    load_plugin(file)
    assert plugins.load_all(study_of(models=["resnet18"])).plugins == ()
    (plugin,) = plugins.load_all(study_of(models=["shallow"])).plugins
    assert plugin.file == str(file)
    assert len(plugins.load_all(study_of(file, models=["shallow"])).plugins) == 1


def test_a_run_alone_finds_its_plugin_in_the_study(file: Path, tmp_path: Path) -> None:
    run = tmp_path / "out" / "runs" / "p" / "shallow" / "1"
    run.mkdir(parents=True)
    (tmp_path / "out" / "plugins").mkdir()
    sha256 = hashlib.sha256(PLUGIN.encode()).hexdigest()
    with pytest.raises(UsageError, match=r"1 needs the plugin mine\.py, which is not at .*out/plugins/mine\.py: put"):
        plugins.load_for_run(run, {"plugins": [{"file": "mine.py", "sha256": sha256}]})
    file.rename(tmp_path / "out" / "plugins" / "mine.py")
    plugins.load_for_run(run, {"plugins": [{"file": "mine.py", "sha256": sha256}]})
    assert "shallow" in BACKBONES
    plugins.load_for_run(run, {})  # of an older version


def test_a_plugin_may_come_later_but_not_change(file: Path, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "out")
    folder.create(study_of())
    runs.write_json(folder.path / "data" / "p" / "pack" / "index.json", {})  # images are read
    plugins.add(folder, [file])
    assert [Path(own.file).name for own in StudyFolder(folder.path).study.plugins] == ["mine.py"]
    StudyFolder(folder.path).refuse_foreign(study_of())  # the study as it was begun is still this one
    with without_plugins():
        file.write_text(PLUGIN.replace("my_gate", "your_gate").replace("brightest", "b").replace("shallow", "s"))
        with pytest.raises(UsageError, match=r"plugins: mine\.py has changed since"):
            plugins.add(StudyFolder(folder.path), [file])


def test_two_files_of_one_name_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"two plugins are called mine\.py"):
        study_of(file, tmp_path / "other" / "mine.py")


def test_yaml_and_command_line_name_them(file: Path, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("models: [shallow]\ndatasets: {p: }\nplugins: mine.py\n", encoding="utf-8")
    (plugin,) = config.load_study(tmp_path / "my.yaml").plugins
    assert (plugin.file, plugin.sha256) == (str(file), "")
    study = assemble("demo", Overrides(plugins=[str(file)], models="all"))
    assert "resnet18+my_gate" in study.models
    assert [own.sha256 for own in study.plugins] == [hashlib.sha256(PLUGIN.encode()).hexdigest()]
    (tmp_path / "my.yaml").write_text("models: [shallow]\ndatasets: {p: }\nplugins: [{fil: mine.py}]\n")
    with pytest.raises(UsageError, match=r"unknown key 'plugins\.0\.fil', did you mean 'file'"):
        config.load_study(tmp_path / "my.yaml")


def test_a_block_of_another_build_is_not_folded(tmp_path: Path) -> None:
    """Folding knows the order of convolution and norm of foveate's own blocks only."""
    block = """
class Before(BasicBlock):
    def branch(self, x):
        return self.conv2(self.bn2(self.conv1(x)))


MECHANISMS ="""
    content = PLUGIN.replace("MECHANISMS =", block).replace("(BasicBlock, (1", "(Before, (1")
    (tmp_path / "mine.py").write_text(content, encoding="utf-8")
    load_plugin(tmp_path / "mine.py")
    network = create_model("shallow").eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            module.running_mean = torch.rand_like(module.weight)
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(folded(network)(images), network(images), rtol=1e-4, atol=1e-4)
