"""The study as a careful user writes it with the same libraries.

Weights are frozen, memory is channels-last, everything is batched, inference mode is used where nothing is
differentiated, and no work is repeated that the libraries allow to avoid: the clean logits are those that Grad-CAM's
own pass left (`cam.outputs`), a forward hook keeps the logits of the pass inside the attack, and one bias just below
the maps' layer keeps its gradient, so that Grad-CAM's walk back ends there instead of at the input.

Five passes forward, two backward to the input, one through the head. What stays repeated is the attack's own pass
over the clean images: torchattacks and pytorch-grad-cam cannot share one.
"""

import numpy as np
import torch
import torchattacks
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

import study
import usual


def run(settings):
    model = settings.model().requires_grad_(False).to(memory_format=torch.channels_last)
    place = settings.layer()
    # The convolution that feeds the ReLU at which maps are read.
    model.features[place - 1].bias.requires_grad_(True)
    attack = torchattacks.FGSM(model, eps=study.EPSILON)
    return [one_class(settings, label, model, place, attack) for label in (0, 1)]


def batches(settings, label):
    images, labels = settings.classes[label]
    for images, labels in zip(images.split(settings.batch), labels.split(settings.batch)):
        yield (images.float() / 255).contiguous(memory_format=torch.channels_last), labels


def one_class(settings, label, model, place, attack):
    out = study.Outcome(label, settings.size)
    for images, labels in batches(settings, label):
        with GradCAM(model=model, target_layers=[model.features[place]]) as cam:
            view = cam(input_tensor=images, targets=[ClassifierOutputTarget(label)] * len(images))
            clean = cam.outputs.detach().numpy()
            # Otherwise the graph, which the library retains, lives as long as the object.
            cam.outputs = None
        out.add_margins("clean", clean)
        adversarial = attack(images, labels)
        with torch.inference_mode():
            out.add_margins("adv", model(adversarial))
        vulnerability = study.divided(study.change(adversarial.numpy(), images.numpy()))
        roi, roa = study.largest(view), study.of_maximum(vulnerability)
        out.add_regions(roi, roa, clean.argmax(1) == label)
        usual.compare(out, view, vulnerability, roi, roa)

    blob = torch.from_numpy(out.blob())
    kept = []
    for images, labels in batches(settings, label):
        images[:, :, blob] = study.FILL
        hook = model.register_forward_hook(lambda _module, _input, logits: kept.append(logits.detach()))
        adversarial = attack(images, labels)
        hook.remove()
        out.add_margins("mod", kept.pop())
        with torch.inference_mode():
            out.add_margins("mod_adv", model(adversarial))
    return out.finish(usual.ssim)


if __name__ == "__main__":
    study.main(run, __doc__)
