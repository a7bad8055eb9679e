"""The Python half of the trainer: opens base models, authors their serving graph, fine-tunes adapters. Sees token ids only."""
