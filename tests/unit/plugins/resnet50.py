"""ResNet-50 in PyTorch's Python, written down independently of plugins/steps/imagenet (torchvision is
no Debian package): what the plugin must agree with. Usage: resnet50.py DIRECTORY; writes there the
state dict `model`, and as raw floats two `images` and their `logits`."""
import pathlib
import sys

import torch
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = 64
        for i, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
            layer = []
            for block in range(blocks):
                layer.append(Bottleneck(inputs, width, 2 if i > 0 and block == 0 else 1))
                inputs = 4 * width
            setattr(self, f"layer{i + 1}", nn.Sequential(*layer))
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


torch.manual_seed(3)
net = ResNet50()
assert sum(p.numel() for p in net.parameters()) == 25557032
for module in net.modules():
    if isinstance(module, nn.BatchNorm2d):  # as after a training: no statistic is 0 or 1
        module.weight.data.uniform_(0.3, 0.9)
        module.bias.data.uniform_(-0.2, 0.2)
        module.running_mean.uniform_(-0.3, 0.3)
        module.running_var.uniform_(0.5, 2.0)
net.eval()
out = pathlib.Path(sys.argv[1])
images = torch.randn(2, 3, 224, 224)
with torch.inference_mode():
    (out / "logits").write_bytes(net(images).numpy().tobytes())
(out / "images").write_bytes(images.numpy().tobytes())
torch.save(dict(net.state_dict()), out / "model")
