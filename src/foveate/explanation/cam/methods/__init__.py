"""The heat-map methods by name, one file each."""

from __future__ import annotations

from foveate.explanation.cam.methods.attention import attention
from foveate.explanation.cam.methods.eigen_cam import eigen_cam
from foveate.explanation.cam.methods.grad_cam import grad_cam
from foveate.explanation.cam.methods.grad_cam_plus_plus import grad_cam_plus_plus
from foveate.explanation.cam.methods.gradients import Method, from_gradient
from foveate.explanation.cam.methods.hires_cam import hires_cam
from foveate.explanation.cam.methods.layer_cam import layer_cam
from foveate.explanation.cam.methods.score_cam import score_cam

# Raw maps are signed: a final ReLU that a method may have is `heatmaps.heat`'s.
METHODS: dict[str, Method] = {
    "grad_cam": from_gradient(grad_cam),
    "hires_cam": from_gradient(hires_cam),
    "grad_cam_plus_plus": from_gradient(grad_cam_plus_plus),
    "layer_cam": from_gradient(layer_cam),
    "score_cam": score_cam,
    "eigen_cam": eigen_cam,
    "attention": attention,
}
