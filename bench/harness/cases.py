"""Which layers and networks are timed, and how many operations they are."""

# VGG16's thirteen convolutions as (channels in, channels out, poolings before them); those of equal shape once.
SHAPES = ((3, 64, 0), (64, 64, 0), (64, 128, 1), (128, 128, 1), (128, 256, 2), (256, 256, 2), (256, 512, 3),
          (512, 512, 3), (512, 512, 4))  # fmt: skip
TIMES = (1, 1, 1, 1, 1, 2, 1, 2, 3)
LAYER_OPS = ("forward", "input_gradient", "weight_gradient")

# Images in a batch, for layers and for networks.
LAYER_BATCH = {32: 32, 224: 4}
NETWORKS = (
    ("forward", 32, 128), ("forward", 32, 32), ("forward", 224, 4),
    ("input_gradient", 32, 128), ("input_gradient", 32, 32), ("input_gradient", 224, 4),
    ("training_step", 32, 32),
)  # fmt: skip

# Passes through the network in an operation: forward, backward to the input, gradients to the weights.
WALKS = {"forward": 1, "input_gradient": 2, "training_step": 3}

# Winograd's output tile: (side of the tile, multiplications per tile and pair of channels). `winograd-pair` is for
# images of 2x2 pixels, which have only zeros around them.
TILES = {"winograd-pair": (2, 9), "winograd-2": (2, 16), "winograd-4": (4, 36)}


def layers(size):
    for channels_in, channels_out, poolings in SHAPES:
        yield {
            "case": "layer",
            "channels_in": channels_in,
            "channels_out": channels_out,
            "size": size >> poolings,
            "batch": LAYER_BATCH[size],
        }


def layer_flops(case, algorithm="direct"):
    """Operations of one layer in one direction, a multiplication and an addition counting as two. Those of Winograd's
    transforms are not counted: they are additions, few beside the products."""
    side, pairs = case["size"], 2 * case["batch"] * case["channels_in"] * case["channels_out"]
    if algorithm in TILES:
        tile, products = TILES[algorithm]
        return pairs * products * (-(-side // tile)) ** 2
    return pairs * 9 * side * side


def network_flops(op, size, batch):
    """Operations of the convolutions, by the direct method. In training the first layer needs no gradient to its
    input."""
    one = first = 0
    for (channels_in, channels_out, poolings), times in zip(SHAPES, TIMES):
        case = {"channels_in": channels_in, "channels_out": channels_out, "size": size >> poolings, "batch": batch}
        one += times * layer_flops(case)
        first = first or layer_flops(case)
    return WALKS[op] * one - (first if op == "training_step" else 0)
