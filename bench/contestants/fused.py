"""The study fused by hand in PyTorch, without the libraries: the passes that it needs and no more.

One forward pass over the clean images serves the accuracy, Grad-CAM and the attack: two walks back start from its
graph, a short one to the maps' layer and one to the input. The attack on the neutralized images shares its pass with
their accuracy. Weights frozen, channels-last, batched; regions, SSIM and counts are computed for whole batches.

Four passes forward, two backward to the input, one through the head: what the other program does.
"""

import numpy as np
import torch
import torch.nn.functional as F

import study


def run(settings):
    model = settings.model().requires_grad_(False).to(memory_format=torch.channels_last)
    place = settings.layer()
    trunk, rest = model.features[: place + 1], model.features[place + 1 :]
    return [one_class(settings, label, model, trunk, rest) for label in (0, 1)]


def batches(settings, label):
    for images in settings.classes[label][0].split(settings.batch):
        yield (images.float() / 255).contiguous(memory_format=torch.channels_last)


def attacked(images, gradient):
    return (images + study.EPSILON * gradient.sign()).clamp_(0, 1)


def one_class(settings, label, model, trunk, rest):
    out = study.Outcome(label, settings.size)
    for images in batches(settings, label):
        x = images.requires_grad_(True)
        activations = trunk(x)
        # The ReLUs work in place: what is read here must not be overwritten by the next layer.
        logits = model.head(rest(activations))
        (weights,) = torch.autograd.grad(logits[:, label].sum(), activations, retain_graph=True)
        # For two classes the cross-entropy's gradient has the sign of this one.
        (gradient,) = torch.autograd.grad((logits[:, 1 - label] - logits[:, label]).sum(), x)
        with torch.inference_mode():
            images = images.detach()
            raw = torch.relu((weights.mean((2, 3), keepdim=True) * activations).sum(1, keepdim=True))
            raw = raw / raw.amax((2, 3), keepdim=True).clamp_min(torch.finfo().tiny)
            view = F.interpolate(raw, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
            adversarial = attacked(images, gradient)
            out.add_margins("clean", logits)
            out.add_margins("adv", model(adversarial))
            vulnerability = study.divided(study.change(adversarial.numpy(), images.numpy()))
            roi, roa = study.largest(view.numpy()), study.of_maximum(vulnerability)
            right = (logits.argmax(1) == label).numpy()
        out.add_regions(roi, roa, right)
        compare(out, view.numpy(), vulnerability, roi, roa)

    blob = torch.from_numpy(out.blob())
    for images in batches(settings, label):
        images[:, :, blob] = study.FILL
        x = images.requires_grad_(True)
        logits = model(x)
        (gradient,) = torch.autograd.grad((logits[:, 1 - label] - logits[:, label]).sum(), x)
        with torch.inference_mode():
            out.add_margins("mod", logits)
            out.add_margins("mod_adv", model(attacked(images.detach(), gradient)))
    return out.finish(lambda a, b: ssim(np.stack([a]), np.stack([b]))[0])


def compare(out, view, vulnerability, roi, roa):
    """SSIM of maps and masks and IoU of whole batches; NaN where a region is empty."""
    both = roi.any((1, 2)) & roa.any((1, 2))
    union = np.maximum((roi | roa).sum((1, 2)), 1)
    out.rows["ssim_maps"].append(np.where(both, ssim(view, vulnerability), np.nan))
    out.rows["ssim_masks"].append(np.where(both, ssim(roi, roa), np.nan))
    out.rows["iou"].append(np.where(both, (roi & roa).sum((1, 2)) / union, np.nan))


def ssim(a, b):
    """Wang et al. over 7x7 windows with equal weights and the sample covariance, data range 1, of arrays
    `[batch, height, width]`."""
    a, b = torch.from_numpy(np.float64(a)), torch.from_numpy(np.float64(b))
    planes = torch.stack([a, b, a * a, b * b, a * b], 1)
    mx, my, mxx, myy, mxy = F.avg_pool2d(planes, 7, stride=1).unbind(1)
    sample = 49 / 48
    vx, vy, c = sample * (mxx - mx * mx), sample * (myy - my * my), sample * (mxy - mx * my)
    c1, c2 = 0.01**2, 0.03**2
    s = (2 * mx * my + c1) * (2 * c + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return s.mean((1, 2)).numpy()


if __name__ == "__main__":
    study.main(run, __doc__)
