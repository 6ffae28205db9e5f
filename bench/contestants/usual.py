"""The study as users usually write it with the libraries, at their defaults.

torchattacks for the attack, pytorch-grad-cam for the maps, scikit-image for SSIM. The model is loaded and put into
evaluation mode, and that is all: its weights require gradients, so Grad-CAM's `backward` computes theirs too; memory
is in PyTorch's default order; accuracy is measured by calling the model. `--cam-batch 1` explains one image at a time,
as the library's first example does; larger values a batch.

Seven passes forward, one backward to the input and all weights, two to the input.
"""

import cv2
import numpy as np
import torch
import torchattacks
from pytorch_grad_cam import GradCAM, base_cam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from skimage.metrics import structural_similarity
from torch.utils.data import DataLoader, TensorDataset

import study


def over_maximum(maps, target_size=None):
    """In place of the library's scaling, which subtracts the minimum too and is called twice: the same work, and the
    study's own map, so that all contestants give the same numbers."""
    if target_size is None:
        return np.float32(maps)
    return np.float32([cv2.resize(m / (m.max() or 1), target_size) for m in maps])


base_cam.scale_cam_image = over_maximum


def ssim(a, b):
    return structural_similarity(np.float64(a), np.float64(b), data_range=1.0)


def compare(out, view, vulnerability, roi, roa):
    """SSIM of maps and masks and IoU, image by image; NaN where a region is empty."""
    for v, w, i, a in zip(view, vulnerability, roi, roa):
        both = i.any() and a.any()
        out.rows["ssim_maps"].append([ssim(v, w) if both else np.nan])
        out.rows["ssim_masks"].append([ssim(i, a) if both else np.nan])
        out.rows["iou"].append([(i & a).sum() / (i | a).sum() if both else np.nan])


def run(settings):
    model = settings.model()
    layers = [model.features[settings.layer()]]
    attack = torchattacks.FGSM(model, eps=study.EPSILON)
    return [one_class(settings, label, model, layers, attack) for label in (0, 1)]


def one_class(settings, label, model, layers, attack):
    out = study.Outcome(label, settings.size)
    loader = DataLoader(TensorDataset(*settings.classes[label]), batch_size=settings.batch)
    for images, labels in loader:
        images = images.float() / 255
        with torch.no_grad():
            clean = model(images)
        out.add_margins("clean", clean)

        views = []
        # The library hooks the layer for as long as the object lives.
        with GradCAM(model=model, target_layers=layers) as cam:
            for part in images.split(settings.cam_batch):
                targets = [ClassifierOutputTarget(label)] * len(part)
                views.append(cam(input_tensor=part, targets=targets))
        view = np.concatenate(views)

        adversarial = attack(images, labels)
        with torch.no_grad():
            out.add_margins("adv", model(adversarial))

        vulnerability = study.divided(study.change(adversarial.numpy(), images.numpy()))
        roi, roa = study.largest(view), study.of_maximum(vulnerability)
        out.add_regions(roi, roa, (clean.argmax(1) == labels).numpy())
        compare(out, view, vulnerability, roi, roa)

    blob = torch.from_numpy(out.blob())
    for images, labels in loader:
        images = images.float() / 255
        images[:, :, blob] = study.FILL
        with torch.no_grad():
            out.add_margins("mod", model(images))
        adversarial = attack(images, labels)
        with torch.no_grad():
            out.add_margins("mod_adv", model(adversarial))
    return out.finish(ssim)


if __name__ == "__main__":
    study.main(run, __doc__)
