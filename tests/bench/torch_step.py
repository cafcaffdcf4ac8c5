"""One ELECTRA-small training step on the CPU in float32, taken whenever a line comes in.

The same work as Kohaku's step: generator on masked tokens with its head at the masked positions only,
a sample from it, discriminator on the corrupted tokens, backward, clipping by the global norm, Adam.
Prints PyTorch's version when ready, then the seconds of each step. Ends with its input.
"""

import argparse
import sys
import time

import torch
from torch import nn
from torch.nn import functional

DROPOUT = 0.1
EMBEDDING = 128


class Layer(nn.Module):
    """A post-norm transformer layer."""

    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(hidden, 3 * hidden)
        self.joined = nn.Linear(hidden, hidden)
        self.joined_norm = nn.LayerNorm(hidden)
        self.intermediate = nn.Linear(hidden, 4 * hidden)
        self.output = nn.Linear(4 * hidden, hidden)
        self.output_norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x):
        batch, sequence, hidden = x.shape
        parts = self.query_key_value(x).view(batch, sequence, 3, self.heads, hidden // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        context = functional.scaled_dot_product_attention(query, key, value, dropout_p=DROPOUT)
        context = context.transpose(1, 2).reshape(batch, sequence, hidden)
        x = self.joined_norm(x + self.dropout(self.joined(context)))
        return self.output_norm(
            x + self.dropout(self.output(functional.gelu(self.intermediate(x))))
        )


class Encoder(nn.Module):
    """A stack of layers over embeddings that both encoders share."""

    def __init__(self, hidden, heads, layers=12):
        super().__init__()
        self.project = nn.Linear(EMBEDDING, hidden)
        self.layers = nn.ModuleList(Layer(hidden, heads) for _ in range(layers))

    def forward(self, embedded):
        x = self.project(embedded)
        for layer in self.layers:
            x = layer(x)
        return x


class Electra(nn.Module):
    """Generator and discriminator with tied embeddings."""

    def __init__(self, vocabulary):
        super().__init__()
        self.word = nn.Embedding(vocabulary, EMBEDDING)
        self.position = nn.Embedding(512, EMBEDDING)
        self.segment = nn.Embedding(2, EMBEDDING)
        self.norm = nn.LayerNorm(EMBEDDING)
        self.dropout = nn.Dropout(DROPOUT)
        self.generator = Encoder(64, 1)
        self.generator_dense = nn.Linear(64, EMBEDDING)
        self.generator_norm = nn.LayerNorm(EMBEDDING)
        self.vocabulary_bias = nn.Parameter(torch.zeros(vocabulary))
        self.discriminator = Encoder(256, 4)
        self.discriminator_dense = nn.Linear(256, 256)
        self.prediction = nn.Linear(256, 1)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.trunc_normal_(parameter, std=0.02)

    def embed(self, ids, segments):
        places = torch.arange(ids.shape[1])
        return self.dropout(
            self.norm(self.word(ids) + self.position(places) + self.segment(segments))
        )

    def forward(self, ids, segments, masked, positions):
        targets = ids.gather(1, positions)
        hidden = self.generator(self.embed(masked, segments))
        picked = hidden.gather(1, positions[..., None].expand(-1, -1, hidden.shape[-1]))
        picked = self.generator_norm(functional.gelu(self.generator_dense(picked)))
        logits = functional.linear(picked, self.word.weight, self.vocabulary_bias)
        masked_loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        with torch.no_grad():
            noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-9, 1 - 1e-7)))
            corrupted = ids.scatter(1, positions, (logits + noise).argmax(-1))
        hidden = self.discriminator(self.embed(corrupted, segments))
        judged = self.prediction(functional.gelu(self.discriminator_dense(hidden)))[..., 0]
        replaced = (corrupted != ids).float()
        return masked_loss + 50 * functional.binary_cross_entropy_with_logits(judged, replaced)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("batch", "sequence", "vocabulary", "picks", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    sizes = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(sizes.threads)
    model = Electra(sizes.vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, eps=1e-6, weight_decay=0.01)
    ids = torch.randint(5, sizes.vocabulary, (sizes.batch, sizes.sequence))
    positions = torch.rand(ids.shape).argsort(1)[:, : sizes.picks].sort(1).values
    masked = ids.scatter(1, positions, 4)
    segments = torch.zeros_like(ids)

    def step():
        optimizer.zero_grad()
        model(ids, segments, masked, positions).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    step()
    print(torch.__version__, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
